"""The validation products of a training: what was answered and what the given label says."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.folder import PredictionsTable
from etalage.predictions.product_ids import positions

_MOST_IMAGES = 4
_ANSWERS = 3


@dataclass(frozen=True, eq=False)
class Answered:
    """P products with a given label and an answer.

    Attributes:
        taxonomy: the leaves.
        product_ids: (P,).
        truth: leaf row of the given label, (P,).
        categories: leaf rows answered, most probable first, (P, k).
        probabilities: of these, (P, k).
        images: number of images the answer rests on, (P,).
    """

    taxonomy: Taxonomy
    product_ids: pa.Array
    truth: NDArray[np.int32]
    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    images: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def answer(self) -> NDArray[np.int32]:
        """The first answer of each product, (P,)."""
        return self.categories[:, 0]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Its probability, (P,)."""
        return self.probabilities[:, 0].astype(np.float64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether it is the given label, (P,)."""
        same: NDArray[np.bool_] = self.answer == self.truth
        return same


@dataclass(frozen=True)
class Answer:
    """A category and how probable it is said to be."""

    category: str
    probability: float


@dataclass(frozen=True)
class Shown:
    """A product to show.

    Attributes:
        product_id: its id.
        given: path of its given label.
        probability: of the given label; None where it is not among the answers kept.
        answers: the most probable categories.
        rows: image rows of the index, of the first images; none without an index.
    """

    product_id: int | str
    given: str
    probability: float | None
    answers: list[Answer]
    rows: list[int]


def join(answers: PredictionsTable, labels: NDArray[np.int32]) -> Answered | None:
    """Return the products that have a label; None when there are none."""
    chosen = labels >= 0
    if not chosen.any() or not answers.k:
        return None
    return Answered(
        answers.taxonomy,
        answers.product_ids.filter(pa.array(chosen)),
        labels[chosen],
        answers.categories[chosen],
        answers.probabilities[chosen],
        answers.images[chosen],
    )


def without_copies(answered: Answered, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out products like one before: copies of a picture get the very same answer."""
    alike = np.rec.fromarrays(
        [answered.truth[rows], answered.answer[rows], answered.confidence[rows]]
    )
    _, first = np.unique(alike, return_index=True)
    chosen: NDArray[np.int64] = rows[np.sort(first)]
    return chosen


def show(answered: Answered, products: NDArray[np.int64], index: Index | None) -> list[Shown]:
    """Return some products as they are shown, with their image rows where there is an index."""
    images = _image_rows(answered.product_ids.take(pa.array(products)), index)
    return [
        Shown(
            product_id=answered.product_ids[product].as_py(),
            given=answered.taxonomy.label(int(answered.truth[product])),
            probability=_probability(answered, product),
            answers=_answers(answered, product),
            rows=rows,
        )
        for product, rows in zip(products.tolist(), images, strict=True)
    ]


def _image_rows(ids: pa.Array, index: Index | None) -> list[list[int]]:
    if index is None:
        return [[] for _ in ids]
    rows = positions(ids, index.product_ids)
    starts, counts = index.image_start[rows], index.image_count[rows].clip(max=_MOST_IMAGES)
    found = zip(rows.tolist(), starts.tolist(), counts.tolist(), strict=True)
    return [list(range(start, start + n)) if row >= 0 else [] for row, start, n in found]


def _probability(answered: Answered, product: int) -> float | None:
    places = np.flatnonzero(answered.categories[product] == answered.truth[product])
    return round(float(answered.probabilities[product, places[0]]), 6) if len(places) else None


def _answers(answered: Answered, product: int) -> list[Answer]:
    pairs = zip(answered.categories[product], answered.probabilities[product], strict=True)
    return [
        Answer(answered.taxonomy.label(int(row)), round(float(probability), 6))
        for row, probability in list(pairs)[:_ANSWERS]
    ]
