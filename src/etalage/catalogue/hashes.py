"""128-bit hashes as two words each: which rows have the same one."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_MANY = 2_000_000


def words(column: pa.FixedSizeBinaryArray) -> NDArray[np.uint64]:
    """Return a column of 16-byte hashes as two words each, (N, 2), without copying."""
    flat = np.frombuffer(column.buffers()[1], np.uint64)
    return flat[2 * column.offset :][: 2 * len(column)].reshape(-1, 2)


def by_content(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows sorted by hash, then by row, and whether each begins a new hash, (N,) both."""
    high, low = np.ascontiguousarray(hashes[:, 0]), hashes[:, 1]
    order = np.argsort(high, kind="stable")
    first = changes(high[order])
    also = first | changes(low[order])
    if not np.array_equal(first, also):
        # Two hashes with the same first word: rare, so the full sort is done only then.
        order = np.lexsort((low, high))
        also = changes(high[order]) | changes(low[order])
    return order, also


def numbered(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return for each row the number of its content, rows of one hash having the same, (N,)."""
    order, first = by_content(hashes)
    numbers = np.empty(len(hashes), np.int32)
    numbers[order] = np.cumsum(first, dtype=np.int32) - np.int32(1)
    return numbers


def changes(values: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return whether each value differs from the one before it; the first does."""
    changed = np.ones(len(values), np.bool_)
    changed[1:] = values[1:] != values[:-1]
    return changed


def count_distinct(hashes: NDArray[np.uint64]) -> int:
    """Return the number of different hashes; of many, in a sixteenth of the memory of a sort."""
    if len(hashes) < _MANY:
        return int(by_content(hashes)[1].sum())
    bucket = (hashes[:, 0] >> np.uint64(60)).astype(np.uint8)
    return sum(int(by_content(hashes[bucket == number])[1].sum()) for number in range(16))
