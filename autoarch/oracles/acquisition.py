"""What a candidate promises, from the surrogate's mean and standard deviation; larger is better."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from autoarch.oracles.encoding import FloatArray


def expected_improvement(mean: FloatArray, sd: FloatArray, best: float) -> FloatArray:
    """Expected gain over `best`, `(n,)`.

    Source: Jones, Schonlau and Welch (1998), "Efficient Global Optimization of Expensive
    Black-Box Functions", equation 15.
    """
    z = (mean - best) / sd
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    gain: FloatArray = sd * (z * ndtr(z) + density)
    return gain


def upper_confidence_bound(mean: FloatArray, sd: FloatArray, exploration: float) -> FloatArray:
    """`mean + exploration * sd`, `(n,)`.

    Source: Srinivas, Krause, Kakade and Seeger (2010), "Gaussian Process Optimization in the
    Bandit Setting", algorithm 1.
    """
    return mean + exploration * sd


def hypervolume_scalarisation(
    values: FloatArray, reference: FloatArray, direction: FloatArray
) -> FloatArray:
    """How far one goes from the reference point in a direction, `(n,)`.

    The average over random directions is proportional to the hypervolume, so maximising it for a
    new direction each time fills the front.

    Args:
        values: Objectives to be maximised, `(n, objectives)`.
        reference: A point that all of interest dominates, `(objectives,)`.
        direction: Positive, of length 1, `(objectives,)`.

    Source: Golovin and Zhang (2020), "Random Hypervolume Scalarizations for Provable
    Multi-Objective Black Box Optimization", definition 1.
    """
    shares: FloatArray = ((values - reference) / direction).min(axis=1)
    return shares
