"""Columns of product ids: int64 or string Arrow arrays, compared and looked up without loops."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def as_ids(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return integers as one int64 array and texts as one string array, without nulls.

    Raises:
        pa.ArrowInvalid: the values are neither, or there are nulls among them.
    """
    kind = pa.int64() if pa.types.is_integer(values.type) else pa.string()
    if kind == pa.string() and not _is_text(values.type):
        raise pa.ArrowInvalid(f"product ids are of type {values.type}, expected int64 or string")
    if values.null_count:
        raise pa.ArrowInvalid(f"{values.null_count} product ids are null")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values if values.type == kind else values.cast(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def parse_ids(texts: pa.Array) -> pa.Array:
    """Return texts as int64 when every one is an integer in its plain form, else as they are."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return texts
    return numbers if numbers.cast(pa.string()).equals(texts) else texts


def positions(ids: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    """Return for each of ``ids`` its row in ``among`` (no id twice), or -1, shape (len(ids),)."""
    if ids.type != among.type:
        ids, among = ids.cast(pa.string()), among.cast(pa.string())
    found = pc.fill_null(pc.index_in(ids, value_set=among), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def first_repeat(ids: pa.Array) -> int | None:
    """Return the first row whose id an earlier row has, or None when all ids differ."""
    if pa.types.is_integer(ids.type):
        ordered = np.sort(ids.to_numpy(zero_copy_only=False))
        if not (ordered[1:] == ordered[:-1]).any():
            return None
    distinct = ids.unique()
    if len(distinct) == len(ids):
        return None
    # Distinct ids come in order of first sight: up to the first repeat, row r holds the r-th one.
    seen_as = pc.index_in(ids, value_set=distinct).to_numpy(zero_copy_only=False)
    return int(np.argmax(seen_as != np.arange(len(ids))))


def some(ids: pa.Array, count: int = 3) -> str:
    """Return the first few ids to show in a message."""
    shown = ", ".join(str(value) for value in ids.slice(0, count).to_pylist())
    return f"{shown}, ..." if len(ids) > count else shown
