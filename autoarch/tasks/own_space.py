"""A search space that the user has written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras_tuner

from autoarch.errors import InvalidInputError
from autoarch.spaces import SearchSpace
from autoarch.spaces.hypermodel import HyperModelSpace
from autoarch.training.recipe import Recipe


def as_given(own: Any) -> Any:
    """What a user gave as `space`; of a KerasTuner `HyperModel` the space of what it builds."""
    is_other = isinstance(own, keras_tuner.HyperModel) and not isinstance(own, SearchSpace)
    return HyperModelSpace(own) if is_other else own


def family_of(own: Any) -> Callable[..., SearchSpace]:
    """What makes a space for data of a shape, from what the user gave as `space`.

    Args:
        own: A subclass of `SearchSpace`, or what else makes one from a shape and a number of
            classes, and from `width` and `recipe` where it takes those; or a space itself.

    Returns:
        Takes a shape, a number of classes and, by name, `width` and `recipe`.
    """
    if isinstance(own, SearchSpace):
        return _the_one(own)
    if not callable(own):
        raise InvalidInputError(
            "`space` must be a name, a SearchSpace, or what makes one from (input_shape, classes); "
            f"got {own!r}."
        )
    parameters = inspect.signature(own).parameters.values()
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    taken = {p.name for p in parameters}

    def make(
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = 16,
        recipe: Recipe | None = None,
    ) -> SearchSpace:
        given = {"width": width, "recipe": recipe}
        made = own(
            input_shape, classes, **{k: v for k, v in given.items() if takes_all or k in taken}
        )
        if not isinstance(made, SearchSpace):
            raise InvalidInputError(f"`space` must make a SearchSpace; it made {made!r}.")
        if recipe is not None and not takes_all and "recipe" not in taken:
            made.default_recipe = recipe
        return made

    return make


def _the_one(space: SearchSpace) -> Callable[..., SearchSpace]:
    def make(
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = 16,
        recipe: Recipe | None = None,
    ) -> SearchSpace:
        if space.input_shape != tuple(input_shape) or space.classes != classes:
            raise InvalidInputError(
                f"The space is for inputs of {_shape(space.input_shape)} and {space.classes} "
                f"classes, the data has {_shape(input_shape)} and {classes}; give the class in "
                "place of a space, which is then made for the data."
            )
        if recipe is not None and space.default_recipe == Recipe():  # it has none of its own
            space.default_recipe = recipe
        return space

    return make


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
