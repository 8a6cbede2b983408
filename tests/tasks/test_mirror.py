"""Which pictures are mirrored in training, and which models answer by the average over mirror
images."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoarch import ImageSearch
from autoarch.costs import model_costs
from autoarch.data.dataset import ImagePreprocessing
from autoarch.search.plain import PlainProgress
from autoarch.spaces import ResidualSpace
from autoarch.tasks.image import ImageTask
from autoarch.training.precision import USUAL_MACS_PER_S, Speed
from autoarch.training.recipe import Recipe
from autoarch.trials import RunDirectory

SHAPE = (8, 8, 3)


def is_mirrored(recipe: Recipe | None = None, **arguments: Any) -> bool:
    space = ResidualSpace(SHAPE, 3, width=4)
    candidate = replace(space.candidate({}), recipe=recipe or Recipe())
    weights = tuple(np.asarray(w) for w in candidate.architecture.build().get_weights())
    data = SimpleNamespace(classes=("a", "b", "c"), preprocessing=ImagePreprocessing(*SHAPE))
    settings = ImageSearch(**arguments)._settings()
    return ImageTask.finished(None, candidate, weights, data, settings).mirrored


def test_models_that_learned_mirror_images_are() -> None:
    assert is_mirrored()
    assert is_mirrored(ship="int8")
    assert not is_mirrored(Recipe(flip=False))
    assert not is_mirrored(mirror="none")


def test_limits_on_size_and_weights_leave_it_free() -> None:
    assert is_mirrored(constraints={"max_size": "1MB", "max_params": "1M"})
    for work in ({"max_macs": "1G"}, {"max_ram": "1MB"}):
        assert not is_mirrored(constraints={"max_size": "1MB", **work})
    assert not is_mirrored(device="microcontroller")
    assert not is_mirrored(mobile=True)
    assert not is_mirrored(prefer="size=10KB")
    assert not is_mirrored(objectives="accuracy,size")


def test_it_is_left_out_where_the_file_has_no_room_for_it() -> None:
    costs = model_costs(ResidualSpace(SHAPE, 3, width=4).candidate({}).architecture)
    room = costs.int8_file_bytes + costs.mirror_bytes
    assert is_mirrored(constraints={"max_size": room})
    assert not is_mirrored(constraints={"max_size": room - 1})


def trial_0(pictures: Any, labels: Any, folder: Any, **arguments: Any) -> tuple[Recipe, list[str]]:
    """Its recipe, and what was noticed in the data."""
    search = ImageSearch(time=None, **arguments)
    settings = search._settings()
    task = search._open(pictures, labels, None, settings)
    run = RunDirectory(folder)
    run.create({})
    setup = task.setup(settings, Speed("float32", USUAL_MACS_PER_S, 1.0, None, "cpu"))
    data = task.load(setup, run, PlainProgress())
    space = task.space(settings, setup, data)
    space.steer(settings.steering)
    return space.candidate({}).recipe, list(data.findings.notes)


@pytest.mark.parametrize("channels, usual", [(1, False), (3, True)])
@pytest.mark.parametrize("sides", [False, True])
def test_what_pictures_tell_of_their_sides_counts_for_more_than_their_colours(
    channels: int, usual: bool, sides: bool, tmp_path: Any
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    pictures = rng.integers(0, 60, (200, 16, 16, channels)).astype(np.uint8)
    for picture, label in zip(pictures, labels):
        high, wide = (9, 3) if label else (3, 9)
        top, left = rng.integers(16 - high), rng.integers(16 - wide)
        if sides:  # all of them on the left, or on the right
            high, wide, left = 9, 3, 2 + 9 * label
        picture[top : top + high, left : left + wide] += 150
    recipe, notes = trial_0(pictures, labels, tmp_path / "run")
    assert recipe.flip is not sides
    told = [note for note in notes if "mirror images" in note]
    assert len(told) == (recipe.flip is not usual)
    kept, _ = trial_0(pictures, labels, tmp_path / "other", fixed={"recipe/flip": sides})
    assert kept.flip is sides
