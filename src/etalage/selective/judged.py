"""Labelled products with the answer of each level and whether it is wrong, divided by lot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.evidence import Evidence
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.selective.curve import Area, area, best_score
from etalage.selective.levels import SCORES, LevelAnswers, answer_level

CHOOSING = 0.25  # of the labelled products; the rest tests
LEAST_PRODUCTS = 20  # to choose and to test on; of fewer nothing can be said


@dataclass(frozen=True, eq=False)
class Judged:
    """N labelled products.

    Attributes:
        first: leaf row of the most probable category, (N,) int32.
        answers: of each level that may be answered, the leaf first.
        wrong: whether these answers are wrong, (N, L).
        testing: which products test; the others choose, (N,).
    """

    first: NDArray[np.int32]
    answers: tuple[LevelAnswers, ...]
    wrong: NDArray[np.bool_]
    testing: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def scores(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        """Return the score of each level by the name chosen for it, (N, L)."""
        pairs = zip(self.answers, names, strict=True)
        return np.column_stack([answers.score(name) for answers, name in pairs])

    def areas(self, place: int) -> dict[str, Area]:
        """Return the area under the curve of risk of each score of a level, on what tests."""
        answers, wrong = self.answers[place], self.wrong[self.testing, place]
        return {name: area(answers.score(name)[self.testing], wrong) for name in SCORES}


def judge(evidence: Evidence, levels: tuple[int, ...], seed: int) -> Judged:
    """Answer every level and compare with the truth; a truth outside the taxonomy is never met.

    Args:
        evidence: predictions beside their truth.
        levels: that may be answered, the leaf first.
        seed: of the lot that divides the products.

    Raises:
        PredictionsError: fewer than 20 products have a truth.
    """
    if len(evidence) < LEAST_PRODUCTS:
        raise PredictionsError(
            f"{evidence.record.get('predictions', 'evidence')}: {len(evidence):,} of its products "
            f"have a truth, expected {LEAST_PRODUCTS} at least",
            hint="149 without an error are what a promise of 98 % takes",
        )
    table = evidence.categories, evidence.probabilities, evidence.rest
    answers = tuple(answer_level(evidence.taxonomy, level, *table) for level in levels)
    known = evidence.truth >= 0
    wrong = np.column_stack(
        [
            ~known | (each.nodes != _truth(evidence.taxonomy, each.level, evidence.truth))
            for each in answers
        ]
    )
    first = np.ascontiguousarray(evidence.categories[:, 0])
    return Judged(first, answers, wrong, _lot(len(evidence), seed))


def _truth(taxonomy: Taxonomy, level: int, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    nodes: NDArray[np.int32] = taxonomy.nodes(level)[rows.clip(min=0)]
    return nodes


def _lot(products: int, seed: int) -> NDArray[np.bool_]:
    """Return who tests; of two products or more at least one chooses and one tests."""
    testing = np.ones(products, np.bool_)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(products)
    testing[order[: max(1, round(CHOOSING * products))]] = False
    return testing


def choose_scores(judged: Judged, score: str | None = None) -> tuple[str, ...]:
    """Return the score of each level with the smallest area on the products that choose.

    What tests is not looked at: the promise made on it stays what it is.

    Args:
        judged: the products.
        score: take this one on every level instead.
    """
    if score is not None:
        return (score,) * len(judged.answers)
    chosen = ~judged.testing
    return tuple(
        best_score({name: answers.score(name)[chosen] for name in SCORES}, judged.wrong[chosen, at])
        for at, answers in enumerate(judged.answers)
    )
