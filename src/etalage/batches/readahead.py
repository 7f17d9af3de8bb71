"""Reads the stretches of a window order in whole, each before its first batch.

Without it the pictures of a batch would be read one by one, at random places of a window that may
be a gigabyte: what a slow disk cannot do. One thread reads, and never more than one file at a time.
"""

from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from etalage.batches.order import Batches
from etalage.catalogue.index import Index

Rows = Generator[NDArray[np.int64], None, None]

_AHEAD = 2
"""Stretches read while the one before is still to be used for the first time."""


def read_ahead(index: Index, batches: Iterable[NDArray[np.int64]]) -> Rows:
    """Yield ``batches``; of a window order each one when its stretches have been read.

    Raises:
        CatalogueError: while iterating, when a catalogue file can no longer be opened.
    """
    if not isinstance(batches, Batches) or batches.stretch is None or not len(batches):
        yield from batches
        return
    by_stretch = np.argsort(batches.stretch, kind="stable")
    numbers, edges = np.unique(batches.stretch[by_stretch], return_index=True)
    stretches = np.split(batches.rows[by_stretch], edges[1:])
    last_needed = np.maximum.reduceat(batches.stretch, range(0, len(batches.rows), batches.size))
    needed = np.searchsorted(numbers, np.maximum.accumulate(last_needed), "right").tolist()
    reads: list[Future[None]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        try:
            for rows, until in zip(batches, needed, strict=True):
                for stretch in stretches[len(reads) : until + _AHEAD]:
                    reads.append(reader.submit(_read, index, stretch))
                reads[until - 1].result()
                yield rows
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


def _read(index: Index, products: NDArray[np.int64]) -> None:
    counts = index.image_count[products].astype(np.int64)
    first = np.repeat(index.image_start[products] - (np.cumsum(counts) - counts), counts)
    index.read_through(first + np.arange(len(first)))
