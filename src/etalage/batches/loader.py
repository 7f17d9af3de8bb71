"""From the rows of an index to batches of pixels, decoded on every core while the consumer works.

Each batch gets one uint8 array; threads decode straight into slices of it (reading and decoding
release the interpreter lock). A few batches are under way at any time, whatever the length of the
epoch, and their memory is used again as soon as nothing refers to it any more. Batches come in the
order asked and hold the same bytes whatever the number of threads.
"""

import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.batches.readahead import read_ahead
from etalage.catalogue.index import Index
from etalage.engines.local import usable_cores
from etalage.errors import ConfigError, ImageFormatError
from etalage.images.decode import decode_in_place, decode_into, may_skip_header
from etalage.images.headers import read_header

_AHEAD = 1
"""Batches being decoded while the consumer has one. More of them gain nothing, and their pixels
would push each other out of the processor's caches: 106 us an image with one, 121 with three."""
_SLICE = 128
"""Most images that a thread takes at a time: some milliseconds of work."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The readable images of some products.

    Attributes:
        rows: product rows in the order asked, shape (P,).
        pixels: RGB, shape (N, S, S, 3), in product order, then by rank.
        product: position in ``rows`` of each image, shape (N,), never falling; a product whose
            images are all unreadable does not occur.
        rank: rank of each image within its product, shape (N,).
        unreadable: image rows left out because nothing can be decoded from them, ascending.
    """

    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    product: NDArray[np.int64]
    rank: NDArray[np.int64]
    unreadable: NDArray[np.int64]


def load(
    index: Index,
    batches: Iterable[NDArray[np.int64]],
    *,
    size: int,
    max_images: int | None = None,
    threads: int | None = None,
) -> Iterator[Batch]:
    """Yield the pixels of each batch of products.

    Leaving the loop early (or closing the iterator) stops the threads.

    Args:
        index: the index the rows are of.
        batches: product rows, one array a batch; ``in_order`` and ``shuffled`` make them.
        size: side S of the square that every image is fitted to, in pixels.
        max_images: use only the first so many images of a product (by rank); None for all.
        threads: decoding threads; None for one on each core this process may use.

    Raises:
        ConfigError: a number below 1.
        CatalogueError: while iterating, when a catalogue file can no longer be read.
    """
    for name, value in (("size", size), ("max_images", max_images), ("threads", threads)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}: at least 1 is needed")
    return _batches(index, batches, size, max_images, threads or usable_cores())


def _batches(
    index: Index,
    batches: Iterable[NDArray[np.int64]],
    size: int,
    max_images: int | None,
    threads: int,
) -> Iterator[Batch]:
    memory, decode = _Memory(), _Decoder(index, size)
    waiting: deque[_Pending] = deque()
    with _decoders(threads) as pool, closing(read_ahead(index, batches)) as order:
        for rows in order:
            plan = _plan(index, rows, max_images)
            pixels = memory.array(len(plan.images), size)
            # Of all batches under way there are two slices for each thread.
            each = max(8, min(_SLICE, -(-2 * len(pixels) // threads)))
            slices = [
                pool.submit(
                    decode, plan.images[first : first + each], pixels[first : first + each], first
                )
                for first in range(0, len(pixels), each)
            ]
            waiting.append(_Pending(plan, pixels, slices))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().finish()
        while waiting:
            yield waiting.popleft().finish()


@contextmanager
def _decoders(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which images a batch of products needs; ``unreadable`` are those flagged in the index."""

    rows: NDArray[np.int64]
    images: NDArray[np.int64]
    product: NDArray[np.int64]
    rank: NDArray[np.int64]
    unreadable: NDArray[np.int64]


def _plan(index: Index, rows: NDArray[np.int64], max_images: int | None) -> _Plan:
    counts = index.image_count[rows].astype(np.int64)
    if max_images is not None:
        counts = counts.clip(max=max_images)
    product = np.repeat(np.arange(len(rows)), counts)
    rank = np.arange(len(product)) - np.repeat(np.cumsum(counts) - counts, counts)
    images = index.image_start[rows][product] + rank
    readable = index.readable[images]
    unreadable = images[~readable]
    return _Plan(rows, images[readable], product[readable], rank[readable], unreadable)


class _Decoder:
    """Decodes slices of batches, from any thread.

    What the index says of an image is believed: where that is a JPEG of the wanted size its header
    is not read again. That ends for all images as soon as one turns out to have another size.
    """

    def __init__(self, index: Index, size: int) -> None:
        self._index = index
        self._size = size
        self._believing = True

    def __call__(
        self, images: NDArray[np.int64], pixels: NDArray[np.uint8], first: int
    ) -> list[int]:
        """Decode images into ``pixels``; return the places of the unreadable, from ``first`` on."""
        index = self._index
        known = may_skip_header(index.jpeg_side[images], index.ranges[2][images], self._size)
        views = index.image_views(images)
        skipping = np.flatnonzero(known & self._believing).tolist()
        failed = decode_in_place((views[at] for at in skipping), (pixels[at] for at in skipping))
        failed = [skipping[at] for at in failed]
        if not all(self._has_size(views[at]) for at in failed):
            self._believing = False
        for at in np.delete(np.arange(len(images)), skipping).tolist():
            try:
                if known[at] and not self._has_size(views[at]):
                    raise ImageFormatError("not the jpeg that was indexed")
                decode_into(views[at], pixels[at])
            except ImageFormatError:
                failed.append(at)
        return [first + at for at in failed]

    def _has_size(self, data: bytes | memoryview) -> bool:
        return read_header(data) == ("jpeg", self._size, self._size)


@dataclass(frozen=True, eq=False)
class _Pending:
    plan: _Plan
    pixels: NDArray[np.uint8]
    slices: list[Future[list[int]]]

    def finish(self) -> Batch:
        """Wait for the threads, then leave out what none of them could decode."""
        failed = [position for each in self.slices for position in each.result()]
        plan = self.plan
        if not failed:
            return Batch(plan.rows, self.pixels, plan.product, plan.rank, np.sort(plan.unreadable))
        keep = np.ones(len(plan.images), np.bool_)
        keep[failed] = False
        unreadable = np.sort(np.concatenate([plan.unreadable, plan.images[failed]]))
        return Batch(plan.rows, self.pixels[keep], plan.product[keep], plan.rank[keep], unreadable)


class _Memory:
    """Arrays for batches, taken again from memory that nobody refers to any more.

    Fresh memory would cost a tenth of the decoding time: the system zeroes every page of it.
    """

    def __init__(self) -> None:
        self._free: deque[memoryview] = deque()

    def array(self, count: int, side: int) -> NDArray[np.uint8]:
        """Return an array of shape (count, side, side, 3) with arbitrary contents."""
        needed = count * side * side * 3
        memory = self._free.popleft() if self._free else np.empty(0, np.uint8).data
        if len(memory) < needed:  # with room to spare: the next batches may hold some images more
            memory = np.empty(needed + needed // 8, np.uint8).data
        flat = np.frombuffer(memory, np.uint8)
        # All views of it, torch tensors included, refer to `flat` (not to `memory`, which is no
        # array): it dies with the last of them, and only then is the memory free again.
        weakref.finalize(flat, self._free.append, memory).atexit = False
        return flat[:needed].reshape(count, side, side, 3)
