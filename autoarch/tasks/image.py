"""Image classification: what `autoarch fit photos/` and `ImageSearch().fit("photos/")` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.costs import model_costs
from autoarch.data import (
    ExampleSet,
    ImageData,
    ImagePreprocessing,
    ImageSource,
    PixelRange,
    TaskData,
    infer_channels,
    load_images,
    load_labelled,
    read_images,
    scan_images,
)
from autoarch.data.mirroring import with_mirroring
from autoarch.data.split import TRAIN
from autoarch.errors import DataError, InvalidInputError
from autoarch.evaluation.held_out import as_picture
from autoarch.export import Samples, TrainedModel
from autoarch.objectives import classification_metrics
from autoarch.search.budget import expected_final_s
from autoarch.search.progress import Progress
from autoarch.spaces import (
    Candidate,
    PretrainedSpace,
    ReferenceSpace,
    ResidualSpace,
    SearchSpace,
    get_space,
)
from autoarch.spaces.backbones import Backbone, find_backbones
from autoarch.spaces.hypermodel import HyperModelSpace
from autoarch.tasks.base import BaseSearch
from autoarch.tasks.limits import fitting_scale
from autoarch.tasks.own_space import as_given, family_of
from autoarch.tasks.scaling import (
    Scale,
    choose_pretrained,
    choose_scale,
    default_recipe,
    sizing_space,
)
from autoarch.tasks.settings import Settings
from autoarch.tasks.task import Setup, Task, described
from autoarch.training.augment import Augmenter, make_augmenter
from autoarch.training.fit import Array
from autoarch.training.linear_head import LinearHeads
from autoarch.training.precision import Speed
from autoarch.trials import RunDirectory

_OPENING_S = 10.0
"""Seconds that importing, reading and probing take, as far as choosing a size is concerned."""


class ImageTask(Task):
    """Pictures with one class each.

    Args:
        source: What was found in the data.
        x: What the user gave; names the run.
        own_space: The user's own space, see `family_of`, or None for one by name.
        backbones: Networks that come trained, by name; none where the search begins from scratch.
        notes: What the user is told, once.
    """

    name = "image"
    noun = "picture"

    def __init__(
        self,
        source: ImageSource,
        x: Any,
        own_space: Any = None,
        backbones: Mapping[str, Backbone] | None = None,
        notes: Sequence[str] = (),
    ):
        self._source = source
        self._own_space = own_space
        self._backbones, self._notes = backbones or {}, notes
        self.fingerprint = source.fingerprint
        self.description, self.short_name = described(x, "images")
        self.facts = {
            "labels": source.label_kind,
            "pixel_range": source.pixel_range and source.pixel_range.to_json(),
        }

    def setup(self, settings: Settings, speed: Speed) -> Setup:
        source = self._source
        examples = int(np.sum(source.splits == TRAIN))
        channels = infer_channels(source)
        classes = len(source.classes)
        own = self._own_space
        side = own.input_shape[0] if isinstance(own, SearchSpace) else settings.image_size
        network, scale = self._scale(settings, speed, examples, channels, side)
        family = self._family(settings, network)
        width = settings.steering.width

        def steered(*args: Any, **kwargs: Any) -> SearchSpace:
            space = family(*args, **kwargs)
            space.steer(settings.steering, strict=False)  # sizes differ in their decisions
            return space

        scale = fitting_scale(
            scale if width is None else Scale(scale.side, width),
            steered,
            channels,
            classes,
            settings.budgets,
            side_is_given=side is not None,
            width_is_given=width is not None,
        )
        preprocessing = ImagePreprocessing(scale.side, scale.side, channels)
        recipe = default_recipe(
            side=scale.side, channels=channels, examples=examples, pretrained=network is not None
        )
        # What cannot be is refused here, before the data is read.
        space = family(preprocessing.shape, classes, width=scale.width, recipe=recipe)
        space.steer(settings.steering)
        return Setup(preprocessing.to_json(), scale.width, recipe, speed, network)

    def _scale(
        self, settings: Settings, speed: Speed, examples: int, channels: int, side: int | None
    ) -> tuple[str | None, Scale]:
        """Trial 0's backbone, if any, and its size."""
        known: dict[str, Any] = {
            "median_side": min(self._source.sizes),
            "image_size": side,
            "examples": examples,
            "channels": channels,
            "classes": len(self._source.classes),
            "training_s": expected_final_s(settings.time_limit_s, opening_s=_OPENING_S),
            "macs_per_s": speed.macs_per_s,
        }
        if self._backbones:
            return choose_pretrained(self._backbones, **known)
        fixed_shape = isinstance(self._own_space, SearchSpace)
        family = ResidualSpace if fixed_shape else self._family(settings, None)
        narrow = family is ResidualSpace and not fixed_shape
        return None, choose_scale(sizing_space(family), narrow=narrow, **known)

    def load(self, setup: Setup, run: RunDirectory, progress: Progress) -> ImageData:
        for note in self._notes:
            progress.note(note)
        data = load_images(
            self._source,
            ImagePreprocessing.from_json(setup.preprocessing),
            cache=run.cache,
            progress=progress.reading,
        )
        return with_mirroring(data, usual=setup.recipe.flip)

    def space(self, settings: Settings, setup: Setup, data: TaskData) -> SearchSpace:
        assert isinstance(data, ImageData)
        recipe, more = setup.recipe, {}
        if data.mirrored is not None:
            recipe = replace(recipe, flip=data.mirrored)
        if setup.network is not None:
            more["heads"] = LinearHeads(
                data.train, len(data.classes), mirrored=recipe.flip, seed=settings.seed
            )
        return self._family(settings, setup.network)(
            data.preprocessing.shape,
            len(data.classes),
            width=setup.width,
            recipe=recipe,
            **more,
        )

    def _family(self, settings: Settings, backbone: str | None) -> Callable[..., SearchSpace]:
        """What makes the space from a shape, the classes and a width.

        Args:
            settings: What the user asked for.
            backbone: The name of trial 0's, as decided at the beginning of the run, or None.
        """
        if self._own_space is not None:
            return family_of(self._own_space)
        if settings.architecture is not None:
            exact = settings.steering.width is not None
            return partial(ReferenceSpace, settings.architecture, exact=exact)
        if backbone is None:
            scratch = settings.space in ("auto", PretrainedSpace.name)
            return get_space("residual" if scratch else settings.space)
        if backbone not in self._backbones:
            raise InvalidInputError(
                f"The run began with the weights of {backbone}, which {settings.pretrained} does "
                "not give any more; put them back to go on."
            )

        def pretrained(
            shape: tuple[int, ...], classes: int, *, width: int = 0, **more: Any
        ) -> SearchSpace:
            return PretrainedSpace(
                shape, classes, backbones=self._backbones, backbone=backbone, **more
            )

        return pretrained

    def augmenter(self, shape: tuple[int, ...], classes: int) -> Augmenter:
        return make_augmenter(shape, classes)

    def samples(self, model: TrainedModel, part: ExampleSet, chosen: Array) -> Samples:
        paths = [Path(part.names[i]) for i in chosen]
        are_files = all(path.is_file() for path in paths)
        encoded = [path.read_bytes() for path in paths] if are_files else None
        return Samples.answered_by(model, np.asarray(part.inputs[chosen]), encoded)

    def show(self, part: ExampleSet, position: int) -> dict[str, Any]:
        return as_picture(part, position)

    def finished(
        self, candidate: Candidate, weights: tuple[Array, ...], data: TaskData, settings: Settings
    ) -> TrainedModel:
        network = candidate.architecture
        mirrored = candidate.recipe.flip and settings.mirror == "auto" and not settings.counts_work
        if mirrored and settings.max_size_bytes is not None:
            costs = model_costs(network)
            mirrored = costs.int8_file_bytes + costs.mirror_bytes <= settings.max_size_bytes
        return TrainedModel(network, weights, data.classes, data.preprocessing, mirrored=mirrored)


@dataclass(eq=False, repr=False, kw_only=True)
class ImageSearch(BaseSearch):
    """Searches, trains and exports an image classifier.

    Args:
        time: Everything is done within this: "90s", "10m", "1h30m", seconds, or None for no limit
            (a run is then repeatable to the last digit by its seed, on CPUs).
        trials: Most networks to try; None for as many as the time allows.
        oracle: How they are chosen: "auto", or a key of `autoarch.oracles.ORACLES`.
        evaluator: How candidates are measured: "train" trains each for some epochs; "one-shot"
            trains shared weights once, scores as many candidates with them as the time allows, and
            trains the best alone; "zero-cost" leaves out the worse half of networks scored without
            any training; "darts", "darts-second-order" (cell space), "fbnet" and "proxyless"
            (mobile space) train one network of all options, then alone what its gradients chose.
        space: Family of networks: "auto", "residual", "mobile", "cell", "chain", "topology",
            "nasbench201", or "pretrained", which "auto" stands for where `pretrained` is given; or
            your own: a subclass of `autoarch.spaces.SearchSpace`, or anything
            that makes one from a shape and a number of classes; or a KerasTuner `HyperModel` of
            Functional or Sequential models from pixels to logits or a softmax, which are trained
            by the recipes here, not by what they were compiled with. A run in such a space is
            resumed by the same call.
        preset: Values that trial 0 has, `{"width": 32}` or "width=32"; the search may leave them.
            A name such as "depth" stands for all of `depth1`, `depth2`, ...
        fixed: Values that stay, in the same form.
        forbidden: Values that are never proposed, `{"op": ["conv5", "max_pool3"]}`.
        architecture: Name of a known network, a key of `autoarch.spaces.NAMED`, that is trained in
            place of a search; narrower than it was published where data or time ask for that.
        objective: "accuracy", "balanced_accuracy", "macro_f1", "auc" or "log_loss", measured on
            the validation part.
        image_size: Side of the square picture that the network sees; None chooses it from the
            data and the time.
        valid: Share of the training data, or a folder; None for the data's own part, else 0.15.
        test: Share of the data, 0 for none, or a folder; None for the data's own part, else 0.15.
        class_weight: "auto" weighs rare classes more where classes are unequally frequent: fully
            where the objective counts classes equally, by the square root elsewhere; or "none".
        precision: "auto", "float32", "mixed_bfloat16" or "mixed_float16".
        inherit: Whether each network begins with the weights of the most similar one before it,
            as far as they fit; an inherited epoch counts as an own one.
        pretrained: Networks that come trained, to begin with: a Keras file of weights of MobileNet
            or SqueezeNet, a folder of such files, or a name in
            `autoarch.spaces.backbones.MOBILENETS`, whose weights are downloaded once.
        mirror: "auto": a model that was trained on mirrored pictures, too, answers by the average
            over a picture and its mirror image, about a point more accurate for twice the work,
            where neither that work nor a device is limited; "none": by the picture alone.
        ship: What the LiteRT file calculates in: "float", "float16" or "int8". With "int8" its own
            answers are what is measured and reported.
        max_size_bytes: Most bytes of the int8 file (with `ship` int8; of texts of the float file),
            checked on the file itself. The search goes by `constraints`.
        constraints: `Constraints`: hard limits on what is shipped, the int8 file. No network above
            them is trained, and none is exported.
        device: Name or path of a device profile whose limits hold, too.
        mobile: The preset for phones: the mobile space, the int8 file, and limits of 5 MB and 100 M
            multiply-adds where `constraints` sets none of the kind.
        prefer: Soft targets, `{"latency": "5ms"}` or "latency=5ms": a network above is charged for
            it, one below is paid.
        objectives: "accuracy,size": a metric and costs, of which the search finds the best
            trade-offs; `result_["front"]` has them, `export(trial=...)` exports one.
        warm_start: Directory of an earlier run on similar data, finished or not: its best networks
            are tried first after trial 0. Decisions are carried over, no weights.
        ensemble: Most networks whose answers are averaged; they share the time of the final
            training and are exported as one model. Under a limit their average teaches the best of
            them. None for the average of up to three known networks where each gets its passes and
            nothing else is asked for; 1 for a single network, a third as large.
        folds: Splits of training and validation part that each network of the search is trained
            and measured on. None for one, or several where the validation part is small, was not
            given, and the time allows.
        seed: Of the split, the search and the training.
        output: Directory of the run; None for one below `runs/`.
        resume: Allows another `time` when an unfinished run in `output` is continued.
        progress: Is told how the run goes; `PlainProgress()` prints a line a trial.

    After `fit` (or from `autoarch.load`): `result_` (what `--json` prints), `run_` (the directory),
    `classes_`, `trials_`, `best_`, `model_`.

    Example:
        >>> from autoarch import ImageSearch
        >>> search = ImageSearch(time="1m").fit("demo:digits")           # doctest: +SKIP
        >>> search.result_["test"]["accuracy"]                           # doctest: +SKIP
        0.983
    """

    task = "image"

    image_size: int | None = None
    mirror: str = "auto"
    architecture: str | None = None
    pretrained: str | Path | None = None

    def _settings(self) -> Settings:
        settings = super()._settings()
        if self.pretrained is None or not Path(self.pretrained).exists():
            return settings
        return replace(settings, pretrained=str(Path(self.pretrained).resolve()))

    def _open(self, x: Any, y: Any, validation_data: Any, settings: Settings) -> ImageTask:
        source = scan_images(
            x,
            y,
            valid=settings.valid,
            test=settings.test,
            validation_data=validation_data,
            seed=settings.seed,
        )
        if settings.pretrained is not None:
            return ImageTask(source, x, None, *find_backbones(settings.pretrained))
        if isinstance(self.space, str):
            return ImageTask(source, x)
        own = as_given(self.space)
        if isinstance(own, HyperModelSpace) and settings.averages:
            raise InvalidInputError(
                "Whole Keras models are not averaged; leave out `ensemble` with a HyperModel."
            )
        if isinstance(own, HyperModelSpace) and (settings.ship == "int8" or settings.priced):
            raise InvalidInputError(
                "Whole Keras models have no int8 form here, so nothing that concerns the int8 file "
                "goes with a HyperModel; leave out limits, targets, costs and `ship`."
            )
        return ImageTask(source, x, own)

    @property
    def _preprocessing(self) -> ImagePreprocessing:
        found = self._predictor.model.preprocessing
        assert isinstance(found, ImagePreprocessing)
        return found

    def _pixel_range(self) -> PixelRange | None:
        stored = self._run().settings().get("pixel_range")
        return None if stored is None else PixelRange.from_json(stored)

    def _inputs(self, x: Any) -> npt.NDArray[np.uint8]:
        read = read_images(x, self._preprocessing, pixel_range=self._pixel_range())
        if read.unreadable:
            name, reason = read.unreadable[0]
            raise DataError(f"{name} cannot be read ({reason}); leave it out or replace it.")
        return read.images

    def predict_files(
        self, paths: Sequence[str | Path]
    ) -> tuple[npt.NDArray[np.float32], list[tuple[Path, str]]]:
        """See `BaseSearch.predict_files`; decoded as in training."""
        self._run()
        read = read_images([Path(path) for path in paths], self._preprocessing)
        unreadable = [(Path(name), why) for name, why in read.unreadable]
        return self._predictor.predict_proba(read.images), unreadable

    def evaluate(self, x: Any, y: Any = None) -> dict[str, Any]:
        """See `BaseSearch.evaluate`."""
        self._run()
        images, unreadable = load_labelled(
            x,
            y,
            classes=self._predictor.model.classes,
            preprocessing=self._preprocessing,
            pixel_range=self._pixel_range(),
        )
        if unreadable and self.progress is not None:
            self.progress.note(f"{len(unreadable)} files could not be read and are left out.")
        return classification_metrics(images.labels, self._predictor.predict_proba(images.images))

    def _samples_of(self, model: TrainedModel) -> Samples:
        """Noise and flat pictures: the run's own data may lie elsewhere by now."""
        random = np.random.default_rng(0)
        noise = random.integers(0, 256, (12, *self._preprocessing.shape), np.uint8)
        flat = np.full((4, *self._preprocessing.shape), 0, np.uint8)
        flat += np.array([0, 85, 170, 255], np.uint8)[:, None, None, None]
        return Samples.answered_by(model, np.concatenate([noise, flat]))
