"""Applies THRESHOLDS to predictions, part by part: the level on which each product is answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.errors import PredictionsError
from etalage.predictions.folder import PredictionsFolder
from etalage.predictions.manifest import taxonomy_hash
from etalage.predictions.table import Predictions
from etalage.selective.document import Thresholds
from etalage.selective.levels import LevelAnswers, answer_level
from etalage.selective.rules import apply_rules

# What may differ between the predictions that thresholds were made on and those they are used on.
_OF_THE_PRODUCTS = ("index", "split", "part", "products", "predictions", "calibration")


@dataclass(frozen=True, eq=False)
class Decided:
    """One part of predictions with its answers.

    Attributes:
        predictions: the part, P products.
        answers: of each level that may be answered, the leaf first.
        group: number of the group of each product, (P,).
        level: on which it is answered automatically, 0 where a person must look, (P,) int8.
    """

    predictions: Predictions
    answers: tuple[LevelAnswers, ...]
    group: NDArray[np.int32]
    level: NDArray[np.int8]


def decide(opened: PredictionsFolder, made: Thresholds) -> Iterator[Decided]:
    """Yield the parts of predictions, decided.

    Raises:
        PredictionsError: the thresholds are of another taxonomy; damaged predictions.
    """
    taxonomy = opened.taxonomy
    if made.taxonomy["hash"] != taxonomy_hash(taxonomy):
        raise PredictionsError(
            f"{opened.folder}: has {len(taxonomy):,} categories that are not the "
            f"{made.taxonomy['categories']:,} the thresholds were made for",
            hint="make thresholds on predictions of the same taxonomy",
        )
    groups = made.group_of_leaves(taxonomy)
    rules = [group.rules for group in made.groups]
    for part in opened.parts():
        table = part.categories, part.probabilities, part.rest
        answers = tuple(answer_level(taxonomy, level, *table) for level in made.levels)
        scores = [each.score(made.scores[each.level]) for each in answers]
        group = groups[part.categories[:, 0]]
        yield Decided(part, answers, group, apply_rules(rules, group, scores))


def other_origin(made: Thresholds, source: dict[str, Any]) -> list[str]:
    """Return in words how predictions were made otherwise than those the thresholds are for."""
    before = made.fitted_on.get("source", {})
    return [
        f"{key} was {before.get(key)!r} and is {source.get(key)!r}"
        for key in sorted(before.keys() | source.keys())
        if key not in _OF_THE_PRODUCTS and before.get(key) != source.get(key)
    ]
