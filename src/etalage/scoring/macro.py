"""Figures in which every category counts the same, however few products it has.

* Balanced accuracy is the mean, over the categories of the truth, of recall: the share of a
  category's products that are answered with it (scikit-learn's ``balanced_accuracy_score``).
* Macro precision, recall and F1 are means over the categories of the truth or of the answers,
  where a category that is never answered has precision 0, one of no product recall 0, and F1 is
  2 * right / (products + answers) (scikit-learn's ``precision_recall_fscore_support``, average
  "macro", zero_division 0). Their recall is lower than balanced accuracy by the categories that are
  only ever answered.

A product without an answer counts as one of its category and as an answer of none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS
from etalage.scoring.accuracy import Interval, nodes_of
from etalage.scoring.answers import Compared
from etalage.scoring.resampling import Units, normal


@dataclass(frozen=True)
class Macro:
    """Means over categories of one level.

    Attributes:
        categories: those of the truth.
        balanced_accuracy: mean of their recall.
        interval: of the balanced accuracy, these categories taken as given.
        named: categories of the truth or of the answers, over which the next three are means.
        precision: of what was answered with a category, the share that is of it.
        recall: of the products of a category, the share answered with it.
        f1: the harmonic mean of both, category by category.
    """

    categories: int
    balanced_accuracy: float
    interval: Interval
    named: int
    precision: float
    recall: float
    f1: float


def macro_of(compared: Compared, units: Units) -> dict[str, Macro | None]:
    """Return the means of every level; None for one that a flat taxonomy does not have."""
    return {
        f"level{level}": None
        if compared.taxonomy.is_flat and level < LEVELS
        else _of_level(compared, level, units)
        for level in range(1, LEVELS + 1)
    }


def _of_level(compared: Compared, level: int, units: Units) -> Macro:
    taxonomy = compared.taxonomy
    truth = nodes_of(taxonomy, level, compared.truth)
    answer = nodes_of(taxonomy, level, compared.answer)
    width = int(taxonomy.nodes(level).max()) + 1
    right = truth == answer
    products = np.bincount(truth, minlength=width)
    answers = np.bincount(answer + 1, minlength=width + 1)[1:]
    hits = np.bincount(truth[right], minlength=width)
    there, named = products > 0, (products > 0) | (answers > 0)
    recall = hits / np.maximum(1, products)
    balanced = float(recall[there].mean())
    return Macro(
        categories=int(there.sum()),
        balanced_accuracy=balanced,
        interval=_interval(balanced, recall, products, truth, right, units),
        named=int(named.sum()),
        precision=float((hits / np.maximum(1, answers))[named].mean()),
        recall=float(recall[named].mean()),
        f1=float((2 * hits / np.maximum(1, products + answers))[named].mean()),
    )


def _interval(
    balanced: float,
    recall: NDArray[np.float64],
    products: NDArray[np.int64],
    truth: NDArray[np.int32],
    right: NDArray[np.bool_],
    units: Units,
) -> Interval:
    """Return the interval of the mean recall: one more right product of a category raises it."""
    categories = int((products > 0).sum())
    if units.unit is None:
        variance = recall * (1 - recall) / np.maximum(1, products)
        return normal(balanced, float(variance.sum()) / categories**2)
    influence = (right - recall[truth]) / (products[truth] * categories)
    return units.linearised(balanced, influence)
