"""Whether the probabilities can be believed, and what answering only the sure ones would give.

Reliability and expected calibration error: Guo et al. (2017), with bins of equal width. Risk and
coverage: Geifman and El-Yaniv (2017): the share of wrong answers among the most confident ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.reports.numbers import share
from etalage.reports.training.answered import Answered
from etalage.reports.training.groups import Rate, rate

_BINS = 10
_COLUMNS = 20
_POINTS = 100
_RISKS = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Reliable:
    """Products whose confidence lies between ``low`` and ``high``, and how many are right."""

    low: float
    high: float
    products: int
    confidence: float
    accuracy: Rate


@dataclass(frozen=True)
class Column:
    """Right and wrong answers with a confidence between ``low`` and ``high``."""

    low: float
    high: float
    right: int
    wrong: int


@dataclass(frozen=True)
class Covered:
    """Answering the ``coverage`` most confident of all products, ``risk`` of these are wrong."""

    coverage: float
    risk: float
    threshold: float


@dataclass(frozen=True)
class Bound:
    """The largest coverage whose risk is not above ``risk``; no threshold where there is none."""

    risk: float
    coverage: float
    threshold: float | None


@dataclass(frozen=True)
class Confidence:
    """How confident the answers are, and how rightly.

    Attributes:
        mean: confidence of all answers.
        calibration_error: mean distance of confidence and accuracy over the bins.
        reliability: bins that are not empty.
        columns: the histogram.
        curve: risk against coverage.
        area: under that curve.
        bounds: coverage at some risks.
    """

    mean: float
    calibration_error: float
    reliability: list[Reliable]
    columns: list[Column]
    curve: list[Covered]
    area: float
    bounds: list[Bound]


def measure_confidence(answered: Answered) -> Confidence:
    """Compare the confidence of the first answers with their being right."""
    confidence, right = answered.confidence, answered.right
    reliability = _reliability(confidence, right)
    gaps = [each.products * abs(each.confidence - each.accuracy.share) for each in reliability]
    order = np.argsort(-confidence, kind="stable")
    risks = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    sorted_confidence = confidence[order]
    return Confidence(
        mean=share(confidence.sum(), len(confidence)),
        calibration_error=share(sum(gaps), len(confidence)),
        reliability=reliability,
        columns=_columns(confidence, right),
        curve=_curve(sorted_confidence, risks),
        area=round(float(risks.mean()), 6),
        bounds=[_bound(sorted_confidence, risks, risk) for risk in _RISKS],
    )


def _places(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of each confidence; 1 belongs to the last."""
    return (confidence * bins).astype(np.int64).clip(0, bins - 1)


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Reliable]:
    place = _places(confidence, _BINS)
    products = np.bincount(place, minlength=_BINS)
    hits = np.bincount(place[right], minlength=_BINS).tolist()
    sums = np.bincount(place, weights=confidence, minlength=_BINS)
    return [
        Reliable(
            low=at / _BINS,
            high=(at + 1) / _BINS,
            products=int(products[at]),
            confidence=share(sums[at], products[at]),
            accuracy=rate(hits[at], int(products[at])),
        )
        for at in np.flatnonzero(products).tolist()
    ]


def _columns(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Column]:
    place = _places(confidence, _COLUMNS)
    hits, misses = (
        np.bincount(place[chosen], minlength=_COLUMNS).tolist() for chosen in (right, ~right)
    )
    return [
        Column(at / _COLUMNS, (at + 1) / _COLUMNS, hits[at], misses[at]) for at in range(_COLUMNS)
    ]


def _curve(confidence: NDArray[np.float64], risks: NDArray[np.float64]) -> list[Covered]:
    last = len(risks) - 1
    places = np.unique(np.linspace(0, last, _POINTS).round().astype(np.int64))
    return [_covered(confidence, risks, at) for at in places.tolist()]


def _covered(confidence: NDArray[np.float64], risks: NDArray[np.float64], at: int) -> Covered:
    coverage = share(at + 1, len(risks))
    return Covered(coverage, round(float(risks[at]), 6), round(float(confidence[at]), 6))


def _bound(confidence: NDArray[np.float64], risks: NDArray[np.float64], risk: float) -> Bound:
    # Equal confidences cannot be told apart by a threshold: all of them are answered, or none.
    last = np.append(confidence[1:] != confidence[:-1], [True])
    kept = np.flatnonzero((risks <= risk) & last)
    if not len(kept):
        return Bound(risk, 0.0, None)
    found = _covered(confidence, risks, int(kept[-1]))
    return Bound(risk, found.coverage, found.threshold)
