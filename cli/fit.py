"""`autoarch fit`: search, train, measure, export."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
from autoarch.cli.choices import EVALUATORS, NAMED_NETWORKS, SPACES
from autoarch.cli.command import Command, Option
from autoarch.cli.fit_data import check_data

from autoarch.oracles import KERAS_TUNER_ORACLES, ORACLES

if TYPE_CHECKING:
    from autoarch.tasks import BaseSearch


_search = partial(click.option, cls=Option, section="Search")
_limit = partial(click.option, cls=Option, section="Limits")
_data = partial(click.option, cls=Option, section="Data")
_training = partial(click.option, cls=Option, section="Training")
_output = partial(click.option, cls=Option, section="Output")
# What is said of decisions.
_wish = partial(_search, multiple=True, metavar="NAME=VALUE")


@click.command(
    cls=Command,
    short_help="Search, train, measure and export a model.",
    examples=[
        ("a folder with one sub-folder for each class, ten minutes", "autoarch fit photos/"),
        ("the best model of at most 100 KB as int8", "autoarch fit photos/ --max-size 100KB"),
        (
            "rare classes count like frequent ones",
            "autoarch fit photos/ --time 1h --objective balanced_accuracy",
        ),
        ("for scripts: one JSON object on stdout", "autoarch fit photos/ --quiet --json"),
    ],
)
@click.argument("data")
@_search(
    "--time",
    "-t",
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="Everything is done within this time: 90s, 10m, 1h30m, 1:30:00, or none.",
)
@_search(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Try at most N candidates. Default: as many as the time allows.",
)
@_search(
    "--objective",
    type=click.Choice(["accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss"]),
    default="accuracy",
    show_default=True,
    help="What the best candidate is best in, on validation data.",
)
@_search(
    "--oracle",
    type=click.Choice(["auto", *ORACLES, *KERAS_TUNER_ORACLES]),
    default="auto",
    show_default=True,
    metavar="NAME",
    help=f"How candidates are chosen: auto, {', '.join(ORACLES)}; or KerasTuner's own: "
    f"{', '.join(KERAS_TUNER_ORACLES)}. "
    "The best are trained on by halving with any of them, so halving is random here.",
)
@_search(
    "--evaluator",
    type=click.Choice(EVALUATORS),
    metavar="NAME",
    default="train",
    show_default=True,
    help="How candidates are found and measured. train: each is trained for some epochs. Others "
    "look cheaply first, and train what they find: one-shot by weights that all share; zero-cost "
    "by scores without any training, the worse half left out (not for texts); darts and "
    "darts-second-order by gradients over the cell space; fbnet and proxyless over the mobile "
    "space, with the cost in the loss.",
)
@_search(
    "--space",
    type=click.Choice(SPACES),
    metavar="NAME",
    default="auto",
    show_default=True,
    help=f"Family of networks to search: {', '.join(SPACES)}; `autoarch spaces` says what is "
    "in each.",
)
@_wish(
    "--set",
    "preset",
    help="Let trial 0 have this value of a decision, such as width=32; the search may leave it. "
    "depth stands for depth1, depth2, and so on. May be given more than once, as the next two.",
)
@_wish("--fix", "fixed", help="Freeze a decision at this value.")
@_wish("--forbid", "forbidden", help="Never propose this value of a decision, such as op=conv5.")
@_search(
    "--architecture",
    type=click.Choice(NAMED_NETWORKS),
    metavar="NAME",
    help="Search nothing, train a known network, narrower where data or time ask for that: "
    f"{', '.join(NAMED_NETWORKS)}. --set width=N takes it as wide as that.",
)
@_search(
    "--pretrained",
    metavar="FILE|FOLDER|NAME",
    help="Begin with networks that come trained: Keras files of weights of MobileNet or "
    "SqueezeNet; or the name of one to download: mobilenet, mobilenet-0.75, -0.5, -0.25.",
)
@_search(
    "--inherit/--no-inherit",
    default=False,
    show_default=True,
    help="Whether each candidate begins with the weights of the most similar one before it.",
)
@_search(
    "--ensemble",
    type=click.IntRange(1, 16),
    metavar="K",
    help="Let up to K different networks share the final training, and export the weighted "
    "average of their answers as one model. Under a limit, the average teaches the best of them "
    "instead, in the second half of the final training. 1 is one network; where you do not say, "
    "pictures and texts get up to three where the time is enough and nothing is limited.",
)
@_search(
    "--folds",
    type=click.IntRange(1, 20),
    metavar="K",
    help="Measure each network on K splits of training and validation data.  [default: several "
    "where the validation part is small and the time allows]",
)
@_search(
    "--warm-start",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Try the best networks of an earlier run on similar data first, after trial 0.",
)
@_search(
    "--prefer",
    multiple=True,
    metavar="COST=AMOUNT",
    help="Soft target such as latency=5ms (also size, macs, ram, params): a network above it is "
    "charged for that, one below is paid. May be given more than once.",
)
@_search(
    "--objectives",
    metavar="METRIC,COST",
    help="Find the best trade-offs, such as accuracy,size (also latency, macs, params, ram).",
)
@_limit(
    "--max-size",
    metavar="BYTES",
    help="Most bytes of the int8 .tflite file, of texts of the float one: 100KB (1 KB = 1,000 "
    "bytes, 1 KiB = 1,024). No larger network is trained, and the file itself is checked.",
)
@_limit(
    "--max-params",
    metavar="N",
    help="Most weights of the network: 100k. Of texts the tables of the linear model count, too.",
)
@_limit(
    "--max-macs",
    metavar="N",
    help="Most multiply-adds of one answer: 5M.",
)
@_limit(
    "--max-latency",
    metavar="DURATION",
    help="Longest time of one answer, 5ms: by the table of --device, else by what "
    "`autoarch latency` has measured on this machine. This and the next three: not for texts.",
)
@_limit(
    "--max-ram",
    metavar="BYTES",
    help="Most bytes of int8 activations in memory at once: 256KB.",
)
@_limit(
    "--device",
    metavar="PROFILE",
    help="A device profile whose limits hold, too: microcontroller, raspberry-pi, phone, "
    "server-cpu, or a TOML file.",
)
@_limit(
    "--mobile",
    is_flag=True,
    help="For phones: the mobile space, the int8 file, at most 5 MB and 100 M multiply-adds "
    "unless limited otherwise.",
)
@_data(
    "--task",
    type=click.Choice(["auto", "image", "speech", "text"]),
    default="auto",
    show_default=True,
    help="What the data is; seen from the files by default.",
)
@_data(
    "--image-size",
    type=click.IntRange(4, 1024),
    metavar="PIXELS",
    help="Height and width that images are resized to. Default: from the data and the time.",
)
@_data(
    "--clip-seconds",
    type=click.FloatRange(0.1, 60),
    metavar="SECONDS",
    help="Length of sound that the network hears. Default: from the data.",
)
@_data(
    "--group",
    default="auto",
    show_default=True,
    metavar="COLUMN|PATTERN",
    help="Speakers of sounds, none of whom is in two parts: a manifest's column, or a regular "
    "expression over paths with the speaker in parentheses; auto: where names clearly tell; none.",
)
@_data(
    "--text-column",
    metavar="NAME",
    help="Column of the texts in a table; several with commas are joined. Default: guessed.",
)
@_data(
    "--label-column",
    metavar="NAME",
    help="Column of the labels in a table of texts. Default: guessed.",
)
@_data(
    "--vectors",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Pretrained word vectors in text format (GloVe, fastText .vec) to use as they are.",
)
@_data(
    "--valid",
    metavar="SHARE|PATH",
    help="Validation part, which the search goes by: a share or a folder. "
    "Default: the data's own, else 15% of what is not test.",
)
@_data(
    "--test",
    metavar="SHARE|PATH",
    help="Test part, measured once at the end; 0 holds nothing out. "
    "Default: the data's own, else 15%.",
)
@_training(
    "--class-weight",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Whether rare classes weigh more in training: auto: by the square root of how rare they "
    "are, and wholly where the objective counts classes equally.",
)
@_training(
    "--precision",
    type=click.Choice(["auto", "float32", "mixed_bfloat16", "mixed_float16"]),
    default="auto",
    show_default=True,
    help="Number format; auto takes what is fastest here.",
)
@_training(
    "--mirror",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Whether the model answers by the average over a picture and its mirror image: about a "
    "point more accurate, twice the work. auto: where training mirrors pictures and neither the "
    "work of an answer nor a device is limited.",
)
@_training(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of the split, the search and the training.",
)
@_training(
    "--quantize",
    "ship",
    type=click.Choice(["none", "float16", "int8"]),
    default="none",
    show_default=True,
    callback=lambda context, parameter, value: "float" if value == "none" else value,
    help="Numbers of the LiteRT file. With int8 the file's own accuracy is what is reported.",
)
@_output(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Directory of the run: new, empty, or of the same command interrupted. "
    "Default: one under runs/.",
)
@_output(
    "--resume",
    is_flag=True,
    help="Go on with the run in --output although --time is another. "
    "The same command again goes on by itself.",
)
@_output("--quiet", "-q", is_flag=True, help="Show no progress.")
@_output(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the result as one JSON object.",
)
def fit(data: str, time: str, task: str, quiet: bool, as_json: bool, **settings: Any) -> None:
    """Search, train, measure and export a model for DATA.

    DATA is a folder with one sub-folder of images or sound clips for each class (train/, valid/
    and test/ above them are respected), a CSV file with the columns path and label, or demo:digits;
    or, for texts, a table (CSV, TSV, JSON lines) with a text and a label in each row, a folder of
    tables named train, valid and test, or a folder with one sub-folder of .txt files for each
    class.

    The model is ready to serve when the command ends. Ctrl-C ends the search early and still
    exports the best network so far; a second Ctrl-C stops at once, and the same command, or
    `autoarch resume`, goes on.
    """
    started = monotonic()  # importing TensorFlow is part of the time, too
    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.result import print_result
    from autoarch.cli.watching import watching

    import autoarch
    from autoarch.search.budget import parse_duration

    parse_duration(time)  # mistakes are reported before anything slow happens
    settings["constraints"] = _limits(settings)
    kind = check_data(task, data, settings)
    with watching(quiet=quiet) as progress:
        start_tensorflow()
        searches: dict[str, type[BaseSearch]] = {
            "image": autoarch.ImageSearch,
            "speech": autoarch.SpeechSearch,
            "text": autoarch.TextSearch,
        }
        search = searches[kind](time, progress=progress, **settings)
        search.fit(data, started=started)
    print_result(search, as_json=as_json)


def _limits(settings: dict[str, Any]) -> dict[str, Any]:
    """Takes the limits out of the settings; mistakes are reported before anything slow happens."""
    from autoarch.costs.constraints import Constraints

    names = ("max_size", "max_params", "max_macs", "max_latency", "max_ram")
    given = {name: settings.pop(name) for name in names}
    return Constraints(**given).to_json()
