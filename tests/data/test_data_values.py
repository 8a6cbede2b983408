"""The values that the data room hands on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autoarch.data import Findings, HeldOut, ImagePreprocessing, ImageSet, PixelRange


def test_json_round_trips() -> None:
    preprocessing = ImagePreprocessing(24, 32, 1)
    again = ImagePreprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))
    assert again == preprocessing
    assert preprocessing.shape == (24, 32, 1)
    pixel_range = PixelRange(-1.0, 1.0)
    assert PixelRange.from_json(json.loads(json.dumps(pixel_range.to_json()))) == pixel_range


@pytest.mark.parametrize("values", [(0, 8, 3), (8, -1, 3), (8, 8, 2), (8, 8, 4)])
def test_impossible_preprocessing(values: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="got"):
        ImagePreprocessing(*values)


def test_pixel_range_rounds_and_clips() -> None:
    values = np.array([-2.0, -1.0, 0.0, 1.0, 9.0])
    assert PixelRange(-1, 1).to_uint8(values).tolist() == [0, 0, 128, 255, 255]
    raw = np.arange(256, dtype=np.uint8)
    assert PixelRange(0, 255).to_uint8(raw) is raw
    assert np.array_equal(PixelRange(0, 1).to_uint8(raw.astype(np.float32) / 255), raw)
    assert np.array_equal(PixelRange(0, 65_535).to_uint8(raw.astype(np.uint16) * 257), raw)


def test_image_set_is_checked() -> None:
    images = np.zeros((3, 2, 2, 1), np.uint8)
    assert len(ImageSet(images, np.zeros(3, np.int64), ("a", "b", "c"))) == 3
    with pytest.raises(ValueError, match="one length"):
        ImageSet(images, np.zeros(2, np.int64), ("a", "b", "c"))


def test_held_out_shows_itself_only_when_asked() -> None:
    inside = ImageSet(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(3, np.int64), ("a", "b", "c"))
    held_out = HeldOut(inside)
    assert len(held_out) == 3
    assert held_out.reveal() is inside
    assert "a" not in repr(held_out).replace("HeldOut", "")
    assert not {"images", "labels", "names"} & set(dir(held_out))


def test_findings_are_json() -> None:
    findings = Findings({"train": {"cat": 1}}, (("a", "b"),), 2, (("c", "truncated"),), ("note",))
    assert json.loads(json.dumps(findings.to_json())) == {
        "class_counts": {"train": {"cat": 1}},
        "duplicates": [["a", "b"]],
        "duplicates_within": 2,
        "unreadable": [["c", "truncated"]],
        "notes": ["note"],
    }
