"""Validation products worth looking at: confident and right, confident and wrong, unsure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.reports.training.answered import Answered, Shown, show, without_copies

_SHOWN = 12
_LOOKED_AT = 5000
"""The first so many of each kind that examples are chosen from."""


@dataclass(frozen=True)
class Examples:
    """Products of three kinds, each of as many different given labels as there are.

    Attributes:
        right: the most confident right answers.
        wrong: the most confident wrong answers.
        unsure: the least confident answers.
    """

    right: list[Shown]
    wrong: list[Shown]
    unsure: list[Shown]


def choose_examples(answered: Answered, index: Index | None) -> Examples:
    """Choose examples by confidence; of equal ones the earlier product."""
    confidence, right = answered.confidence, answered.right
    falling = np.argsort(-confidence, kind="stable")
    rising = np.argsort(confidence, kind="stable")
    chosen = (falling[right[falling]], falling[~right[falling]], rising)
    different = [without_copies(answered, rows[:_LOOKED_AT]) for rows in chosen]
    shown = [show(answered, _various(answered.truth, rows), index) for rows in different]
    return Examples(*shown)


def _various(truth: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first rows, one of each given label, then others until there are enough."""
    _, first = np.unique(truth[rows], return_index=True)
    first = np.sort(first)
    others = np.setdiff1d(np.arange(min(len(rows), len(first) + _SHOWN)), first)
    chosen: NDArray[np.int64] = rows[np.concatenate([first, others])[:_SHOWN]]
    return chosen
