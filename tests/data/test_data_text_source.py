import json

import numpy as np
import pandas
import pytest

from autoarch.data import detect_task
from autoarch.data.split import TEST, TRAIN, VALID
from autoarch.data.text import TextPreprocessing
from autoarch.data.text_files import read_text
from autoarch.data.text_source import choose_rows, frame_texts, load_texts, scan_texts
from autoarch.errors import DataError

GOOD = [f"good number {i} \U0001f600" for i in range(15)]
BAD = [f"bad number {i}" for i in range(15)]


def table(folder, name="reviews.csv", header="text,label", rows=None, encoding="utf-8"):
    rows = rows or [f"{t},good" for t in GOOD] + [f"{t},bad" for t in BAD]
    path = folder / name
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def test_a_table_is_split_and_becomes_ids(tmp_path):
    path = table(tmp_path)
    assert detect_task(str(path)) == "text"
    source = scan_texts(path)
    assert source.classes == ("bad", "good")
    assert [int(np.sum(source.splits == part)) for part in (TRAIN, VALID, TEST)] == [22, 4, 4]
    data = load_texts(source, choose_rows(source))
    assert data.train.inputs.shape == (22, 8, 23) and data.train.inputs.dtype == np.uint16
    seen = set(data.preprocessing.vocabulary)
    assert "number" in seen and "good" in seen
    # learned on the training texts alone
    train_words = {w for text in data.train.texts for w in text.split()}
    assert seen <= train_words
    assert len(data.train_and_valid().texts) == 26


def test_columns_are_guessed_or_named_and_joined(tmp_path):
    rows = [f"{i};title {i};body {i};{'yes' if i % 2 else 'no'}" for i in range(20)]
    path = table(tmp_path, header="id;Title;Body;Stars", rows=rows)
    source = scan_texts(path, text_column="title,body", label_column="stars")
    assert source.rows.texts[3] == "title 3\nbody 3" and source.classes == ("no", "yes")
    with pytest.raises(DataError, match=r"no column named 'text'.* it has 'id', 'Title'"):
        scan_texts(path, label_column="stars")
    with pytest.raises(DataError, match=r"no label column 'nope'; it has 'id'"):
        scan_texts(path, text_column="title", label_column="nope")


def test_parts_in_files_of_their_own_and_duplicates(tmp_path):
    table(tmp_path, "train.csv")
    table(tmp_path, "test.csv", rows=["Good  NUMBER 3 \U0001f600,good", "new,bad"])
    source = scan_texts(tmp_path)
    assert [n for _, n in source.duplicates] == [f"{tmp_path / 'train.csv'}, line 5"]
    assert source.texts_of(TEST) == ["Good  NUMBER 3 \U0001f600", "new"]
    assert GOOD[3] not in source.texts_of(TRAIN) + source.texts_of(VALID)


def test_two_files_of_one_part_are_refused_and_classes_may_have_such_names(tmp_path):
    for name in ("train.csv", "valid.csv", "dev.csv"):
        table(tmp_path, name)
    with pytest.raises(DataError, match=r"has both dev.csv and valid.csv; keep one"):
        scan_texts(tmp_path)
    for labels in (("test", "testing"), ("other", "train.v1")):
        for label in labels:
            (tmp_path / labels[0] / label).mkdir(parents=True)
            for i, text in enumerate(GOOD):
                (tmp_path / labels[0] / label / f"{i}.txt").write_text(f"{label} {text}", "utf-8")
        assert scan_texts(tmp_path / labels[0]).classes == labels


def test_a_validation_part_that_was_given_is_not_trained_on(tmp_path):
    table(tmp_path, "train.csv")
    table(tmp_path, "valid.csv", rows=["fine,good", "poor,bad"])
    given, drawn = (load_texts(scan_texts(path), 8) for path in (tmp_path, tmp_path / "train.csv"))
    assert given.valid.texts == ("fine", "poor")
    assert drawn.can_be_joined and not given.can_be_joined


def test_folders_lists_json_lines_and_encodings(tmp_path):
    for label, texts in (("good", GOOD), ("bad", BAD)):
        (tmp_path / "folder" / label).mkdir(parents=True)
        for i, text in enumerate(texts):
            (tmp_path / "folder" / label / f"{i}.txt").write_text(text, "utf-8")
    by_folder = scan_texts(tmp_path / "folder")
    by_list = scan_texts(GOOD + BAD, [1] * 15 + [0] * 15)
    assert sorted(by_folder.rows.texts) == sorted(by_list.rows.texts)
    assert by_list.classes == ("0", "1") and by_list.label_kind == "int"
    lines = [json.dumps({"sentence": t, "category": "a"}) for t in GOOD] + ["{broken"]
    lines += [json.dumps({"sentence": t, "category": "b"}) for t in BAD]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    source = scan_texts(tmp_path / "x.jsonl")
    assert source.rows.skipped == ((f"{tmp_path / 'x.jsonl'}, line 16", "no JSON object"),)
    rows = [f"caf\xe9 {i},{'a' if i % 2 else 'b'}" for i in range(20)]
    source = scan_texts(table(tmp_path, "latin.csv", rows=rows, encoding="latin-1"))
    assert source.rows.texts[0] == "caf\xe9 0" and "Latin-1" in source.notes[0]


def test_bytes_that_are_no_utf_8_are_chinese_or_western(tmp_path):
    for encoding, text, name in (
        ("gb18030", "\u5f88\u597d\u5403, \u9001\u9910\u5feb!", "GB 18030"),
        ("gb18030", "\u975e\u5e38\u5acb\u5acb 3 \u70b9", "GB 18030"),
        ("latin-1", "caf\xe9 cr\xe8me, tr\xe8s bon", "Latin-1"),
        ("latin-1", "na\xefve", "Latin-1"),
    ):
        (tmp_path / "one.txt").write_bytes(text.encode(encoding))
        assert read_text(tmp_path / "one.txt")[0] == text
        assert f"read as {name}." in read_text(tmp_path / "one.txt")[1][0]


def test_any_table_of_texts_is_told_from_a_manifest(tmp_path):
    long = ["word " * 200_000 + ",good"]
    broken = ['a "quoted" word,good', '"never closed,bad']
    for number, (rows, encoding) in enumerate([(long, "utf-8"), (broken, "utf-16")]):
        rows = [f"{t},good" for t in GOOD] + [f"{t},bad" for t in BAD] + rows
        path = table(tmp_path, f"{number}.csv", rows=rows, encoding=encoding)
        assert detect_task(path) == "text"
        assert len(scan_texts(path).rows.texts) == len(rows)
    (tmp_path / "empty.csv").write_text("\n")
    with pytest.raises(DataError, match=r"empty\.csv is empty"):
        detect_task(tmp_path / "empty.csv")


def test_a_folder_of_tables_whose_columns_tell_nothing_gets_to_know_which_it_lacks(tmp_path):
    for part in ("train", "test"):
        table(tmp_path, f"{part}.csv", header="file,class")
    assert detect_task(tmp_path / "train.csv") == "image"
    assert detect_task(tmp_path) == "text"
    with pytest.raises(DataError, match=r"it has 'file', 'class'.*--text-column; a table of files"):
        scan_texts(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")  # tables of whatever lie beside pictures, too
    assert detect_task(tmp_path) == "image"


def test_quotes_that_belong_to_the_texts_do_not_swallow_rows(tmp_path):
    rows = [f'"{text}\tgood' for text in GOOD] + [f"{text}\tbad" for text in BAD]
    source = scan_texts(table(tmp_path, "x.tsv", header="text\tlabel", rows=rows))
    assert source.rows.texts[:2] == (f'"{GOOD[0]}', f'"{GOOD[1]}')
    assert len(source.rows.texts) == 30 and not source.rows.skipped
    quoted = [f'"{text}, ""well"",\nsaid",{text[:3]}' for text in GOOD + BAD]
    source = scan_texts(table(tmp_path, rows=[*quoted, '"odd" one,bad', "x,y,z"]))
    assert source.rows.texts[0] == f'{GOOD[0]}, "well",\nsaid'
    assert len(source.rows.texts) == 31 and len(source.rows.skipped) == 1


def test_lines_of_json_may_lack_what_others_have(tmp_path):
    lines = [{"id": 0}, *({"text": t, "label": t[:1]} for t in GOOD + BAD)]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    source = scan_texts(tmp_path / "x.jsonl")
    assert source.classes == ("b", "g") and source.rows.skipped[0][1] == "no text"


def test_a_table_without_any_text_says_so(tmp_path):
    with pytest.raises(DataError, match=r"no row with a text and a label; .*line 2: no text"):
        scan_texts(table(tmp_path, rows=[f" ,{'a' if i % 2 else 'b'}" for i in range(20)]))
    with pytest.raises(DataError, match="'label' cannot be both a text and the label"):
        scan_texts(table(tmp_path), text_column="text,label")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([*GOOD, None], "must be strings; got None"),
        (set(GOOD), "must be a list, an array or a DataFrame; got a set"),
        ((text for text in GOOD), "got a generator"),
        (GOOD, "15 examples but 16 labels"),
        (["same"] * 16, "copies of one text"),
    ],
)
def test_values_that_are_no_texts_are_refused(texts, message):
    with pytest.raises(DataError, match=message):
        scan_texts(texts, ["a", "b"] * 8)


def test_columns_of_a_frame_need_no_text_for_a_name():
    frame = pandas.DataFrame({0: GOOD + BAD, 1: ["a"] * 15 + ["b"] * 15})
    source = scan_texts(frame, text_column="0", label_column="1")
    assert source.rows.texts == tuple(GOOD + BAD) and source.classes == ("a", "b")


def test_pandas():
    frame = pandas.DataFrame(
        {"title": GOOD + BAD, "body": "b", "label": [True] * 15 + [False] * 15}
    )
    source = scan_texts(frame, text_column="title,body")
    assert source.rows.texts[0] == f"{GOOD[0]}\nb"
    assert source.classes == ("False", "True") and source.label_kind == "bool"
    series = scan_texts(frame["title"], frame["label"].map({True: "yes", False: "no"}))
    assert series.rows.texts == tuple(GOOD + BAD) and series.classes == ("no", "yes")
    with pytest.raises(DataError, match=r"no label column 'nope'; it has 'title'"):
        scan_texts(frame, text_column="title", label_column="nope")
    frame.loc[3, "title"] = None
    gap = scan_texts(frame, text_column="title")
    assert gap.rows.skipped == (("train[3]", "no text"),) and len(gap.rows.texts) == 29
    with pytest.raises(DataError, match="holds its labels"):
        scan_texts(frame, [1] * 30, text_column="title")
    frame["label"] = frame["label"].astype(object)
    frame.loc[4, "label"] = None
    assert ("train[4]", "no label") in scan_texts(frame, text_column="title").rows.skipped
    with pytest.raises(DataError, match="regression"):
        scan_texts(GOOD + BAD, pandas.Series(range(30)) / 7)


def test_a_column_of_texts_is_none_of_classes(tmp_path):
    rows = [f"{text},on {i}\u0009the left" for i, text in enumerate(GOOD)] + [f"{BAD[0]},on 3"]
    with pytest.raises(DataError, match=r"labels of 16 texts have 16 different .*`label_column`"):
        scan_texts(table(tmp_path, rows=rows))
    few = [f"{text},{i}" for i, text in enumerate(GOOD[:5])]
    with pytest.raises(DataError, match="holds 5 texts to train on; at least 10"):
        scan_texts(table(tmp_path, rows=few))


def test_words_with_vectors_have_ids_too():
    texts = ["seen twice"] * 2
    learned = TextPreprocessing.learned(texts, 8, vectors=["seen", "pretrained", "two-parts", "Up"])
    assert learned.vocabulary == ("seen", "twice", "pretrained")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([f"text {i},same" for i in range(20)], "only the class 'same'"),
        ([f"text {i},{i / 7:.3f}" for i in range(20)], "regression is not supported"),
        (["one,a", "two,b"], "at least 10"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        scan_texts(table(tmp_path, rows=rows))


def test_empty_files_are_refused_and_numbers_and_long_rows_are_not(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="is empty"):
        scan_texts(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="no rows"):
        (tmp_path / "header.csv").write_text("text,label\n")
        scan_texts(tmp_path / "header.csv")
    rows = [f"text {i},{i % 3}" for i in range(30)] + ["broken", f"{'long ' * 200_000},1"]
    source = scan_texts(table(tmp_path, rows=rows))
    assert source.classes == ("0", "1", "2")
    assert source.rows.skipped[0][1] == "1 fields where the header has 2"
    ids = TextPreprocessing.learned(["long text"] * 2, 16).ids([source.rows.texts[-1]])
    assert (ids[0, :, 0] == 2).all()


@pytest.mark.parametrize("content", ["\0" * 9, ",,,\n,,,\n"])
def test_a_table_of_nothing_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    assert detect_task(tmp_path / "x.csv") == "image"
    with pytest.raises(DataError, match="no rows") as error:
        scan_texts(tmp_path / "x.csv")
    assert "\n" not in str(error.value)


def test_nan_in_lines_of_json_is_nothing(tmp_path):
    nan = float("nan")
    lines = [{"text": nan, "label": "g"}, {"text": "so so", "label": nan}]
    lines += [{"text": t, "label": t[:1]} for t in GOOD + BAD]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    source = scan_texts(tmp_path / "x.jsonl")
    assert source.classes == ("b", "g") and len(source.rows.texts) == 30
    assert [reason for _, reason in source.rows.skipped] == ["no text", "no label"]


def test_a_class_folder_may_be_a_link(tmp_path):
    for folder, texts in (("data/good", GOOD), ("elsewhere", BAD)):
        (tmp_path / folder).mkdir(parents=True)
        for i, text in enumerate(texts):
            (tmp_path / folder / f"{i}.txt").write_text(text, "utf-8")
    (tmp_path / "data/bad").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    source = scan_texts(tmp_path / "data")
    assert source.classes == ("bad", "good") and len(source.rows.texts) == 30


def test_gaps_among_categories_and_whole_numbers_of_a_frame_are_no_text():
    title = pandas.Categorical(["plain", None, "odd"])
    frame = pandas.DataFrame({"title": title, "stars": pandas.array([4, 5, None], "Int64")})
    assert frame_texts(frame, "title,stars") == ["plain\n4", "5", "odd"]


def test_texts_of_valid_that_are_also_in_test_are_told(tmp_path):
    table(tmp_path, "train.csv")
    table(tmp_path, "valid.csv", rows=["fine,good", "poor,bad"])
    table(tmp_path, "test.csv", rows=["fine,good", "new,bad"])
    assert "1 texts of valid are also in test." in scan_texts(tmp_path).notes


def test_where_all_validation_texts_are_test_texts_nothing_can_be_compared(tmp_path):
    path = table(tmp_path, "train.csv")
    drawn = scan_texts(path, test=table(tmp_path, "new.csv", rows=["new,good"])).texts_of(VALID)
    copies = table(tmp_path, "copies.csv", rows=[f"{text},{text.split()[0]}" for text in drawn])
    with pytest.raises(DataError, match="No validation text is left"):
        scan_texts(path, test=copies)
