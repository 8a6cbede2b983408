"""What a run says of shared weights."""

from autoarch.report.evaluators import evaluator_text

FACTS = {
    "name": "one-shot",
    "supernet_epochs": 4.0,
    "networks_scored": 1,
    "tau": None,
    "tau_networks": 1,
    "fell_back": False,
}


def test_runs_without_shared_weights_say_nothing():
    assert evaluator_text(None) == evaluator_text({}) == ""
    assert evaluator_text({"evaluator": {"name": "train"}}) == ""


def test_what_is_not_defined_and_what_was_not_followed_are_said():
    text = evaluator_text({"evaluator": FACTS})
    assert text.startswith("1 network scored") and "is not defined on 1 network." in text
    text = evaluator_text({"evaluator": {**FACTS, "tau": 0.1, "fell_back": True}})
    assert "is 0.10 on 1 network: too low" in text


def test_scores_without_training_are_said():
    facts = {
        "name": "zero-cost",
        "proxy": "naswot",
        "networks_scored": 100,
        "tau": 0.4,
        "tau_networks": 9,
        "fell_back": False,
    }
    text = evaluator_text({"evaluator": facts})
    assert text.startswith(
        "100 networks scored without training (naswot), the worse half left out."
    )


def test_what_gradients_found_is_said():
    facts = {
        "name": "darts",
        "relaxed_steps": 120,
        "networks_found": 3,
        "collapsed": True,
        "tau": 0.33,
        "tau_networks": 3,
        "fell_back": False,
    }
    text = evaluator_text({"evaluator": facts})
    assert text.startswith("3 networks found by gradients (darts) in 120 steps")
    assert "skip connections took over" in text and text.endswith("is 0.33 on 3 networks.")
    assert "stopped" not in evaluator_text({"evaluator": {**facts, "collapsed": False}})
