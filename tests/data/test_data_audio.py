"""Clips of sound: what lies in a folder, how it is split, decoded, cut and padded."""

import os

import numpy as np
import pytest
import soundfile
import soxr

from autoarch.data.audio import (
    choose_preprocessing,
    load_audio,
    read_audio,
    read_labelled_audio,
    scan_audio,
)
from autoarch.data.clip import ClipPreprocessing, fit_window, loudest_start, read_clip, wav_bytes
from autoarch.data.clips import FileClips
from autoarch.data.detect import detect_task
from autoarch.data.pictures import Unreadable
from autoarch.data.split import TEST, TRAIN, VALID
from autoarch.errors import DataError

RATE = 8000


def tone(hz, seconds, rate=RATE, seed=0):
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=len(times))
    return (0.3 * np.sin(2 * np.pi * hz * times) + 0.01 * noise).astype(np.float32)


def words(
    root,
    *,
    speakers=("ann", "bob", "cem", "dee", "eva"),
    takes=3,
    classes=("low", "high"),
    seed=0,
):
    for c, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for s, speaker in enumerate(speakers):
            for take in range(takes):
                wave = tone(300 * (c + 1) + 20 * s, 0.3, seed=seed + 100 * c + 10 * s + take)
                soundfile.write(root / name / f"{name}_{speaker}_{take}.wav", wave, RATE)
    return root


@pytest.mark.parametrize(
    ("suffix", "subtype", "error"),
    [
        (".wav", "PCM_U8", 1e-2),
        (".wav", "PCM_16", 1e-4),
        (".wav", "PCM_24", 1e-6),
        (".wav", "PCM_32", 1e-6),
        (".wav", "FLOAT", 0),
        (".flac", "PCM_16", 1e-4),
        (".aiff", "PCM_16", 1e-4),
        (".ogg", "VORBIS", 0.1),
        (".mp3", "MPEG_LAYER_III", 0.1),
    ],
)
def test_every_format_and_width_is_read(tmp_path, suffix, subtype, error):
    wave = tone(400, 0.5)
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, wave, RATE, subtype=subtype)
    found = read_clip(path, ClipPreprocessing(RATE, len(wave)))
    assert found.dtype == np.float32 and found.shape == wave.shape
    if error <= 1e-2:
        assert np.abs(found - wave).max() <= error
    else:  # lossy, and delayed by some samples
        spectra = [np.abs(np.fft.rfft(x)) for x in (found, wave)]
        assert spectra[0].argmax() == spectra[1].argmax()


def test_stereo_of_another_rate_becomes_one_channel_at_the_rate(tmp_path):
    left, right = tone(500, 0.5, 48_000), tone(900, 0.5, 48_000)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 48_000, subtype="FLOAT")
    found = read_clip(tmp_path / "a.wav", ClipPreprocessing(RATE, 4000))
    np.testing.assert_allclose(found, soxr.resample((left + right) / 2, 48_000, RATE), atol=1e-6)


def test_long_clips_keep_their_loudest_window_and_short_ones_lie_between_zeros():
    preprocessing = ClipPreprocessing(RATE, 800)
    wave = 0.01 * np.random.default_rng(0).normal(size=8000).astype(np.float32)
    wave[4000:4800] *= 30
    found = fit_window(wave, preprocessing)
    # by brute force over all places where a window may begin
    energies = [np.sum(wave[s : s + 800] ** 2) for s in range(0, 7201, 80)]
    assert loudest_start(wave, 800, 80) == 80 * int(np.argmax(energies)) == 4000
    np.testing.assert_array_equal(found, wave[4000:4800])
    short = fit_window(wave[:301], preprocessing)
    np.testing.assert_array_equal(short[249:550], wave[:301])
    assert not short[:249].any() and not short[550:].any()


def test_a_very_long_clip_is_read_about_its_loudest_part_only(tmp_path):
    wave = 0.001 * np.random.default_rng(0).normal(size=60 * RATE).astype(np.float32)
    wave[30 * RATE + 500 : 30 * RATE + 1500] = tone(700, 1000 / RATE)
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    found = read_clip(tmp_path / "a.wav", ClipPreprocessing(RATE, 1000))
    assert np.sum(found**2) > 0.95 * np.sum(wave**2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"not a sound" * 99, "not a sound file"), (None, "missing")],
)
def test_why_a_file_cannot_be_read(tmp_path, content, reason):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    found = read_clip(path, ClipPreprocessing(RATE, 1000))
    assert isinstance(found, Unreadable) and reason in found.reason


def test_files_without_samples_or_with_nan_are_unreadable(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(900, np.nan, np.float32), RATE, subtype="FLOAT")
    for name, reason in (("none.wav", "no sound"), ("nan.wav", "no numbers")):
        found = read_clip(tmp_path / name, ClipPreprocessing(RATE, 1000))
        assert isinstance(found, Unreadable) and reason in found.reason


def test_a_file_whose_name_is_no_utf_8_is_read_like_any_other(tmp_path):
    path, wave = tmp_path / os.fsdecode(b"se\xf1al.wav"), tone(400, 0.5)
    try:
        path.write_bytes(wav_bytes(wave, RATE, "FLOAT"))
    except OSError:
        pytest.skip("the file system refuses such names")
    clips, preprocessing = FileClips([path]), ClipPreprocessing(RATE, len(wave))
    assert clips.facts([0]).rates == (RATE,)
    ((_, found),) = clips.decode(preprocessing)
    np.testing.assert_array_equal(found, wave)
    path.write_bytes(b"")
    assert clips.why(0) == read_clip(path, preprocessing).reason == "empty file"


def test_a_folder_is_told_as_speech_split_loaded_and_cached(tmp_path):
    root = words(tmp_path / "words")
    assert detect_task(root) == "speech"
    source = scan_audio(root, group="none")
    preprocessing = choose_preprocessing(source, None)
    assert preprocessing == ClipPreprocessing(RATE, round(0.3 * RATE))
    data = load_audio(source, preprocessing, cache=tmp_path / "cache")
    assert data.train.inputs.dtype == np.float32
    assert len(data.train) + len(data.valid) + len(data.held_out) == 30
    for path in root.rglob("*.wav"):
        path.unlink()  # the second time only the cache is read
    again = load_audio(source, preprocessing, cache=tmp_path / "cache")
    np.testing.assert_array_equal(again.train.inputs, data.train.inputs)


def speaker(name):
    return name.split("_")[-2]


@pytest.mark.parametrize("group", ["auto", r"_([a-z]+)_\d+\.wav"])
def test_nobody_speaks_in_two_parts(tmp_path, group):
    source = scan_audio(words(tmp_path / "words"), group=group)
    parts = [
        {speaker(n) for n, s in zip(source.names, source.splits) if s == part}
        for part in (TRAIN, VALID, TEST)
    ]
    assert all(parts) and len(set.union(*parts)) == sum(map(len, parts)) == 5
    assert any("tell the speakers" in note for note in source.notes) == (group == "auto")
    for part in (TRAIN, VALID, TEST):
        assert set(source.labels[source.splits == part]) == {0, 1}


def test_speakers_are_not_guessed_from_take_numbers_or_few_conditions(tmp_path):
    root = words(tmp_path / "words", speakers=("clean", "noisy"), takes=6)
    assert not scan_audio(root).notes


def test_a_test_part_of_the_same_speakers_is_left_as_it_is(tmp_path):
    for part in ("train", "test"):
        words(tmp_path / "words" / part)
    source = scan_audio(tmp_path / "words")
    assert any("in test, too" in note for note in source.notes)
    everywhere = {speaker(n) for n, s in zip(source.names, source.splits) if s == TRAIN}
    assert len(everywhere) == 5


def test_a_validation_part_of_the_same_speakers_is_told_and_not_called_one_of_strangers(tmp_path):
    for seed, part in ((0, "train"), (1000, "valid")):
        words(tmp_path / "words" / part, seed=seed)
    notes = scan_audio(tmp_path / "words").notes
    assert [note for note in notes if "peakers" in note] == [
        "Speakers of train are in valid, too: what is split off is split without regard to them."
    ]
    source = scan_audio(tmp_path / "words", group=r"_([a-z]+)_\d+\.wav")
    assert "Speakers of train are in valid, too, as these parts were given." in source.notes
    held = {speaker(n) for n, s in zip(source.names, source.splits) if s == TEST}
    assert held and not held & {
        speaker(n) for n, s in zip(source.names, source.splits) if s == TRAIN
    }


def test_a_column_of_a_manifest_names_the_speakers(tmp_path):
    root = words(tmp_path / "words")
    rows = ["path,label,speaker,room"]
    for path in sorted(root.rglob("*.wav")):
        rows.append(f"{path.relative_to(tmp_path)},{path.parent.name},{speaker(path.name)},r")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    for group in ("auto", "speaker"):
        source = scan_audio(tmp_path / "list.csv", group=group)
        held = {speaker(n) for n, s in zip(source.names, source.splits) if s == TEST}
        others = {speaker(n) for n, s in zip(source.names, source.splits) if s != TEST}
        assert held and not held & others
    with pytest.raises(DataError, match="no such column"):
        scan_audio(tmp_path / "list.csv", group="dialect")


def test_arrays_of_any_length_and_integers(tmp_path):
    waves = [
        (32767 * tone(300 * (1 + i % 2), 0.2 + 0.01 * i, seed=i)).astype("int16") for i in range(20)
    ]
    labels = [i % 2 for i in range(20)]
    source = scan_audio(waves, labels, rate=RATE)
    data = load_audio(source, choose_preprocessing(source, None))
    assert data.label_kind == "int" and 0.25 < np.abs(data.train.inputs).max() < 0.4
    inputs, names, unreadable = read_audio(waves[:3], data.preprocessing, rate=RATE)
    assert inputs.shape == (3, data.preprocessing.samples) and names[2] == "x[2]"
    assert not unreadable
    found, _ = read_labelled_audio(
        waves, labels, classes=("0", "1"), preprocessing=data.preprocessing, rate=RATE
    )
    assert found.labels.tolist() == labels


def test_duplicates_across_parts_leave_training(tmp_path):
    for seed, part in ((0, "train"), (1000, "test")):
        words(tmp_path / "words" / part, seed=seed)
    copy = tmp_path / "words/test/low/low_ann_0.wav"
    (tmp_path / "words/train/low/low_ann_0.wav").write_bytes(copy.read_bytes())
    source = scan_audio(tmp_path / "words", group="none")
    data = load_audio(source, choose_preprocessing(source, None))
    dropped = str(tmp_path / "words/train/low/low_ann_0.wav")
    assert data.findings.duplicates == ((str(copy), dropped),)


def test_one_clip_of_hours_decides_nothing_and_is_told(tmp_path):
    root = words(tmp_path / "words")
    soundfile.write(root / "low" / "low_ann_9.wav", np.tile(tone(300, 1), 600), RATE)
    alone = choose_preprocessing(scan_audio(words(tmp_path / "alone")), None).samples
    source = scan_audio(root)
    assert choose_preprocessing(source, None).samples == alone <= 0.4 * RATE
    assert any("1 of 31 clips looked at are more than three times" in n for n in source.notes)
    assert choose_preprocessing(source, 0.5).samples == 4000


def test_mixed_rates_are_told_and_brought_to_the_lower(tmp_path):
    root = words(tmp_path / "words")
    for take in range(20):
        stereo = np.stack([tone(300, 0.3, 48_000, seed=take)] * 2, axis=1)
        soundfile.write(root / "low" / f"low_fay_{take + 10}.wav", stereo, 48_000)
    source = scan_audio(root)
    assert choose_preprocessing(source, None).rate == RATE
    assert any("different rates: 8000 Hz (30), 48000 Hz (20)" in note for note in source.notes)


def test_clips_of_too_few_samples_a_second_are_refused_in_one_line(tmp_path):
    root = words(tmp_path / "words")
    for seed, path in enumerate(sorted(root.rglob("*.wav"))):
        soundfile.write(path, tone(100, 0.3, 500, seed), 500)
    source = scan_audio(root, group="none")
    with pytest.raises(DataError, match="have 500 samples a second; at least 1000") as error:
        choose_preprocessing(source, None)
    assert "\n" not in str(error.value)


def test_silence(tmp_path):
    root = words(tmp_path / "words")
    soundfile.write(root / "low" / "low_ann_0.wav", np.zeros(2400), RATE)
    source = scan_audio(root, group="none")
    notes = load_audio(source, choose_preprocessing(source, None)).findings.notes
    assert "1 clip is silent." in notes
    waves = [np.zeros(2000 + i, np.float32) for i in range(20)]
    silent = scan_audio(waves, [0, 1] * 10, rate=RATE)
    with pytest.raises(DataError, match=r"No training clip is left|silent"):
        load_audio(silent, choose_preprocessing(silent, None))


def test_unreadable_clips_are_told_and_too_many_refused(tmp_path):
    root = words(tmp_path / "words")
    bad = sorted(root.rglob("*.wav"))
    bad[0].write_bytes(b"RIFFnonsense")
    source = scan_audio(root, group="none")
    found = load_audio(source, choose_preprocessing(source, None)).findings
    assert [name for name, _ in found.unreadable] == [str(bad[0])]
    for path in bad[:12]:
        path.write_bytes(b"nonsense")
    source = scan_audio(root, group="none")
    with pytest.raises(DataError, match="12 of 30 clips cannot be read"):
        load_audio(source, choose_preprocessing(source, None))
    for path in bad:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"None of 30 files looked at is a readable clip.*empty"):
        scan_audio(root, group="none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": None}, "Arrays need labels"),
        ({"rate": None}, "need `rate`"),
        ({"labels": [0.5 + i for i in range(12)]}, r"whole numbers|regression|fraction"),
        ({"labels": [0] * 12}, "at least two classes"),
        ({"group": "speaker"}, "goes with files only"),
    ],
)
def test_bad_arrays_are_refused(arguments, message):
    waves = [tone(300, 0.2, seed=i) for i in range(12)]
    given = {"labels": [0, 1] * 6, "rate": RATE, **arguments}
    with pytest.raises(DataError, match=message):
        scan_audio(waves, **given)


def test_nan_in_arrays_and_pictures_are_refused():
    with pytest.raises(DataError, match="NaN or infinity, first in clip 0"):
        scan_audio([np.full(500, np.nan)] * 12, [0, 1] * 6, rate=RATE)
    with pytest.raises(DataError, match="must hold waveforms"):
        scan_audio(np.zeros((12, 8, 8)), [0, 1] * 6, rate=RATE)
