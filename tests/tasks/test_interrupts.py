"""Ctrl-C: a wish to stop first, an abort then, wherever it meets the program."""

import signal

import pytest

from autoarch.tasks.interrupts import Interrupts, gentle_interrupts


class Finalised:
    """Python only prints what is raised while an object is finalised."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_the_first_one_asks_and_the_second_one_aborts():
    interrupts, asked = Interrupts(), []
    with gentle_interrupts(lambda: True, lambda: asked.append(1), interrupts):
        assert not interrupts.requested()
        signal.raise_signal(signal.SIGINT)
        assert interrupts.requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert asked == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_abort_that_a_finaliser_swallows_is_raised_at_the_next_question():
    interrupts = Interrupts()
    with gentle_interrupts(lambda: False, lambda: None, interrupts):
        del_me = Finalised()
        del del_me
        with pytest.raises(KeyboardInterrupt):
            interrupts.requested()


def test_the_handler_of_before_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with gentle_interrupts(lambda: True, lambda: None, Interrupts()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
