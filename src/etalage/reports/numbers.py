"""Shares, round bins and quantiles, as plain numbers that JSON can hold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ONE_TWO_FIVE = (1.0, 2.0, 5.0)
"""Steps of a decade for wide bins."""

TENTHS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""Steps of a decade for narrow bins: tenths on a logarithmic scale, rounded (Renard's series)."""

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Bin:
    """How many values lie in ``low <= value < high``.

    Attributes:
        low: smallest value that belongs.
        high: first value that does not belong.
        count: number of values.
        total: sum of the values.
    """

    low: int
    high: int
    count: int
    total: int


@dataclass(frozen=True)
class Spread:
    """What values there are: their number and sum, and where they lie."""

    count: int
    total: float
    mean: float
    least: float
    p1: float
    p10: float
    median: float
    p90: float
    p99: float
    most: float


def share(part: float, whole: float) -> float:
    """Return a part of a whole to six digits, 0 of nothing."""
    return round(float(part) / float(whole), 6) if whole else 0.0


def round_edges(most: int, steps: tuple[float, ...]) -> NDArray[np.int64]:
    """Return whole numbers from 1 to beyond ``most``, evenly spaced on a logarithmic scale."""
    decades = range(len(str(int(most))) + 1)
    edges = np.array([round(step * 10**decade) for decade in decades for step in steps])
    edges = np.unique(edges)
    last = int(np.searchsorted(edges, most, side="right"))
    return edges[: max(last, 1) + 1]


def log_bins(values: NDArray[np.int64], steps: tuple[float, ...]) -> list[Bin]:
    """Count whole numbers in logarithmic bins, from the first bin that is not empty to the last.

    Zeros are in none.
    """
    some = values[values > 0]
    if not len(some):
        return []
    edges = round_edges(int(some.max()), steps)
    at = np.searchsorted(edges, some, side="right") - 1
    counts = np.bincount(at, minlength=len(edges) - 1)
    totals = np.bincount(at, weights=some, minlength=len(edges) - 1)
    return [
        Bin(int(edges[bin]), int(edges[bin + 1]), int(counts[bin]), int(totals[bin]))
        for bin in range(int(at.min()), int(at.max()) + 1)
    ]


def spread(values: NDArray[np.int64] | NDArray[np.float64]) -> Spread | None:
    """Return where values lie, to six digits behind the point; None of none."""
    if not len(values):
        return None
    total = float(values.sum(dtype=np.float64))
    inner = np.quantile(values, QUANTILES, method="inverted_cdf").tolist()
    numbers = (total, total / len(values), values.min(), *inner, values.max())
    return Spread(len(values), *(round(float(number), 6) for number in numbers))
