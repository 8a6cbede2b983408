"""Which models answer by the average over mirror images."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from autoarch import ImageSearch
from autoarch.costs import model_costs
from autoarch.data.dataset import ImagePreprocessing
from autoarch.spaces import ResidualSpace
from autoarch.tasks.image import ImageTask
from autoarch.training.recipe import Recipe

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
