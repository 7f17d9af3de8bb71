"""Compares PREDICTIONS or a submission with the truth.

The metric is that of the competition: the share of products whose leaf is right. A product of the
truth that has no answer counts as wrong; an answer to a product that the truth does not have is
not counted. Figures are agreement with the labels given as truth, right or wrong as these are.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy, read_taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.accuracy import Accuracy, Group, by_frequency, by_images, hits
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.product_ids import positions
from etalage.predictions.submission import read_submission
from etalage.predictions.truth import Truth, read_truth

TOP = 5


@dataclass(frozen=True)
class Score:
    """What ``score`` found.

    Attributes:
        products: number of products scored: those of the truth.
        accuracy: on all of them.
        by_images: groups by number of images, where it is known.
        by_frequency: groups by how often the category occurs in the truth.
        truth: the file, split and part of the truth.
        missing: products of the truth without an answer; they count as wrong.
        extra: answers to products that are not in the truth; they do not count.
    """

    products: int
    accuracy: Accuracy
    by_images: tuple[Group, ...]
    by_frequency: tuple[Group, ...]
    truth: dict[str, Any]
    missing: int
    extra: int

    @property
    def top5(self) -> float | None:
        """The share of products whose leaf is among the first five answers."""
        return self.accuracy.top5

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object with everything."""
        return {
            "products": self.products,
            "accuracy": asdict(self.accuracy),
            "top5": self.top5,
            "by_images": [group.to_json("images") for group in self.by_images],
            "by_frequency": [group.to_json("products_of_category") for group in self.by_frequency],
            "truth": self.truth,
            "missing": self.missing,
            "extra": self.extra,
        }


@dataclass(frozen=True, eq=False)
class _Answers:
    """The first answers of every product.

    Attributes:
        product_ids: (P,).
        leaves: category ids that an answer can be.
        chosen: rows of ``leaves``, best first, (P, up to 5).
        images: number of images the answer rests on, (P,), or None.
    """

    product_ids: pa.Array
    leaves: NDArray[np.int64]
    chosen: NDArray[np.int32]
    images: NDArray[np.int16] | None


def score(
    answer: Path,
    truth: Path,
    *,
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    index: Path | None = None,
) -> Score:
    """Compare answers with the truth.

    Args:
        answer: a PREDICTIONS folder, or a submission (``.csv``, or zipped).
        truth: a labelled INDEX, or a CSV with ``_id,category_id`` and perhaps ``part``.
        taxonomy: ``category_names.csv``; else that of the predictions, of the truth's index or of
            ``index``; without any the leaf alone is scored.
        split: a SPLIT, to score one part of it.
        part: of the split (``test`` when not given), or of the truth's column ``part``.
        index: an INDEX that says how many images a product has; else the truth's, else the number
            of images the predictions rest on.

    Raises:
        PredictionsError: answer or truth cannot be used, or a category is not in the taxonomy.
        CatalogueError, SplitError: from the index and the split.
    """
    opened = open_predictions(answer) if answer.is_dir() else None
    counted = None if index is None else open_index(index)
    tree = read_taxonomy(taxonomy) if taxonomy is not None else None
    if tree is None:
        tree = _named(counted.taxonomy if counted else None) if opened is None else opened.taxonomy
    right = read_truth(truth, tree, split=split, part=part)
    if tree is None:
        tree = _named(right.taxonomy)
    answers = _of_submission(answer, tree) if opened is None else _of_folder(opened, tree)
    if not len(answers.product_ids):
        raise PredictionsError(f"{answer}: has no products")
    return _compare(answers, right, tree, counted)


def _named(taxonomy: Taxonomy | None) -> Taxonomy | None:
    """Return a taxonomy that was given as such, not one of the labels that happened to occur."""
    return None if taxonomy is None or taxonomy.is_flat else taxonomy


def _of_submission(path: Path, taxonomy: Taxonomy | None) -> _Answers:
    submission = read_submission(path, taxonomy)
    leaves, chosen = np.unique(submission.categories, return_inverse=True)
    return _Answers(submission.product_ids, leaves, chosen.astype(np.int32)[:, None], None)


def _of_folder(opened: PredictionsFolder, taxonomy: Taxonomy | None) -> _Answers:
    """Keep the first answers of every part: some 30 bytes a product."""
    leaves = opened.taxonomy.ids
    parts = (
        (part.product_ids, part.categories[:, :TOP].copy(), part.images) for part in opened.parts()
    )
    ids, chosen, images = zip(*parts, strict=True)
    answers = _Answers(
        pa.concat_arrays(ids), leaves, np.concatenate(chosen), np.concatenate(images)
    )
    if taxonomy is not None:
        _refuse_unknown(opened.folder, leaves[np.unique(answers.chosen)], taxonomy)
    return answers


def _refuse_unknown(folder: Path, predicted: NDArray[np.int64], taxonomy: Taxonomy) -> None:
    unknown = predicted[taxonomy.rows(predicted) < 0]
    if len(unknown):
        raise PredictionsError(
            f"{folder}: predicts {len(unknown):,} categories that are not in the taxonomy of "
            f"{len(taxonomy):,}: {unknown[0]}",
            hint="leave out --taxonomy: the predictions bring their own",
        )


def _compare(
    answers: _Answers, truth: Truth, taxonomy: Taxonomy | None, index: Index | None
) -> Score:
    if taxonomy is None:
        taxonomy = flat_taxonomy(np.concatenate([answers.leaves, truth.categories]))
    rows = positions(truth.product_ids, answers.product_ids)
    answered = int((rows >= 0).sum())
    given = np.where(rows[:, None] < 0, -1, taxonomy.rows(answers.leaves)[answers.chosen[rows]])
    right = taxonomy.rows(truth.categories)
    found = hits(taxonomy, right, given)
    images = _images(answers, rows, truth, index)
    return Score(
        products=len(truth),
        accuracy=found.accuracy(),
        by_images=() if images is None else by_images(found, images),
        by_frequency=by_frequency(found, right),
        truth=truth.record,
        missing=len(truth) - answered,
        extra=len(answers.product_ids) - answered,
    )


def _images(
    answers: _Answers, rows: NDArray[np.int64], truth: Truth, index: Index | None
) -> NDArray[np.int32] | None:
    """Return the number of images of each product of the truth, -1 where it is not known."""
    if index is not None:
        found = positions(truth.product_ids, index.product_ids)
        return np.append(index.image_count, np.int32(-1))[found]
    if truth.images is not None or answers.images is None:
        return truth.images
    return np.append(answers.images.astype(np.int32), np.int32(-1))[rows]


def score_table(result: Score) -> list[tuple[str, ...]]:
    """Return a header and rows to show: levels downward; all products, then by images, across."""
    groups = [Group("all", result.products, result.accuracy), *result.by_images]
    table: list[tuple[str, ...]] = [("", *(_title(group.name) for group in groups))]
    table.append(("products", *(f"{group.products:,}" for group in groups)))
    for name in ("level1", "level2", "level3", "top5"):
        shares = [getattr(group.accuracy, name) for group in groups]
        if any(share is not None for share in shares):
            table.append((name, *(f"{share:.4f}" for share in shares)))
    return table


def frequency_table(result: Score) -> list[tuple[str, ...]]:
    """Return a header and rows to show: how frequent the category is, products, leaf accuracy."""
    table: list[tuple[str, ...]] = [("products of the category", "products", "level3")]
    for group in result.by_frequency:
        table.append((group.name, f"{group.products:,}", f"{group.accuracy.level3:.4f}"))
    return table


def _title(name: str) -> str:
    if name in ("all", "unknown"):
        return name
    return f"{name} image" if name == "1" else f"{name} images"
