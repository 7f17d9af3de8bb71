"""What some products cost under given thresholds: automatic answers, reviews, hours, errors left.

Intervals are exact (Clopper and Pearson), 95 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.noise import Noise, corrected
from etalage.catalogue.taxonomy import LEVELS
from etalage.predictions.intervals import clopper_pearson
from etalage.selective.document import Thresholds
from etalage.selective.tally import Tally

ENOUGH = 30  # labelled answers of a branch or category, for a share of errors of its own
_INTERVAL = 0.95

Risks = NDArray[np.float64]


@dataclass(frozen=True)
class Hours:
    """Hours that the reviews take at ``minutes`` each, and between what they lie elsewhere."""

    minutes: float
    hours: float
    low: float
    high: float


@dataclass(frozen=True)
class Cost:
    """What is answered and what is left of some products.

    Attributes:
        name: what they have in common: their most probable category, or its branch.
        products: number of them.
        leaf: answered automatically on the leaf level.
        level2: on level 2.
        level1: on level 1.
        automatic: all these.
        share: of the products; ``share_low`` and ``share_high`` for another such catalogue.
        reviews: the others.
        hours: for each of the minutes a review may take.
        errors: wrong automatic answers expected, from ``errors_low`` to ``errors_high``.
    """

    name: str
    products: int
    leaf: int
    level2: int
    level1: int
    automatic: int
    share: float
    share_low: float
    share_high: float
    reviews: int
    hours: list[Hours]
    errors: float
    errors_low: float
    errors_high: float


@dataclass(frozen=True)
class LevelCost:
    """What one level answers.

    Attributes:
        level: 3 the leaf, 2, 1.
        score: that its thresholds are on.
        automatic: products answered.
        share: of all.
        labelled: of these with a truth.
        wrong: of those.
        risk: share of wrong ones, noise of given labels taken out; None without a labelled one.
        low, high: interval of the risk.
        target: that was tested for; None where the level answers nothing.
    """

    level: int
    score: str
    automatic: int
    share: float
    labelled: int
    wrong: int
    risk: float | None
    low: float | None
    high: float | None
    target: float | None


def risks(counts: Tally, noise: Noise | None) -> Risks:
    """Return the share of wrong answers and its interval for each row and level, (R, 4, 3).

    On the leaf level the noise of given labels is taken out, where it is known.
    """
    held = np.maximum(counts.labelled, 1)
    low, high = clopper_pearson(counts.wrong, counts.labelled, _INTERVAL)
    found = np.stack([counts.wrong / held, low, high], axis=2)
    if noise is not None:
        for row in range(len(found)):
            share, least, most = found[row, LEVELS].tolist()
            right = corrected(1 - share, 1 - most, 1 - least, noise)
            found[row, LEVELS] = 1 - right[0], 1 - right[2], 1 - right[1]
    return found


def borrowed(own: Risks, counts: Tally, other: Risks) -> Risks:
    """Return the risks of rows, those of ``other`` where they have too few labelled answers."""
    return np.where((counts.labelled >= ENOUGH)[:, :, None], own, other)


def costs(names: list[str], counts: Tally, risk: Risks, minutes: list[float]) -> list[Cost]:
    """Return the cost of each row that has products, by its name."""
    rows = np.flatnonzero(counts.products.any(axis=1))
    held = counts.products[rows]
    products, reviews = held.sum(axis=1), held[:, 0]
    low, high = clopper_pearson(products - reviews, products, _INTERVAL)
    share = np.column_stack([1 - reviews / products, low, high])
    hours = np.outer(products, minutes)[:, :, None] / 60 * (1 - share[:, None, [0, 2, 1]])
    errors = (held[:, 1:, None] * risk[rows, 1:]).sum(axis=1)
    columns = (held, share.round(6), hours.round(6), errors.round(6))
    found = zip(rows.tolist(), *(each.tolist() for each in columns), strict=True)
    return [_cost(names[row], minutes, *figures) for row, *figures in found]


def _cost(
    name: str,
    minutes: list[float],
    held: list[int],
    share: list[float],
    hours: list[list[float]],
    errors: list[float],
) -> Cost:
    reviews, level1, level2, leaf = held
    return Cost(
        name=name,
        products=sum(held),
        leaf=leaf,
        level2=level2,
        level1=level1,
        automatic=leaf + level2 + level1,
        share=share[0],
        share_low=share[1],
        share_high=share[2],
        reviews=reviews,
        hours=[Hours(each, *ends) for each, ends in zip(minutes, hours, strict=True)],
        errors=errors[0],
        errors_low=errors[1],
        errors_high=errors[2],
    )


def level_cost(made: Thresholds, level: int, total: Tally, risk: NDArray[np.float64]) -> LevelCost:
    """Return what a level answers; ``risk`` is its share of wrong answers with its interval."""
    answered, products = int(total.products[0, level]), int(total.products.sum())
    labelled = int(total.labelled[0, level])
    targets = [rule.target for group in made.groups for rule in group.rules if rule.level == level]
    share, low, high = (_round(each) if labelled else None for each in risk.tolist())
    return LevelCost(
        level=level,
        score=made.scores[level],
        automatic=answered,
        share=_round(answered / max(1, products)),
        labelled=labelled,
        wrong=int(total.wrong[0, level]),
        risk=share,
        low=low,
        high=high,
        target=targets[0] if answered else None,
    )


def _round(value: float) -> float:
    return round(float(value), 6)
