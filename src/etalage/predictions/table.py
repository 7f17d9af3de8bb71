"""The top-k table: for each product its most probable categories, and the mass outside them.

In memory a category is a leaf row (its position in the taxonomy); in a file it is its id, which
stays the same when the taxonomy gains or loses a leaf. Columns of a Parquet part::

    product_id     int64 or string, no null, none twice
    categories     fixed_size_list<int64>[k]   category ids, most probable first
    probabilities  fixed_size_list<float32>[k] descending, each in 0 to 1
    rest           float32                     1 minus their sum: the mass outside the k
    images         int16                       images the answer rests on; 0: from the prior
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.product_ids import as_ids

TOP = 20
TOLERANCE = 1e-3  # how far probabilities and rest together may be from 1
_BLOCK_ELEMENTS = 1 << 22


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers for P products, in memory, or one part of them.

    Attributes:
        product_ids: int64 or string array, (P,).
        categories: leaf rows, most probable first (ties: lower row first), (P, k) int32.
        probabilities: descending, (P, k) float32.
        rest: mass outside the k, (P,) float32.
        images: number of images the answer rests on, 0 when it is the prior, (P,) int16.
    """

    product_ids: pa.Array
    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    rest: NDArray[np.float32]
    images: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.product_ids)

    @property
    def k(self) -> int:
        """The number of categories kept for each product."""
        return int(self.categories.shape[1])

    def take(self, rows: NDArray[np.int64]) -> "Predictions":
        """Return some rows, in the order asked."""
        return Predictions(
            self.product_ids.take(pa.array(rows)),
            self.categories[rows],
            self.probabilities[rows],
            self.rest[rows],
            self.images[rows],
        )


def no_predictions(leaves: int) -> Predictions:
    """Return the table of a catalogue without products."""
    top = top_k(np.empty((0, leaves), np.float32))
    return Predictions(pa.array([], pa.int64()), *top, np.empty(0, np.int16))


def top_k(
    probabilities: NDArray[np.float32], k: int = TOP
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Keep the ``k`` most probable leaves of each product; equal ones in order of their row.

    Args:
        probabilities: (P, C), each in 0 to 1.
        k: how many to keep, at most C.

    Returns:
        Leaf rows (P, k), their probabilities (P, k) descending, and the mass outside them (P,).

    Raises:
        PredictionsError: a probability is no number, or outside 0 to 1.
    """
    products, leaves = probabilities.shape
    k = min(k, leaves)
    categories = np.empty((products, k), np.int32)
    kept = np.empty((products, k), np.float32)
    step = max(1, _BLOCK_ELEMENTS // max(1, leaves))
    for start in range(0, products, step):
        block = slice(start, start + step)
        categories[block], kept[block] = _top_of_block(probabilities[block], k)
    rest = np.maximum(0.0, 1.0 - kept.sum(axis=1, dtype=np.float64)).astype(np.float32)
    return categories, kept, rest


def _top_of_block(
    probabilities: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise PredictionsError("a probability is no number, or outside 0 to 1")
    # The bits of floats from 0 up order as integers do. With the row, reversed, in the low half
    # no two keys are equal, so that the order is total. Adding 0 turns -0 into 0.
    bits = (np.ascontiguousarray(probabilities, np.float32) + np.float32(0)).view(np.uint32)
    leaves = probabilities.shape[1]
    keys = bits.astype(np.uint64) << np.uint64(32)
    keys |= np.uint64(0xFFFFFFFF) - np.arange(leaves, dtype=np.uint64)
    top = np.partition(keys, leaves - k, axis=1)[:, leaves - k :] if k else keys[:, :0]
    top = np.sort(top, axis=1)[:, ::-1]
    rows = np.uint64(0xFFFFFFFF) - (top & np.uint64(0xFFFFFFFF))
    return rows.astype(np.int32), (top >> np.uint64(32)).astype(np.uint32).view(np.float32)


def schema(k: int, id_type: str) -> pa.Schema:
    """Return the columns of a part; ``id_type`` is ``int64`` or ``string``."""
    return pa.schema(
        [
            ("product_id", pa.int64() if id_type == "int64" else pa.string()),
            ("categories", pa.list_(pa.int64(), k)),
            ("probabilities", pa.list_(pa.float32(), k)),
            ("rest", pa.float32()),
            ("images", pa.int16()),
        ]
    )


def id_type(predictions: Predictions) -> str:
    """Return ``int64`` or ``string``, whichever the product ids are."""
    return "int64" if pa.types.is_integer(predictions.product_ids.type) else "string"


def to_table(predictions: Predictions, taxonomy: Taxonomy) -> pa.Table:
    """Return the columns of a part, leaf rows replaced by category ids."""
    k = predictions.k
    ids = taxonomy.ids[predictions.categories.ravel()]
    probabilities = np.ascontiguousarray(predictions.probabilities, np.float32).ravel()
    return pa.Table.from_arrays(
        [
            as_ids(predictions.product_ids),
            pa.FixedSizeListArray.from_arrays(pa.array(ids, pa.int64()), k),
            pa.FixedSizeListArray.from_arrays(pa.array(probabilities, pa.float32()), k),
            pa.array(predictions.rest, pa.float32()),
            pa.array(predictions.images, pa.int16()),
        ],
        schema=schema(k, id_type(predictions)),
    )


def from_table(table: pa.Table, taxonomy: Taxonomy, where: str) -> Predictions:
    """Return what a part holds, checked.

    Raises:
        PredictionsError: a null, a category that is no leaf of ``taxonomy``, or what ``validate``
            refuses; the message begins with ``where``.
    """
    _refuse_nulls(table, where)
    k = table.schema.field("categories").type.list_size
    predictions = Predictions(
        as_ids(table["product_id"]),
        _leaf_rows(table["categories"], taxonomy).reshape(-1, k),
        _flat(table["probabilities"]).reshape(-1, k),
        table["rest"].to_numpy(),
        table["images"].to_numpy(),
    )
    unknown = np.flatnonzero(predictions.categories.ravel() < 0)
    if len(unknown):
        place = int(unknown[0])
        raise PredictionsError(
            f"{where}: product {predictions.product_ids[place // k]}: category "
            f"{_flat(table['categories'])[place]} is not in its taxonomy of {len(taxonomy):,}"
        )
    validate(predictions, len(taxonomy), where)
    return predictions


def _leaf_rows(column: pa.ChunkedArray, taxonomy: Taxonomy) -> NDArray[np.int32]:
    """Return the leaf row of every id in a list column; each distinct id is looked up once."""
    ids = pa.array(_flat(column), pa.int64()).dictionary_encode()
    rows: NDArray[np.int32] = taxonomy.rows(ids.dictionary.to_numpy())[ids.indices.to_numpy()]
    return rows


def _refuse_nulls(table: pa.Table, where: str) -> None:
    for name in table.column_names:
        column = table[name]
        nulls = column.null_count
        if pa.types.is_fixed_size_list(column.type) and not nulls:
            nulls = sum(chunk.flatten().null_count for chunk in column.chunks)
        if nulls:
            raise PredictionsError(f"{where}: {nulls} values of column {name} are null")


def _flat(column: pa.ChunkedArray) -> NDArray[Any]:
    values: NDArray[Any] = np.concatenate(
        [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        or [np.empty(0, column.type.value_type.to_pandas_dtype())]
    )
    return values


def validate(predictions: Predictions, leaves: int, where: str) -> None:
    """Check that a table says what a prediction can say.

    Raises:
        PredictionsError: columns of different length; a product whose probabilities are not
            numbers from 0 to 1, descending and with ``rest`` adding up to 1, or whose categories
            repeat or are no rows of ``leaves`` leaves.
    """
    lengths = [len(column) for column in vars(predictions).values()]
    if len(set(lengths)) > 1 or predictions.categories.shape != predictions.probabilities.shape:
        raise PredictionsError(f"{where}: columns of different length: {lengths}")
    for wrong, what in _faults(predictions, leaves):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise PredictionsError(f"{where}: {_describe(predictions, row)}: {what}")


def _faults(
    predictions: Predictions, leaves: int
) -> Iterator[tuple[NDArray[np.bool_] | np.bool_, str]]:
    """Yield which rows are wrong, and how; later checks rely on the earlier ones."""
    values, rest, rows = predictions.probabilities, predictions.rest, predictions.categories
    everything = np.column_stack([values, rest])
    yield ~np.isfinite(everything).all(axis=1), "a probability is no number"
    yield ((everything < 0) | (everything > 1)).any(axis=1), "a probability is outside 0 to 1"
    yield (values[:, 1:] > values[:, :-1]).any(axis=1), "the probabilities increase"
    total = everything.sum(axis=1, dtype=np.float64)
    yield np.abs(total - 1) > TOLERANCE, "probabilities and rest do not add up to 1"
    yield ((rows < 0) | (rows >= leaves)).any(axis=1), f"a category is no row of {leaves:,} leaves"
    ordered = np.sort(rows, axis=1)
    yield (ordered[:, 1:] == ordered[:, :-1]).any(axis=1), "a category occurs twice"
    yield predictions.images < 0, "a negative number of images"


def _describe(predictions: Predictions, row: int) -> str:
    values = ", ".join(f"{value:.4g}" for value in predictions.probabilities[row, :3].tolist())
    more = ", ..." if predictions.k > 3 else ""
    rest = float(predictions.rest[row])
    return f"product {predictions.product_ids[row]} ({values}{more}; rest {rest:.4g})"
