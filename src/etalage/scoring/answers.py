"""Answers as scoring reads them, from PREDICTIONS or a submission, and each beside its truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.product_ids import positions
from etalage.predictions.submission import read_submission
from etalage.predictions.truth import Truth
from etalage.scoring.accuracy import Hits, level_hits

MOST = 20
NONE = -1
_TOP = 5
_BLOCK = 1 << 17


@dataclass(frozen=True, eq=False)
class Answers:
    """The first answers of every product, as one file gives them.

    Attributes:
        path: the file or folder.
        product_ids: (A,).
        leaves: category ids that an answer can be.
        chosen: rows of ``leaves``, best first, (A, up to 20), of as few bytes as hold them.
        images: number of images the answer rests on, (A,), or None.
    """

    path: Path
    product_ids: pa.Array
    leaves: NDArray[np.int64]
    chosen: NDArray[np.uint16] | NDArray[np.int32]
    images: NDArray[np.int16] | None


@dataclass(frozen=True, eq=False)
class Compared:
    """Every product of a truth beside its answer.

    Attributes:
        taxonomy: what all rows are rows of.
        truth: leaf row, (P,).
        answer: leaf row of the first answer, -1 where there is none, (P,).
        place: of the right leaf among the answers, from 0; -1 where it is not among them, (P,).
        kept: number of answers a product.
        images: number of images the answer rests on, -1 for no answer, (P,); None if not known.
        answered: number of products that have an answer.
        extra: number of answers to other products.
    """

    taxonomy: Taxonomy
    truth: NDArray[np.int32]
    answer: NDArray[np.int32]
    place: NDArray[np.int8]
    kept: int
    images: NDArray[np.int32] | None
    answered: int
    extra: int

    def __len__(self) -> int:
        return len(self.truth)

    def hits(self) -> Hits:
        """Return which products are answered rightly."""
        top5 = None if self.kept == 1 else self.among(_TOP)
        return Hits(level_hits(self.taxonomy, self.truth, self.answer), top5)

    def among(self, k: int) -> NDArray[np.bool_]:
        """Return whether the right leaf is among the first ``k`` answers, (P,)."""
        found: NDArray[np.bool_] = (self.place >= 0) & (self.place < k)
        return found


def read_answers(path: Path, taxonomy: Taxonomy | None) -> Answers:
    """Read the answers of a PREDICTIONS folder or of a submission.

    Raises:
        PredictionsError: cannot be used, has no products, or a category not in ``taxonomy``.
    """
    if path.is_dir():
        answers = _of_folder(open_predictions(path), taxonomy)
    else:
        answers = _of_submission(path, taxonomy)
    if not len(answers.product_ids):
        raise PredictionsError(f"{path}: has no products")
    return answers


def _of_submission(path: Path, taxonomy: Taxonomy | None) -> Answers:
    submission = read_submission(path, taxonomy)
    if taxonomy is not None:
        chosen = taxonomy.rows(submission.categories)
        return Answers(path, submission.product_ids, taxonomy.ids, chosen[:, None], None)
    leaves, row = np.unique(submission.categories, return_inverse=True)
    return Answers(path, submission.product_ids, leaves, row.astype(np.int32)[:, None], None)


def _of_folder(opened: PredictionsFolder, taxonomy: Taxonomy | None) -> Answers:
    """Keep the first answers of every part: some 50 bytes a product."""
    leaves = opened.taxonomy.ids
    kind: type[np.uint16] | type[np.int32] = np.uint16 if len(leaves) < 1 << 16 else np.int32
    parts = (
        (part.product_ids, part.categories[:, :MOST].astype(kind), part.images)
        for part in opened.parts()
    )
    ids, chosen, images = zip(*parts, strict=True)
    answers = Answers(
        opened.folder,
        pa.concat_arrays(ids),
        leaves,
        np.concatenate(chosen),
        np.concatenate(images),
    )
    if taxonomy is not None:
        _refuse_unknown(answers, taxonomy)
    return answers


def _refuse_unknown(answers: Answers, taxonomy: Taxonomy) -> None:
    unknown = taxonomy.rows(answers.leaves) < 0
    if not unknown.any():
        return
    predicted = np.bincount(answers.chosen.ravel(), minlength=len(answers.leaves)) > 0
    wrong = answers.leaves[unknown & predicted]
    if len(wrong):
        raise PredictionsError(
            f"{answers.path}: predicts {len(wrong):,} categories that are not in the taxonomy of "
            f"{len(taxonomy):,}: {wrong[0]}",
            hint="leave out --taxonomy: the predictions bring their own; "
            "predictions of two taxonomies cannot be compared",
        )


def compare(answers: Answers, truth: Truth, taxonomy: Taxonomy) -> Compared:
    """Put the answers beside the truth; what is missing counts as wrong.

    Args:
        answers: of any products in any order.
        truth: which products count; its categories are in ``taxonomy``.
        taxonomy: what both are leaves of.
    """
    rows = positions(truth.product_ids, answers.product_ids)
    answered = int((rows >= 0).sum())
    right = taxonomy.rows(truth.categories)
    first, place = _beside(answers, rows, right, taxonomy)
    images = answers.images
    return Compared(
        taxonomy=taxonomy,
        truth=right,
        answer=first,
        place=place,
        kept=answers.chosen.shape[1],
        images=None if images is None else np.append(images.astype(np.int32), np.int32(-1))[rows],
        answered=answered,
        extra=len(answers.product_ids) - answered,
    )


def _beside(
    answers: Answers, rows: NDArray[np.int64], right: NDArray[np.int32], taxonomy: Taxonomy
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return the first answer of each product and the place of the right one, block by block."""
    leaf = taxonomy.rows(answers.leaves)
    # What the right leaf is called among the answers; one that is not among them has no number.
    number = np.full(len(taxonomy) + 1, -1, np.int32)
    number[leaf[leaf >= 0]] = np.flatnonzero(leaf >= 0)
    first, place = np.empty(len(rows), np.int32), np.empty(len(rows), np.int8)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        given = answers.chosen[rows[block]]
        same = given == number[right[block]][:, None]
        there = rows[block] >= 0
        at = same.argmax(axis=1)
        found = same[np.arange(len(same)), at] & there
        first[block] = np.where(there, leaf[given[:, 0]], NONE)
        place[block] = np.where(found, at, NONE)
    return first, place
