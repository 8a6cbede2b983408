"""What is said of settings of an oracle that make no sense."""

from __future__ import annotations

from autoarch.errors import InvalidInputError


def check_counts(oracle: type, **counts: int) -> None:
    """Raises `InvalidInputError` where a setting of an oracle is below 1."""
    for name, count in counts.items():
        if count < 1:
            raise InvalidInputError(
                f"`{name}` of {oracle.__name__} must be at least 1; got {count}."
            )


def check_shares(oracle: type, **shares: float) -> None:
    """Raises `InvalidInputError` where a setting of an oracle is no probability."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise InvalidInputError(
                f"`{name}` of {oracle.__name__} must be in [0, 1]; got {share}."
            )


def check_not_negative(oracle: type, **amounts: float) -> None:
    """Raises `InvalidInputError` where a setting of an oracle is negative."""
    for name, amount in amounts.items():
        if not amount >= 0:
            raise InvalidInputError(
                f"`{name}` of {oracle.__name__} must not be negative; got {amount}."
            )


def check_positive(oracle: type, **amounts: float) -> None:
    """Raises `InvalidInputError` where a setting of an oracle is not above 0."""
    for name, amount in amounts.items():
        if not amount > 0:
            raise InvalidInputError(
                f"`{name}` of {oracle.__name__} must be positive; got {amount}."
            )
