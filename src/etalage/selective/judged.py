"""Labelled products with the answer of each level and whether it is wrong, divided by lot."""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.evidence import Evidence
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, PredictionsError
from etalage.selective.curve import area, best_score
from etalage.selective.levels import SCORES, LevelAnswers, answer_level

CHOOSING = 0.25  # of the labelled products; the rest tests
AREA_PRODUCTS = 200_000  # so many say an area to a thousandth of itself
LEAST_PRODUCTS = 20  # to choose and to test on; of fewer nothing can be said


@dataclass(frozen=True, eq=False)
class Judged:
    """N labelled products.

    Attributes:
        first: leaf row of the most probable category, (N,) int32.
        answers: of each level that may be answered, the leaf first.
        wrong: whether these answers are wrong, (N, L).
        testing: which products test; the others choose, (N,).
        names: the score chosen for each level, (L,).
    """

    first: NDArray[np.int32]
    answers: tuple[LevelAnswers, ...]
    wrong: NDArray[np.bool_]
    testing: NDArray[np.bool_]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.first)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The score of each level by the name chosen for it, (N, L)."""
        pairs = zip(self.answers, self.names, strict=True)
        return np.column_stack([answers.score(name) for answers, name in pairs])

    @cached_property
    def areas(self) -> dict[int, dict[str, dict[str, float]]]:
        """Of each level and score the area under the curve of risk, on what tests."""
        rows = _some(self.testing)
        return {
            answers.level: {name: asdict(area(answers.score(name)[rows], wrong)) for name in SCORES}
            for answers, wrong in zip(self.answers, self.wrong[rows].T, strict=True)
        }


def judge(
    evidence: Evidence, levels: tuple[int, ...], seed: int, score: str | None = None
) -> Judged:
    """Answer every level and compare with the truth; a truth outside the taxonomy is never met.

    Args:
        evidence: predictions beside their truth.
        levels: that may be answered, the leaf first.
        seed: of the lot that divides the products.
        score: take this one on every level instead of the best.

    Raises:
        ConfigError: ``score`` is none of ``SCORES``.
        PredictionsError: fewer than 20 products have a truth.
    """
    if score is not None and score not in SCORES:
        raise ConfigError(f"--score {score}: expected one of {', '.join(SCORES)}")
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
    testing = _lot(len(evidence), seed)
    names = (score,) * len(levels) if score else choose_scores(answers, wrong, ~testing)
    return Judged(first, answers, wrong, testing, names)


def _truth(taxonomy: Taxonomy, level: int, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    nodes: NDArray[np.int32] = taxonomy.nodes(level)[rows.clip(min=0)]
    return nodes


def _lot(products: int, seed: int) -> NDArray[np.bool_]:
    """Return who tests; of two products or more at least one chooses and one tests."""
    testing = np.ones(products, np.bool_)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(products)
    testing[order[: max(1, round(CHOOSING * products))]] = False
    return testing


def _some(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return rows of the chosen products for an area: of very many evenly spaced ones do."""
    rows = np.flatnonzero(chosen)
    return rows[:: max(1, len(rows) // AREA_PRODUCTS)]


def choose_scores(
    answers: tuple[LevelAnswers, ...], wrong: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Return the score of each level by the areas on the products that choose: ``best_score``.

    What tests is not looked at: the promise made on it stays what it is.

    Args:
        answers: of each level.
        wrong: whether they are, (N, L).
        chosen: the products to go by, (N,).
    """
    rows = _some(chosen)
    return tuple(
        best_score({name: each.score(name)[rows] for name in SCORES}, wrong[rows, place])
        for place, each in enumerate(answers)
    )
