"""How many products are answered on which level, leaf by leaf, and how many of those are wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.predictions.folder import PredictionsFolder
from etalage.selective.document import Thresholds
from etalage.selective.judged import Judged
from etalage.selective.levels import LevelAnswers, answer_level
from etalage.selective.rules import apply_rules

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Products by their most probable leaf (rows) and the level they are answered on (columns).

    Attributes:
        products: of the predictions, (C, 4); column 0 is review, the others levels 1 to 3.
        labelled: of those with a truth, (C, 4).
        wrong: how many of these have a wrong answer on that level, (C, 4).
    """

    products: Counts
    labelled: Counts
    wrong: Counts

    def of(self, node: NDArray[np.int32], nodes: int) -> "Tally":
        """Return the tally of nodes instead of leaves; ``node`` is that of each leaf, (C,)."""
        return Tally(*(_sums(each, node, nodes) for each in vars(self).values()))

    def total(self) -> "Tally":
        """Return the tally of all leaves together, (1, 4)."""
        return self.of(np.zeros(len(self.products), np.int32), 1)


def _sums(counts: Counts, node: NDArray[np.int32], nodes: int) -> Counts:
    summed = np.zeros((nodes, counts.shape[1]), np.int64)
    np.add.at(summed, node, counts)
    return summed


def tally(opened: PredictionsFolder, judged: Judged, made: list[Thresholds]) -> list[Tally]:
    """Count for each of some thresholds; the predictions are read once, part by part.

    Args:
        opened: the predictions.
        judged: their labelled products.
        made: thresholds for the same levels.
    """
    taxonomy = opened.taxonomy
    groups = [each.group_of_leaves(taxonomy) for each in made]
    known = [
        _labelled(each, group, judged, taxonomy) for each, group in zip(made, groups, strict=True)
    ]
    if len(judged) == opened.manifest.products:  # every product has a truth: nothing more to read
        return [Tally(labelled, labelled, wrong) for labelled, wrong in known]
    products = np.zeros((len(made), len(taxonomy), LEVELS + 1), np.int64)
    for part in opened.parts():
        table = part.categories, part.probabilities, part.rest
        answers = tuple(answer_level(taxonomy, level, *table) for level in made[0].levels)
        first = np.ascontiguousarray(part.categories[:, 0])
        for place, each in enumerate(made):
            products[place] += _count(first, _decide(each, groups[place], first, answers), taxonomy)
    return [Tally(counts, *found) for counts, found in zip(products, known, strict=True)]


def _decide(
    made: Thresholds,
    groups: NDArray[np.int32],
    first: NDArray[np.int32],
    answers: tuple[LevelAnswers, ...],
) -> NDArray[np.int8]:
    scores = [each.score(made.scores[each.level]) for each in answers]
    return apply_rules([group.rules for group in made.groups], groups[first], scores)


def _count(first: NDArray[np.int32], level: NDArray[np.int8], taxonomy: Taxonomy) -> Counts:
    width = LEVELS + 1
    cells = np.bincount(first.astype(np.int64) * width + level, minlength=len(taxonomy) * width)
    return cells.reshape(-1, width)


def _labelled(
    made: Thresholds, groups: NDArray[np.int32], judged: Judged, taxonomy: Taxonomy
) -> tuple[Counts, Counts]:
    level = _decide(made, groups, judged.first, judged.answers)
    wrong = np.zeros(len(judged), np.bool_)
    for place, answers in enumerate(judged.answers):
        wrong |= (level == answers.level) & judged.wrong[:, place]
    return _count(judged.first, level, taxonomy), _count(
        judged.first[wrong], level[wrong], taxonomy
    )
