"""Risk against coverage: how many answers are wrong among the surest, and the area under it.

El-Yaniv and Wiener (2010); the area (AURC) and its excess over the best order of the same answers:
Geifman, Uziel and El-Yaniv (2019). Of answers with equal scores none is before another: their
errors count as spread evenly among them, which is the mean over all their orders.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.selective.order import descending

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Area:
    """The area under the curve of risk, and what of it a better order could take away.

    Attributes:
        aurc: mean risk over all coverages, 0 to 1.
        excess: the same, less that of the same answers with all right ones first.
    """

    aurc: float
    excess: float


@dataclass(frozen=True)
class CurvePoint:
    """Answering the surest ``coverage`` of all products, ``risk`` of these answers are wrong."""

    coverage: float
    risk: float


def risks(scores: Scores, wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of wrong answers among the 1, 2, ... P surest, (P,)."""
    ordered, errors = descending(scores, wrong)
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    sizes = np.diff(last, prepend=-1)
    sums = np.diff(np.cumsum(errors)[last], prepend=0)
    spread = np.repeat(sums / sizes, sizes)
    found: NDArray[np.float64] = np.cumsum(spread) / np.arange(1, len(spread) + 1)
    return found


def area(scores: Scores, wrong: NDArray[np.bool_]) -> Area:
    """Return the area under the curve of risk of at least one answer, to six digits."""
    right, products = int((~wrong).sum()), len(wrong)
    best = np.maximum(0.0, np.arange(1, products + 1) - right) / np.arange(1, products + 1)
    aurc = float(risks(scores, wrong).mean())
    return Area(round(aurc, 6), round(max(0.0, aurc - float(best.mean())), 6))


def curve(scores: Scores, wrong: NDArray[np.bool_], points: int = 100) -> list[CurvePoint]:
    """Return the curve of risk at evenly spaced coverages, the smallest first."""
    found = risks(scores, wrong)
    last = len(found) - 1
    places = np.unique(np.linspace(0, last, points).round().astype(np.int64))
    coverage = (places + 1) / len(found)
    return [
        CurvePoint(round(float(at), 6), round(float(risk), 6))
        for at, risk in zip(coverage, found[places], strict=True)
    ]


def best_score(columns: dict[str, Scores], wrong: NDArray[np.bool_]) -> str:
    """Return the name of the score with the smallest area, the first unless one is clearly better.

    With E wrong answers an area is known to about 1 / sqrt(E) of itself: by less than that no other
    is preferred to the first. So few products do not choose by chance.
    """
    found = {name: area(scores, wrong).aurc for name, scores in columns.items()}
    first, best = next(iter(found)), min(found, key=lambda name: found[name])
    clear = found[best] < found[first] * (1 - 1 / np.sqrt(max(1, wrong.sum())))
    return best if clear else first
