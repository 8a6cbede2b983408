"""The average of several networks, from the choice of its members to what is exported; and a run
that begins with an earlier one, too, killed twice."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import autoarch
from autoarch.data.dataset import ImageSet
from autoarch.errors import InvalidInputError
from autoarch.evaluation.final import FinalModel
from autoarch.objectives import get_objective
from autoarch.search import budget
from autoarch.spaces import ResidualSpace
from autoarch.tasks import ensemble
from autoarch.tasks.ensemble import (
    Member,
    answering_best,
    as_one,
    choose_members,
    known_to_go_together,
    train_members,
)
from autoarch.trials import (
    Measurement,
    RunDirectory,
    TrialLog,
    TrialRecord,
    TrialStatus,
    read_events,
    save_arrays,
)

SPACE = ResidualSpace((8, 8, 1), 3, width=8)
LABELS = np.arange(30) % 3
VALID = ImageSet(np.zeros((30, 8, 8, 1), np.uint8), LABELS, ("",) * 30)
WISHES = [{}, {"activation": "relu"}, {"stages": 1}]


def record(number):
    candidate = SPACE.candidate(WISHES[number])
    measured = (Measurement(0.5, {"accuracy": 0.5}, 2.0, 1.0, 1.0),)
    facts = candidate.decisions, candidate.key, 1, 1
    return TrialRecord(number, *facts, TrialStatus.COMPLETED, measured)


def answers(right):
    """Probabilities that are sure and right for these classes, and even for the others."""
    sure = np.isin(LABELS, right)[:, None]
    return np.where(sure, np.eye(3)[LABELS] * 0.9 + 0.1 / 3, 1 / 3).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create({})
    for number, right in enumerate([[0], [1], [2]]):
        save_arrays(run.answers_file(number), answers=[answers(right)])
    return run


def choose(run, log, *, best=1, most=3, members_s=np.inf, notes=None):
    trials = [record(number) for number in range(3)]
    return choose_members(
        trials[best],
        trials,
        SPACE,
        run,
        log,
        weigh=answering_best(VALID, get_objective("accuracy"), most=most, members_s=members_s),
        now_s=1.0,
        note=(notes if notes is not None else []).append,
    )


def test_the_winner_comes_first_and_others_as_far_as_they_help(run):
    notes = []
    with TrialLog(run.log_file) as log:
        members = choose(run, log, notes=notes)
    assert members[0].record.trial == 1 and {m.record.trial for m in members} == {0, 1, 2}
    assert sum(m.weight for m in members) == pytest.approx(1)
    assert notes[0].startswith("The model is the average of the trials 1 (")
    np.testing.assert_array_equal(members[0].answers, answers([1]))


def test_what_was_decided_stays_decided(run):
    with TrialLog(run.log_file) as log:
        before = [(m.record.trial, m.weight) for m in choose(run, log, most=2)]
    assert len(before) == 2
    with TrialLog(run.log_file) as log:  # another sitting, which would take all three
        assert [(m.record.trial, m.weight) for m in choose(run, log)] == before
    assert [e["event"] for e in read_events(run.log_file)] == ["ensemble"]


def test_short_final_trainings_have_few_members(run):
    notes = []
    with TrialLog(run.log_file) as log:
        assert len(choose(run, log, members_s=20.0, notes=notes)) == 1
    assert notes == ["The model is the winner alone: no other network helps it."]


@pytest.mark.parametrize(
    ("known", "most", "chosen"),
    [([0, 1, 2], 3, [2, 0, 1]), ([0, 1], 2, [2, 0]), ([1], 3, [2, 1]), ([], 3, [2])],
)
def test_networks_that_go_together_have_equal_parts_and_the_winner_is_one(known, most, chosen):
    weights = known_to_go_together(known, most=most)({2: [], 0: [], 1: []})
    assert list(weights.items()) == [(trial, 1 / len(chosen)) for trial in chosen]


def trained(kept=True):
    """Members and their final trainings; each network's weights are its number."""
    members, finals = [], []
    for number, weight in enumerate((0.5, 0.3, 0.2)):
        candidate = SPACE.candidate(WISHES[number])
        shapes = [w.shape for w in candidate.architecture.build().get_weights()]
        weights = [np.full(shape, number, np.float32) for shape in shapes]
        trainer = SimpleNamespace(
            weights=lambda weights=weights: weights,
            epochs=3.0,
            predict_proba=lambda inputs, number=number: answers([number])[: len(inputs)],
        )
        members.append(Member(candidate, record(number), weight, answers([number])))
        keep = kept or number != 1
        file = Path(f"{number}.npz")
        finals.append(FinalModel(trainer, {"accuracy": 0.5}, 2.0, (), keep, True, file))
    return members, finals


def test_members_are_one_network_and_their_figures_stand_beside():
    members, finals = trained()
    shipped = as_one(members, finals, VALID)
    network = shipped.candidate.architecture
    assert network.params == sum(m.candidate.architecture.params for m in members)
    assert sum(w.size for w in shipped.weights) == network.params
    counts = {n: m.candidate.architecture.params for n, m in enumerate(members)}
    values = np.concatenate([w.ravel() for w in shipped.weights])
    assert {n: int(np.sum(values == n)) for n in counts} == counts
    facts = shipped.facts["members"]
    assert [m["trial"] for m in facts] == [0, 1, 2]
    assert [m["weight"] for m in facts] == [0.5, 0.3, 0.2]
    expected = np.average([answers([n]) for n in range(3)], axis=0, weights=[0.5, 0.3, 0.2])
    loss = -np.mean(np.log(expected[np.arange(30), LABELS]))
    assert shipped.facts["valid"]["log_loss"] == pytest.approx(loss, rel=1e-6)
    assert shipped.final.metrics == shipped.facts["valid"] and shipped.final.train_s == 6.0


def test_a_member_whose_training_failed_or_never_began_is_left_out():
    members, finals = trained(kept=False)
    shipped = as_one(members, finals, VALID)
    assert [(m["trial"], m["weight"]) for m in shipped.facts["members"]] == [
        (0, pytest.approx(0.5 / 0.7)),
        (2, pytest.approx(0.2 / 0.7)),
    ]
    alone = as_one(members, finals[:1], VALID)
    assert alone.facts is None
    assert alone.candidate.architecture == members[0].candidate.architecture


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ensemble": 0}, r"`ensemble` must be an integer in \[1, 16\]; got 0"),
        ({"ensemble": True}, r"`ensemble` must be an integer in \[1, 16\]; got True"),
        ({"ensemble": 3, "architecture": "resnet8"}, "does not go with targets"),
        ({"ensemble": 3, "prefer": {"size": "10KB"}}, "does not go with targets"),
        ({"ensemble": 3, "objectives": "accuracy,size"}, "does not go with targets"),
    ],
)
def test_what_an_average_does_not_go_with_is_refused(tmp_path, settings, message):
    search = autoarch.ImageSearch(time=None, output=tmp_path / "run", **settings)
    with pytest.raises(InvalidInputError, match=message) as caught:
        search.fit(*squares())
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


class FakePhase:
    """Gives what `trained` made, and writes down who teaches whom."""

    def __init__(self, finals):
        self.finals, self.shares, self.taught = finals, [], []

    def train(self, networks, *, share=1.0):
        self.shares.append(share)
        return self.finals[: len(networks)]

    def teach(self, student, before, teachers, answers):
        self.taught.append((student[1].trial, before, teachers, answers(VALID.inputs)))
        return replace(before, train_s=5.0)


def test_under_a_limit_the_average_teaches_the_winner():
    members, finals = trained()
    phase = FakePhase(finals)
    shipped = train_members(members, phase, VALID, teach=True)
    assert phase.shares == [ensemble.TEACHERS_SHARE]
    ((student, before, teachers, told),) = phase.taught
    assert (student, before, teachers) == (0, finals[0], 3)
    expected = np.average([answers([n]) for n in range(3)], axis=0, weights=[0.5, 0.3, 0.2])
    np.testing.assert_allclose(told, expected, rtol=1e-6)
    assert told.dtype == np.float32
    assert shipped.candidate is members[0].candidate
    assert sum(w.size for w in shipped.weights) == members[0].candidate.architecture.params
    assert shipped.facts["taught"] and len(shipped.facts["members"]) == 3
    assert shipped.final.train_s == 5.0 + 3 * 2.0


@pytest.mark.parametrize("left", ["one member", "stopped", "others failed"])
def test_without_other_teachers_the_winner_stays_as_it_is(left):
    members, finals = trained()
    if left == "one member":
        members = members[:1]
    elif left == "stopped":
        finals = finals[:2]
    else:
        finals = [finals[0], *(replace(final, kept=False) for final in finals[1:])]
    phase = FakePhase(finals)
    shipped = train_members(members, phase, VALID, teach=True)
    assert phase.taught == [] and shipped.facts is None
    assert phase.shares == [1.0 if left == "one member" else ensemble.TEACHERS_SHARE]
    assert shipped.candidate.architecture == members[0].candidate.architecture


def test_without_a_limit_the_average_is_what_is_shipped():
    members, finals = trained()
    phase = FakePhase(finals)
    shipped = train_members(members, phase, VALID, teach=False)
    assert (phase.shares, phase.taught) == ([1.0], [])
    assert not shipped.facts["taught"] and shipped.candidate.architecture.params > sum(
        m.candidate.architecture.params for m in members[:2]
    )


def squares(n=90):
    """Grey pictures whose bright corner tells the class."""
    labels = np.arange(n) % 3
    images = np.random.default_rng(0).integers(0, 60, (n, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return images, labels


class Killed(BaseException):
    """Stands for `kill -9`: nothing handles it."""


class KilledAfterTrial0(autoarch.Progress):
    def trial_measured(self, record, best):
        raise Killed


class KilledInTheLastMember(autoarch.Progress):
    def __init__(self):
        self.final = False
        self.members = []

    def phase(self, name):
        self.final = name == "final"

    def epoch(self, record, *, epoch, epochs, loss):
        if self.final and record.trial not in self.members:
            self.members.append(record.trial)
        if len(self.members) == 2 and epoch > 3:
            raise Killed


def test_a_run_from_an_earlier_one_to_an_average_survives_two_kills(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "FREE_FINAL_EPOCHS", 6.0)
    monkeypatch.setattr(ensemble, "greedy_weights", lambda *args, most: [0.75, 0.25])
    found = SPACE.candidate({"activation": "relu", "recipe/batch_size": 16}).decisions
    earlier = RunDirectory(tmp_path / "earlier")
    earlier.create({"task": "image", "settings": {"space": "auto"}})
    with TrialLog(earlier.log_file) as log:
        log.append("proposed", t=1, trial=0, decisions=dict(found), key="0", params=1, macs=1)
        measurement = Measurement(0.5, {"accuracy": 0.5}, 2.0, 1.0, 1.0).to_json()
        log.append("measured", t=1, trial=0, measurement=measurement)
    settings = {
        "time": None,
        "trials": 2,
        "output": tmp_path / "run",
        "warm_start": earlier.root,
        "ensemble": 2,
        "precision": "float32",
    }
    for killed in (KilledAfterTrial0(), KilledInTheLastMember()):
        with pytest.raises(Killed):
            autoarch.ImageSearch(**settings, progress=killed).fit(*squares())
        shutil.rmtree(earlier.root, ignore_errors=True)
    search = autoarch.ImageSearch(**settings).fit(*squares())

    # What the earlier run had found, its recipe included, came right after trial 0.
    first, second = search.trials_
    changed = {name for name, value in second.decisions.items() if first.decisions[name] != value}
    assert changed == {"activation", "recipe/batch_size"}
    assert second.decisions["activation"] == "relu"
    assert search.result_["warm_start"] == {"run": str(earlier.root.resolve()), "trials": [1]}
    assert "Trial 1 is a network of" in search.summary()

    facts = search.result_["ensemble"]
    assert search.result_["selection"]["valid"] == facts["valid"]["accuracy"]
    best = search.result_["best"]["trial"]
    assert [(m["trial"], m["weight"], m["epochs"]) for m in facts["members"]] == [
        (best, 0.75, pytest.approx(6, abs=0.5)),
        (1 - best, 0.25, pytest.approx(6, abs=0.5)),
    ]
    events = [e["event"] for e in read_events(search.run_ / "trials.jsonl")]
    assert (events.count("ensemble"), events.count("final")) == (1, 2)
    assert f"The average of trial {best} (weight 0.75," in search.summary()
    card = (search.run_ / "model" / "README.md").read_text()
    assert "average of the networks of" in card and f"trial {1 - best}" in card
    assert {"saved_model", "keras", "litert"} <= set(search.result_["model"]["exports"])
    loaded = autoarch.load(search.run_)
    assert (loaded.ensemble, loaded.warm_start) == (2, str(earlier.root.resolve()))
    x, _ = squares(12)
    np.testing.assert_allclose(loaded.predict_proba(x), search.predict_proba(x), atol=1e-6)


class KilledWhileTaught(autoarch.Progress):
    def __init__(self):
        self.final, self.seen = False, []

    def phase(self, name):
        self.final = name == "final"

    def epoch(self, record, *, epoch, epochs, loss):
        if self.final:
            self.seen.append((record.trial, epoch))
            if epoch > 7:  # each has six epochs, the one that is taught six more
                raise Killed


@pytest.mark.slow
def test_a_network_under_a_limit_is_taught_and_survives_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "FREE_FINAL_EPOCHS", 6.0)
    monkeypatch.setattr(ensemble, "greedy_weights", lambda *args, most: [0.75, 0.25])
    settings = {
        "time": None,
        "trials": 2,
        "output": tmp_path / "run",
        "ensemble": 2,
        "precision": "float32",
        "constraints": autoarch.Constraints(max_size="60KB"),
    }
    with pytest.raises(Killed):
        autoarch.ImageSearch(**settings, progress=KilledWhileTaught()).fit(*squares())
    search = autoarch.ImageSearch(**settings).fit(*squares())
    facts, best = search.result_["ensemble"], search.result_["best"]["trial"]
    assert (
        facts["taught"]
        and [m["epochs"] for m in facts["members"]] == [pytest.approx(6, abs=0.5)] * 2
    )
    events = [e["event"] for e in read_events(search.run_ / "trials.jsonl")]
    assert (events.count("ensemble"), events.count("final")) == (1, 3)
    # The network is the winner's own, not the sum of both, and its file keeps the limit.
    winner = next(t for t in search.trials_ if t.trial == best)
    assert search.result_["model"]["params"] == winner.params
    assert (search.run_ / "model" / "model_int8.tflite").stat().st_size <= 60_000
    assert "Taught by the average of trial" in search.summary()
    assert "taught by the average of" in (search.run_ / "model" / "README.md").read_text()
    assert search.score(*squares(30)) > 0.9


@pytest.mark.slow
def test_texts_with_passes_to_spare_get_the_average_of_known_networks(tmp_path):
    rng = np.random.default_rng(0)
    words = np.array(["fine", "good", "bad", "poor", "a", "the", "tea", "day", "song"])
    labels = rng.integers(0, 2, 150)
    texts = [" ".join(rng.permutation([*words[4:], *words[2 * y : 2 * y + 2]])) for y in labels]
    search = autoarch.TextSearch(time=50, output=tmp_path / "run").fit(texts, labels)
    first = [trial.decisions for trial in search.trials_[:3]]
    assert [(d["network"], d["second"]) for d in first] == [
        ("dilated", "none"),
        ("cnn", "none"),
        ("dilated", "none"),
    ]
    members = search.result_["ensemble"]["members"]
    assert [m["weight"] for m in members] == [pytest.approx(1 / 3)] * 3
    network = search._predictor.model.architecture
    linear = [node.op for node in network.nodes if "linear/table" in node.name]
    once = sum(op.ids * (op.size + 1) for op in linear)  # with the ids' scales
    assert len(linear) == 3 and once > 0
    assert search.result_["model"]["params"] == sum(m["params"] for m in members) - 2 * once
    assert autoarch.load(search.run_).predict(["good tea a fine day"])[0] == 0
