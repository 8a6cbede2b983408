"""How fast networks train, measured without a trace."""

from autoarch.spaces import MobileSpace
from autoarch.supernet.pace import step_s


def test_a_much_larger_network_is_slower():
    small, large = (MobileSpace((32, 32, 3), 2, width=w).candidate({}) for w in (4, 64))
    assert step_s(small.architecture) < step_s(large.architecture)
