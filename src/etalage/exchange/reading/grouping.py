"""Which rows of a listing are one product, and in which order: on whole columns.

Products come in the order of their first rows; the images of one by rank where the source gives
one, else as listed. Ids and places are compared by 128-bit hashes, 16 bytes for each row.
"""

from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from etalage.exchange.listings.listing import CELL, FILE, URL, Listing

_NO_RANK = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Grouping:
    """The products of a listing.

    Attributes:
        rows: rows of the listing, product by product, (R,).
        start: where the rows of each product begin, (P + 1,).
        copied: products whose images lie in no file of their own, (P,).
        source: number of the file of each of ``rows``, -1 for none, (R,).
        source_row: the row of the listing that names each of these files first, (S,).
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    copied: NDArray[np.bool_]
    source: NDArray[np.int64]
    source_row: NDArray[np.int64]


def group(listing: Listing, *, merge: bool, fetch: bool) -> Grouping:
    """Return the products of a listing.

    Args:
        listing: the rows.
        merge: whether all rows of one id are one product; else only rows that follow each other.
        fetch: whether images at an address will be there.
    """
    ids = _hashes(listing, ["id_integer", "id_text"])
    first = _first_rows(ids) if merge else _first_of_runs(ids)
    ranks = _ranks(listing)
    rows = np.arange(len(listing))
    if (np.diff(first) < 0).any() or (ranks != _NO_RANK).any():
        rows = np.lexsort((ranks, first))
    ordered = first[rows]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    start = np.append(begins, len(rows))
    kind = listing.column("kind").astype(np.int8)[rows]
    elsewhere = (kind == CELL) | ((kind == URL) & fetch)
    copied = np.logical_or.reduceat(elsewhere, begins) if len(begins) else np.zeros(0, np.bool_)
    source, source_row = _sources(listing, rows, kind)
    return Grouping(rows, start, copied, source, source_row)


def _hashes(listing: Listing, columns: list[str]) -> NDArray[np.uint64]:
    """Return 128 bits of some columns of each row, (N, 2)."""
    parts = []
    for batch in listing.batches(columns):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        parts.append(b"".join(xxhash.xxh3_128_digest(repr(values).encode()) for values in rows))
    return np.frombuffer(b"".join(parts), np.uint64).reshape(-1, 2)


def _first_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return for each row the first row that has the same key, (N,)."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: rows of one key stay ascending
    ordered = keys[order]
    begins = np.ones(len(keys), np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(keys), np.int64)
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first


def _first_of_runs(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    begins = np.ones(len(keys), np.bool_)
    begins[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    first: NDArray[np.int64] = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    return first


def _ranks(listing: Listing) -> NDArray[np.int64]:
    parts = [
        batch.column(0).fill_null(_NO_RANK).to_numpy(zero_copy_only=False)
        for batch in listing.batches(["rank"])
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


def _sources(
    listing: Listing, rows: NDArray[np.int64], kind: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each row's file, in the order of their first use, and who names it."""
    in_file = np.flatnonzero(kind == FILE)
    keys = _hashes(listing, ["place"])[rows[in_file]]
    first = _first_rows(keys)
    is_first = first == np.arange(len(first))
    number = np.cumsum(is_first) - 1
    source = np.full(len(rows), -1)
    source[in_file] = number[first]
    return source, rows[in_file[is_first]]
