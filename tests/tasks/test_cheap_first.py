"""The stages of searches with a cheap look first: real shared weights, networks by chance in place
of what gradients find, look-ups in place of scores without training and of training alone."""

import zlib
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import autoarch
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.data.dataset import ImageSet
from autoarch.errors import InvalidInputError, TrialFailedError
from autoarch.evaluation.zero_cost import ZeroCostEvaluator
from autoarch.objectives import get_objective
from autoarch.oracles import make_oracle
from autoarch.search.budget import Clock, Plan
from autoarch.search.loop import Search
from autoarch.search.progress import Progress
from autoarch.spaces import CellSpace, MobileSpace
from autoarch.supernet.bank import Bank, slots_of
from autoarch.supernet.training import Supernet
from autoarch.tasks import cheap_first, differentiable, one_shot, zero_cost_first
from autoarch.tasks.cheap_first import facts_of
from autoarch.tasks.sitting import Sitting
from autoarch.training.augment import make_augmenter
from autoarch.trials import Measurement, RunDirectory, TrialLog, read_events

ACCURACY = get_objective("accuracy")
SPACE = MobileSpace((8, 8, 1), 3, width=8)
AUGMENT = make_augmenter((8, 8, 1), 3)


def squares(n=96):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=n)
    images = rng.integers(0, 60, (n, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return ImageSet(images, labels.astype(np.int64), ("",) * n)


DATA = squares()


class Killed(BaseException):
    """Stands for `kill -9`: nothing handles it."""


class LookUp:
    """Stands for `TrainEvaluator`; scores depend on the network's key alone, or on nothing."""

    train = valid = DATA
    objective, seed, policy, class_weights = ACCURACY, 5, "float32", None

    def __init__(self, score=lambda key: by_key(key)):
        self.score = score

    def augmenter(self, data):
        return AUGMENT

    def evaluate(self, candidate, trial, fidelity, *, should_stop, on_epoch):
        score = self.score(candidate.architecture.key)
        return Measurement(score, {"accuracy": score}, fidelity.epochs, 0.001, 0.002)

    def weights(self, candidate, trial, *, done):
        assert trial == 0 and done == 1.0
        bank = Bank(seed=9)
        return {slot.path: bank.take(slot) for slot in slots_of(candidate.architecture)}


class Searched:
    """One sitting of a search in `folder`; continues what is there."""

    def __init__(
        self,
        folder,
        stack,
        evaluator=None,
        trials=14,
        phase=lambda name: None,
        stages=one_shot.OneShot,
        space=SPACE,
    ):
        self.notes = []
        self.progress = Progress()
        self.progress.note, self.progress.phase = self.notes.append, phase
        run = RunDirectory(folder)
        if not run.exists():
            run.create({})
        self.log = stack.enter_context(TrialLog(run.log_file))
        evaluator = evaluator or LookUp()
        clock, plan = Clock(None, spent_s=self.log.spent_s), Plan((1.0,), None, None, 9.0, 0.01)
        baseline = space.candidate({})

        def choose(space, *, baseline, first=(), followers=(), cheap=None, auto=None, tuned=None):
            return make_oracle(
                auto or "random",
                objective=ACCURACY,
                seed=1,
                hyperparameters=space.hyperparameters(),
                initial=[baseline.decisions, *first, *followers],
                key=lambda decisions: space.candidate(decisions).architecture.key,
            )

        make_search = partial(Search, objective=ACCURACY, clock=clock)
        oracle = choose(space, baseline=baseline)
        oracle.replay(self.log.events)
        self.search = make_search(
            space, oracle, evaluator, log=self.log, plan=plan, max_trials=trials
        )
        self.stages = stages(
            space=space,
            baseline=baseline,
            objective=ACCURACY,
            budgets=Budgets(Constraints(), None, None),
            evaluator=evaluator,
            plan=plan,
            sitting=Sitting(run, self.log, clock, self.progress, lambda: False),
            make_oracle=choose,
            make_search=make_search,
        )
        self.stages.search(self.search)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(cheap_first, "FREE_EPOCHS", 6.0)
    monkeypatch.setattr(one_shot, "FREE_SCORES", 16)
    monkeypatch.setattr(one_shot, "CHECKPOINT_EVERY_S", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(cheap_first, "FREE_EPOCHS", 6.0)
        patch.setattr(one_shot, "FREE_SCORES", 16)
        return SimpleNamespace(folder=folder, **vars(Searched(folder, stack)))


def essence(search):
    return [(t.key, dict(t.decisions), t.score) for t in search.trials]


def test_the_stages_leave_their_marks_in_the_log(whole):
    events = read_events(whole.folder / "trials.jsonl")
    kinds = [e["event"] for e in events if e["event"] not in ("clock", "phase")]
    assert kinds[:4] == ["proposed", "measured", "supernet", "shared"]
    shared = next(e for e in events if e["event"] == "shared")
    assert shared["facts"]["supernet_epochs"] == 6.0 and shared["facts"]["networks_scored"] == 16
    scored = read_events(whole.folder / "supernet" / "trials.jsonl")
    assert sum(e["event"] == "measured" for e in scored) == 16
    assert not any("recipe/learning_rate" in e.get("decisions", {}) for e in scored)
    checks = [dict(t.decisions) for t in whole.search.trials[1 : 1 + len(shared["checks"])]]
    for decisions, check in zip(checks, shared["checks"], strict=True):
        assert decisions.items() >= check.items()  # with the recipe of trial 0
    facts = facts_of(whole.log)
    assert facts["tau_networks"] == 1 + len(checks) >= 7  # some ranks are both
    assert facts["networks_scored"] == 16 and -1 <= facts["tau"] <= 1
    assert len(whole.notes) == 1 and "Kendall's tau" in whole.notes[0]


def by_key(key):
    return zlib.crc32(key.encode()) / 2**32


@pytest.mark.parametrize("agree", [True, False])
def test_scores_that_agree_are_followed_and_others_are_not(tmp_path, monkeypatch, agree):
    def shared(self, candidate, trial, fidelity, **_):
        score = by_key(candidate.architecture.key)
        return Measurement(score, {"accuracy": score}, fidelity.epochs, 0.0, 0.0)

    monkeypatch.setattr(one_shot.SharedWeightsEvaluator, "evaluate", shared)
    alone = by_key if agree else lambda key: 1 - by_key(key)
    with ExitStack() as stack:
        sitting = Searched(tmp_path / "run", stack, LookUp(alone))
    (event,) = [e for e in sitting.log.events if e["event"] == "shared"]
    next_trial = sitting.search.trials[1 + len(event["checks"])]
    follows = dict(next_trial.decisions).items() >= event["followers"][0].items()
    facts = facts_of(sitting.log)
    assert facts["tau"] == pytest.approx(1 if agree else -1)
    assert follows == agree and facts["fell_back"] != agree
    assert ("not followed" in sitting.notes[0]) != agree


@pytest.mark.parametrize("stage", ["training", "scoring", "alone"])
def test_a_killed_search_goes_on_as_if_it_had_not_been(whole, tmp_path, monkeypatch, stage):
    with ExitStack() as stack, monkeypatch.context() as patch, pytest.raises(Killed):
        calls = 0

        def count(limit, original, *args, **kwargs):
            nonlocal calls
            calls += 1
            if calls > limit:
                raise Killed
            return original(*args, **kwargs)

        target, name, limit = {
            "training": (Supernet, "_step", 2),
            "scoring": (one_shot.SharedWeightsEvaluator, "evaluate", 5),
            "alone": (LookUp, "evaluate", 4),
        }[stage]
        original = getattr(target, name)
        patch.setattr(target, name, lambda *a, **k: count(limit, original, *a, **k))
        Searched(tmp_path / "run", stack)
    with ExitStack() as stack:
        resumed = Searched(tmp_path / "run", stack)
        assert essence(resumed.search) == essence(whole.search)
        assert facts_of(resumed.log) == facts_of(whole.log)


def test_the_supernet_begins_with_what_trial_0_has_learned(tmp_path, monkeypatch):
    seen = []

    def look(self, *_, **__):
        seen.append({path: w.numpy() for path, w in self.weights(self._always[0]).items()})
        raise Killed

    monkeypatch.setattr(Supernet, "train", look)
    with ExitStack() as stack, pytest.raises(Killed):
        Searched(tmp_path / "run", stack)
    known = LookUp().weights(SPACE.candidate({}), 0, done=1.0)
    assert known.keys() == seen[0].keys()
    assert all((known[path] == weight).all() for path, weight in seen[0].items())


@pytest.mark.parametrize(
    ("alone_s", "until", "scoring_until"),
    [
        (1.0, 45.0, 55.0),  # its whole share
        (4.0, 28 * 9 / 11, 28.0),  # nine networks at 8 s
        (30.0, 0.3 * 45.0, 0.3 * 55.0),  # the least
    ],
)
def test_what_is_cheap_leaves_time_for_what_is_trained_alone(alone_s, until, scoring_until):
    measured = {"event": "measured", "trial": 0, "measurement": {"wall_s": alone_s}}
    probe = {"event": "phase", "name": "probe", "t": 2.0}
    events = [probe, {"event": "plan", "t": 6.0}, measured]
    log = SimpleNamespace(
        events=events, append=lambda kind, **facts: events.append({"event": kind, **facts})
    )
    stages = SimpleNamespace(
        sitting=Sitting(None, log, SimpleNamespace(elapsed_s=100.0), None, None),
        plan=SimpleNamespace(search_until_s=200.0),
        checks=9,
        training_share=0.45,
        scoring_share=0.1,
        measured_baseline=measured["measurement"],
    )
    stages._alone_s = lambda: cheap_first.CheapFirst._alone_s(stages)
    times = cheap_first.CheapFirst._times(stages)
    assert times["until_s"] == pytest.approx(100 + until)
    assert times["scoring_until_s"] == pytest.approx(100 + scoring_until)


def test_networks_that_are_slow_for_their_work_are_made_smaller(monkeypatch):
    """Of a kind that takes four times as long for the same work, the largest that keeps pace."""
    space = CellSpace((8, 8, 1), 3, width=32)
    baseline = space.candidate({})
    work = baseline.architecture.macs
    monkeypatch.setattr(differentiable, "step_s", lambda network: 4.0 * network.macs)
    stages = SimpleNamespace(
        space=space,
        baseline=baseline,
        budgets=Budgets(Constraints(), None, None),
        plan=SimpleNamespace(search_until_s=10.0),
        _step_s=work,
    )
    stages._sizes = partial(differentiable.Differentiable._sizes, stages)
    found = {"normal/op1_1": "sep_conv_5x5", "normal/op1_2": "sep_conv_5x5"}
    fitting = partial(differentiable.Differentiable._fitting, stages, found)
    sizes = [candidate.architecture.macs for candidate in stages._sizes(found)]
    smaller = fitting()
    assert smaller.architecture.macs == max(m for m in sizes if 4 * m <= 1.5 * work)
    assert smaller.decisions.items() >= found.items()
    stages.plan.search_until_s = None  # nothing is timed: a seed repeats the run
    assert fitting().architecture.macs == max(m for m in sizes if m <= 1.1 * work)


def test_a_supernet_that_breaks_leaves_an_ordinary_search(tmp_path, monkeypatch):
    def breaks(*_, **__):
        raise TrialFailedError("the supernet's loss became nan")

    monkeypatch.setattr(Supernet, "train", breaks)
    with ExitStack() as stack:
        sitting = Searched(tmp_path / "run", stack, trials=4)
        assert len(sitting.search.trials) == 4
        assert facts_of(sitting.log) is None
        assert sitting.notes[0] == "The supernet's loss became nan. Networks are trained alone."


def test_evaluators_are_checked_at_the_start(tmp_path):
    search = autoarch.ImageSearch(time=None, evaluator="x", output=tmp_path / "run")
    with pytest.raises(InvalidInputError, match="`evaluator` must be one of train, one-shot"):
        search.fit(DATA.inputs, DATA.labels)
    assert not (tmp_path / "run").exists()


def test_a_run_is_led_through_the_stages(tmp_path, monkeypatch):
    seen = []

    def search(stages, search):
        seen.append((stages.space.name, stages.evaluator.train, search.trials))
        raise Killed

    monkeypatch.setattr(one_shot.OneShot, "search", search)
    run = autoarch.ImageSearch(
        time=None, space="mobile", evaluator="one-shot", precision="float32", output=tmp_path / "r"
    )
    with pytest.raises(Killed):
        run.fit(DATA.inputs, DATA.labels)
    ((space, train, trials),) = seen
    assert space == "mobile" and len(train) < len(DATA) and trials == []


class Relaxes:
    """Stands for a `Relaxation`: what it finds is chance."""

    steps, moves, epochs, collapsed, loss = 40, 35, 3.5, False, 0.5

    def __init__(self, relaxed, data, augment, recipe, method, **_):
        self.relaxed, self.found = relaxed, []

    def train(self, progress, *, planned_epochs, should_stop):
        assert progress(0.0) == 0 < progress(1.0) and not should_stop()
        for seed in range(4):
            shares = np.random.default_rng(seed).dirichlet(np.ones(9), 40)
            rows, columns = self.relaxed.allowed.shape
            self.found.append(self.relaxed.discretise(shares[:rows, :columns]))
        return self.loss

    def score(self, gates, examples, objective):
        assert 0 < len(examples) <= differentiable.SCORED_ON
        return by_key(str(self.relaxed.decisions(gates)))


@pytest.fixture
def relaxes(monkeypatch):
    monkeypatch.setattr(differentiable, "Relaxation", Relaxes)
    return monkeypatch


def relax(folder, stack, method="darts", trials=8):
    space = SPACE if method == "fbnet" else CellSpace((8, 8, 1), 3, width=8)
    stages = partial(differentiable.Differentiable, method=method)
    return Searched(folder, stack, stages=stages, space=space, trials=trials)


@pytest.mark.parametrize("method", ["darts", "fbnet"])
def test_what_gradients_find_is_trained_alone_the_last_first(tmp_path, relaxes, method):
    with ExitStack() as stack:
        sitting = relax(tmp_path / "run", stack, method)
        facts = facts_of(sitting.log)
    kinds = [e["event"] for e in sitting.log.events if e["event"] not in ("clock", "phase")]
    assert kinds[:4] == ["proposed", "measured", "supernet", "shared"]
    (shared,) = [e for e in sitting.log.events if e["event"] == "shared"]
    found = len(shared["checks"])
    assert 2 <= found <= 4 and len(sitting.search.trials) == 8
    for trial, check in zip(sitting.search.trials[1:], shared["checks"]):
        assert trial.decisions == check and trial.key in shared["scores"]
        assert trial.macs <= 1.1 * sitting.search.trials[0].macs
    relaxed = Relaxes(sitting.stages._relaxed(), None, None, None, None)
    relaxed.train(lambda epochs: epochs, planned_epochs=1, should_stop=lambda: False)
    last = relaxed.relaxed.decisions(relaxed.found[-1])
    changed = {name for name in last if last[name] != shared["checks"][0].get(name)}
    assert changed <= {"width", "cells"}
    assert facts["name"] == method and facts["networks_found"] == facts["tau_networks"] == found
    assert -1 <= facts["tau"] <= 1 and not facts["fell_back"]
    assert len(sitting.notes) == 1 and "Kendall's tau" in sitting.notes[0]


def test_a_relaxation_that_is_killed_is_begun_again(tmp_path, relaxes):
    with ExitStack() as stack:
        whole = relax(tmp_path / "whole", stack)
    with ExitStack() as stack, relaxes.context() as patch, pytest.raises(Killed):

        def killed(*_, **__):
            raise Killed

        patch.setattr(Relaxes, "train", killed)
        relax(tmp_path / "run", stack)
    with ExitStack() as stack:
        resumed = relax(tmp_path / "run", stack)
    assert essence(resumed.search) == essence(whole.search)
    assert facts_of(resumed.log) == facts_of(whole.log)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("moves", 3, "came to 40 steps in its time, too few to choose by. Networks are trained"),
        (
            "loss",
            1.09,
            "learned next to nothing in 40 steps (loss 1.09, chance 1.10), so its choices",
        ),
        ("loss", float("nan"), "learned next to nothing"),
        ("train", lambda *_, **__: 0.5, "had collapsed to skip connections. Networks are trained"),
    ],
)
def test_a_relaxation_without_result_leaves_an_ordinary_search(
    tmp_path, relaxes, name, value, told
):
    relaxes.setattr(Relaxes, name, value)
    with ExitStack() as stack:
        sitting = relax(tmp_path / "run", stack, trials=3)
        assert len(sitting.search.trials) == 3 and facts_of(sitting.log) is None
    assert told in sitting.notes[0]


def test_evaluators_that_relax_a_space_search_that_space():
    def settings(**given):
        return autoarch.ImageSearch(time=None, **given)._settings()

    assert settings(evaluator="darts").space == settings(evaluator="darts", space="cell").space
    assert settings(evaluator="proxyless").space == "mobile"
    with pytest.raises(InvalidInputError, match="`evaluator` fbnet relaxes the space mobile"):
        settings(evaluator="fbnet", space="cell")
    with pytest.raises(InvalidInputError, match="`evaluator` darts is for images; got text data"):
        autoarch.TextSearch(time=None, evaluator="darts")._settings()


@pytest.fixture
def scored(monkeypatch):
    """Scores without training that depend on the key alone; the keys in the order asked for."""
    asked = []

    def evaluate(self, candidate, trial, fidelity, **_):
        asked.append(candidate.architecture.key)
        score = by_key(asked[-1])
        return Measurement(score, {"accuracy": score}, fidelity.epochs, 0.0, 0.0)

    monkeypatch.setattr(zero_cost_first, "MOST_SCORES", 40)
    monkeypatch.setattr(ZeroCostEvaluator, "evaluate", evaluate)
    return asked


def filtered(folder, stack, evaluator=None, trials=14):
    return Searched(folder, stack, evaluator, trials, stages=zero_cost_first.ZeroCostFirst)


def test_what_is_trained_comes_from_the_better_half_but_for_one(tmp_path, scored):
    with ExitStack() as stack:
        sitting = filtered(tmp_path / "run", stack)
        facts = facts_of(sitting.log)
    trial_0, *others = scored
    assert trial_0 == sitting.search.trials[0].key and len(set(scored)) == 40
    ranked = sorted(others, key=by_key, reverse=True)
    ranks = [ranked.index(trial.key) for trial in sitting.search.trials[1:]]
    assert sorted(ranks)[:5] == [0, 1, 2, 3, 4] and len(ranks) == 13
    assert [rank for rank in ranks if rank >= 20] == [28]
    assert facts == {
        "name": "zero-cost",
        "proxy": "naswot",
        "networks_scored": 40,
        "tau": 1.0,
        "tau_networks": 9,
        "fell_back": False,
    }


def test_an_order_that_training_does_not_confirm_is_left(tmp_path, scored):
    with ExitStack() as stack:
        sitting = filtered(tmp_path / "run", stack, LookUp(lambda key: 1 - by_key(key)))
        assert facts_of(sitting.log)["fell_back"]
    assert sitting.notes[0].endswith("tau -1.00; too low, so the cheap ones are not followed.")


@pytest.mark.parametrize(("stage", "scores"), [("scoring", 40 + 1), ("alone", 40)])
def test_a_kill_loses_no_score(tmp_path, scored, monkeypatch, stage, scores):
    with ExitStack() as stack:
        whole = filtered(tmp_path / "whole", stack)
    del scored[:]
    target, limit = {"scoring": (ZeroCostEvaluator, 7), "alone": (LookUp, 1)}[stage]
    with ExitStack() as stack, monkeypatch.context() as patch, pytest.raises(Killed):
        original, calls = target.evaluate, []

        def killed(*args, **kwargs):
            calls.append(args)
            measurement = original(*args, **kwargs)
            if len(calls) > limit:
                raise Killed
            return measurement

        patch.setattr(target, "evaluate", killed)
        filtered(tmp_path / "run", stack)
    with ExitStack() as stack:
        resumed = filtered(tmp_path / "run", stack)
        assert facts_of(resumed.log) == facts_of(whole.log)
    assert essence(resumed.search) == essence(whole.search) and len(scored) == scores


def test_networks_that_cannot_be_scored_are_searched_without(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise TrialFailedError("before training it answers different examples alike")

    monkeypatch.setattr(ZeroCostEvaluator, "evaluate", fails)
    with ExitStack() as stack:
        sitting = filtered(tmp_path / "run", stack, trials=3)
        assert len(sitting.search.trials) == 3 and facts_of(sitting.log) is None
    told = "Networks could not be scored without training. Networks are trained alone."
    assert sitting.notes == [told]


@pytest.mark.parametrize(
    ("search", "given", "told"),
    [
        (autoarch.TextSearch, {}, "zero-cost is not for texts, only images and sounds."),
        (autoarch.ImageSearch, {"pretrained": "mobilenet"}, "does not go with `pretrained`."),
    ],
)
def test_what_is_not_scored_without_training_is_said(search, given, told):
    with pytest.raises(InvalidInputError, match=told) as refused:
        search(time=None, evaluator="zero-cost", **given)._settings()
    assert refused.value.exit_code == 2


@pytest.mark.slow
def test_the_whole_way_without_training(tmp_path, monkeypatch):
    monkeypatch.setattr(zero_cost_first, "MOST_SCORES", 6)
    search = autoarch.ImageSearch(
        time=None, trials=3, space="mobile", evaluator="zero-cost", output=tmp_path / "run"
    )
    result = search.fit(DATA.inputs, DATA.labels).result_
    assert result["evaluator"]["networks_scored"] == 6 and "zero-cost" in result["phases"]
    assert result["trials"]["completed"] == 3
    assert "6 networks scored without training (naswot)" in search.summary()
    assert "scored without training" in search.report().read_text()


@pytest.mark.long
@pytest.mark.parametrize("method", ["darts", "fbnet"])
def test_the_whole_way_by_gradients(tmp_path, method):
    search = autoarch.ImageSearch(
        time=None, trials=3, evaluator=method, seed=4, output=tmp_path / "run"
    )
    result = search.fit(DATA.inputs, DATA.labels).result_
    assert "relaxation" in result["phases"] and result["trials"]["completed"] == 3
    assert result["evaluator"]["name"] in (method, "train")


@pytest.mark.long
def test_the_whole_way(tmp_path):
    search = autoarch.ImageSearch(
        time=None, trials=4, space="mobile", evaluator="one-shot", seed=4, output=tmp_path / "run"
    )
    result = search.fit(DATA.inputs, DATA.labels).result_
    facts = result["evaluator"]
    assert facts["name"] == "one-shot" and facts["tau_networks"] == 4
    assert result["trials"]["completed"] == 4
    assert {"supernet", "shared search"} <= set(result["phases"])
    assert "scored with shared weights" in search.summary()
    assert "scored with shared weights" in search.report().read_text()
