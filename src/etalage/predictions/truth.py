"""What the right answers are: a labelled INDEX, LABELS or a CSV, whole or restricted to a part.

A CSV has the columns ``_id`` and ``category_id`` anywhere in its header, optionally ``part`` (any
words, ``public`` and ``private`` for one), and others, which are not read. LABELS are a Parquet
file::

    product_id    int64 or string, no null, none twice
    category_id   int64, no null
    source        string: who or what says so; not read
    time          timestamp, when it was said; not read
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.index import open_index
from etalage.catalogue.split import Split, read_split
from etalage.catalogue.stratify import PARTS
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.labelled_csv import read_labelled_csv
from etalage.predictions.product_ids import as_ids, first_repeat, positions


@dataclass(frozen=True, eq=False)
class Truth:
    """The right category of each of P products.

    Attributes:
        product_ids: int64 or string array, none twice, (P,).
        categories: category ids, (P,) int64.
        part: column ``part`` of a CSV, (P,), or None.
        images: number of images of each product where an INDEX says so, (P,) int32, or None.
        taxonomy: the tree of an INDEX, or None.
        audited: whether a person decided blind; if not, labels are as the catalogue gives them.
        record: the file, the split and part it was restricted to, and what the split went by:
            "duplicates" or "product", None where no split was given.
    """

    product_ids: pa.Array
    categories: NDArray[np.int64]
    part: pa.Array | None
    images: NDArray[np.int32] | None
    taxonomy: Taxonomy | None
    record: dict[str, Any]
    audited: bool = False

    def __len__(self) -> int:
        return len(self.product_ids)

    def take(self, rows: NDArray[np.int64]) -> "Truth":
        """Return the truth of some rows."""
        chosen = pa.array(rows)
        return replace(
            self,
            product_ids=self.product_ids.take(chosen),
            categories=self.categories[rows],
            part=None if self.part is None else self.part.take(chosen),
            images=None if self.images is None else self.images[rows],
        )


def read_truth(
    path: Path,
    taxonomy: Taxonomy | None = None,
    *,
    split: Path | None = None,
    part: str | None = None,
    audited: bool = False,
) -> Truth:
    """Read the right answers.

    Args:
        path: an INDEX folder, of which the labelled products count, LABELS, or a CSV file (or
            zipped).
        taxonomy: what every category must be a leaf of; None takes any.
        split: a SPLIT to restrict it to one part of.
        part: of the split (``test`` when not given), else of the column ``part``.
        audited: they are what a person decided blind.

    Raises:
        PredictionsError: cannot be used, a category is not in the taxonomy, or no product is left.
        CatalogueError, SplitError: from the index and the split.
    """
    if split is not None and part is None:
        part = "test"
    dealt = None if split is None else read_split(split)
    record = {
        "file": str(path),
        "split": None if split is None else str(split),
        "by": None if dealt is None else dealt.record.get("by"),
        "part": part,
    }
    truth = _reader(path)(path, taxonomy, dealt, part)
    if not len(truth):
        of = "" if part is None else f" in part {part!r}"
        raise PredictionsError(f"{path}: has no labelled product{of}")
    return replace(truth, record=record, audited=audited)


def _reader(path: Path) -> Callable[..., Truth]:
    if path.is_dir():
        return _of_index
    return _of_labels if path.suffix == ".parquet" else _of_csv


def _of_csv(path: Path, taxonomy: Taxonomy | None, split: Split | None, part: str | None) -> Truth:
    table = read_labelled_csv(path, taxonomy, error=PredictionsError)
    truth = Truth(table.product_ids, table.categories, table.part, None, None, {})
    return _of_part(path, truth, split, part)


def _of_labels(
    path: Path, taxonomy: Taxonomy | None, split: Split | None, part: str | None
) -> Truth:
    ids, categories = _label_columns(path)
    repeat = first_repeat(ids)
    if repeat is not None:
        raise PredictionsError(
            f"{path}: product {ids[repeat]} has two rows: the second is row {repeat:,} of "
            f"{len(ids):,}",
            hint="keep the decision that holds",
        )
    _refuse_unknown(path, ids, categories, taxonomy)
    return _of_part(path, Truth(ids, categories, None, None, None, {}), split, part)


def _label_columns(path: Path) -> tuple[pa.Array, NDArray[np.int64]]:
    try:
        table = pq.read_table(path, columns=["product_id", "category_id"])
        ids, categories = as_ids(table["product_id"]), as_ids(table["category_id"])
    except (pa.ArrowException, OSError, KeyError) as cause:
        reason = str(cause).splitlines()[0]
        raise PredictionsError(
            f"{path}: is no LABELS: {reason}",
            hint="a Parquet file with the columns product_id, category_id, source and time",
        ) from cause
    if not pa.types.is_int64(categories.type):
        raise PredictionsError(f"{path}: category_id is of type {categories.type}, expected int64")
    return ids, categories.to_numpy()


def _of_part(path: Path, truth: Truth, split: Split | None, part: str | None) -> Truth:
    if part is None:
        return truth
    if split is not None:
        return truth.take(_rows_of_split(split, truth, part))
    return truth.take(_rows_of_part(path, truth, part))


def _rows_of_split(split: Split, truth: Truth, part: str) -> NDArray[np.int64]:
    if part not in PARTS:
        raise PredictionsError(f"{split.path}: has no part {part!r}, only {', '.join(PARTS)}")
    members = split.product_ids.filter(pa.array(split.part == PARTS.index(part)))
    return np.flatnonzero(positions(truth.product_ids, members) >= 0)


def _rows_of_part(path: Path, truth: Truth, part: str) -> NDArray[np.int64]:
    if truth.part is None:
        raise PredictionsError(
            f"{path}: has no column 'part' to take {part!r} from",
            hint="leave out --part, or add --split SPLIT",
        )
    parts = sorted(truth.part.unique().to_pylist())
    if part not in parts:
        raise PredictionsError(f"{path}: has no part {part!r}, only {', '.join(parts)}")
    return np.flatnonzero(pc.equal(truth.part, part).to_numpy(zero_copy_only=False))


def _of_index(
    path: Path, taxonomy: Taxonomy | None, split: Split | None, part: str | None
) -> Truth:
    index = open_index(path)
    if part is not None and split is None:
        raise PredictionsError(
            f"{path}: an index has no parts of its own to take {part!r} from",
            hint="add --split SPLIT",
        )
    rows = np.arange(len(index))
    if split is not None:
        rows = split.rows(index, str(part))
    rows = rows[index.labels[rows] >= 0]
    categories = index.taxonomy.ids[index.labels[rows]]
    ids = index.product_ids.take(pa.array(rows))
    _refuse_unknown(path, ids, categories, taxonomy)
    return Truth(ids, categories, None, index.image_count[rows], index.taxonomy, {})


def _refuse_unknown(
    path: Path, ids: pa.Array, categories: NDArray[np.int64], taxonomy: Taxonomy | None
) -> None:
    if taxonomy is None:
        return
    unknown = np.flatnonzero(taxonomy.rows(categories) < 0)
    if len(unknown):
        row = int(unknown[0])
        raise PredictionsError(
            f"{path}: {len(unknown):,} of {len(ids):,} products have a category that is not in the "
            f"taxonomy of {len(taxonomy):,}: product {ids[row]}, category {categories[row]}",
            hint="give the taxonomy that has them all with --taxonomy",
        )
