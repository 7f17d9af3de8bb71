"""Intervals for shares: how sure a number counted on a sample is."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the exact two-sided interval of a share (Clopper and Pearson 1934).

    Each end alone is a bound that holds with probability ``(1 + confidence) / 2``.

    Args:
        successes: how often it happened, any shape.
        trials: of how many times; none says nothing, from 0 to 1.
        confidence: the probability that the interval holds the share, at least.

    Returns:
        The lower and the upper ends, shapes as the arguments broadcast.
    """
    hits, of = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, beta.ppf(tail, hits, of - hits + 1), 0.0)
        high = np.where(hits < of, beta.ppf(1 - tail, hits + 1, of - hits), 1.0)
    return low, high
