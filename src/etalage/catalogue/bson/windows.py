"""Reads BSON files in place, window by window, and names what is damaged.

A file is mapped in windows of 256 MiB, so memory does not grow with it. Where a document is damaged
the reader goes on at the next whole product and reports the bytes between.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.bson import walker
from etalage.catalogue.bson.resync import product_across, resynchronise
from etalage.errors import CatalogueError

WINDOW_BYTES = 256 * 2**20
# Where no product is found in so many bytes from the start, the file is none of ours.
FIRST_BYTES = 64 * 2**20
# Windows in which the next product is looked for, and how far they overlap: the longest document
# that is found behind damage. MongoDB stores documents of at most 16 MiB.
_SEARCH_BYTES = 256 * 2**20
_LONGEST_BYTES = 64 * 2**20
CHAIN = 3
"""Whole documents in a row that make a place in the middle of a file believable."""
_DOCUMENT_ROWS = 2**16
_IMAGE_ROWS = 2**18
_SEARCH_ROWS = 2**12


@dataclass(frozen=True)
class Damage:
    """Bytes of a file that no document could be read from."""

    offset: int
    length: int
    reason: str


@dataclass(frozen=True)
class Chunk:
    """Some consecutive documents, or one stretch of damage.

    Attributes:
        documents: as ``walker`` fills it, offsets relative to ``data``.
        images: likewise, one row per entry of ``imgs``.
        data: the bytes of the window.
        base: where the window starts in the file.
        stop: where in the file the chunk ends.
        damage: the damage instead of documents, or None.
    """

    documents: NDArray[np.int64]
    images: NDArray[np.int64]
    data: NDArray[np.uint8]
    base: int
    stop: int
    damage: Damage | None = None


def _map(file: BinaryIO, offset: int, length: int) -> tuple[NDArray[np.uint8], int]:
    """Map ``length`` bytes from ``offset``; return them and where they start in the array."""
    base = offset - offset % mmap.ALLOCATIONGRANULARITY
    view = mmap.mmap(file.fileno(), offset - base + length, access=mmap.ACCESS_READ, offset=base)
    return np.frombuffer(view, np.uint8), base


def walk_file(
    path: Path, start: int = 0, stop: int | None = None, *, window_bytes: int = WINDOW_BYTES
) -> Iterator[Chunk]:
    """Walk the documents of a BSON file that start in [start, stop), in chunks, in file order.

    Every stretch of damage is a chunk of its own; the last may end after ``stop``.

    Args:
        path: the file.
        start: where a document starts (``find_start`` finds one).
        stop: by default the end of the file.
        window_bytes: how much is mapped at a time.

    Raises:
        CatalogueError: not readable, or no product within the first 64 MiB: not a BSON catalogue.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            yield from _walk(path, file, start, size if stop is None else stop, size, window_bytes)
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from error


def find_start(path: Path, at: int, stop: int) -> int:
    """Return the first place in [at, stop) where a chain of three whole documents starts.

    It is ``stop`` when there is none. What is found is very likely a document of the file, not
    surely: a picture could hold three products. Whoever walks stretches side by side compares it
    with the place where the stretch before ended.
    """
    with path.open("rb") as file:
        return min(_next_product(file, at, path.stat().st_size, stop, CHAIN), stop)


def _walk(
    path: Path, file: BinaryIO, at: int, stop: int, size: int, window_bytes: int
) -> Iterator[Chunk]:
    documents = np.zeros((_DOCUMENT_ROWS, walker.DOCUMENT_COLUMNS), np.int64)
    images = np.zeros((_IMAGE_ROWS, walker.IMAGE_COLUMNS), np.int64)
    window = window_bytes
    while at < stop:
        data, base = _map(file, at, min(window, size - at))
        to_end = base + len(data) == size
        walked = walker.walk(data, at - base, stop - base, to_end, documents, images)
        next_at, count, used, why = walked
        kept, product = _standing(data, walked, documents, to_end)
        if kept < count:
            next_at, used = documents[kept, [walker.START, walker.FIRST_IMAGE]].tolist()
        if kept:
            yield Chunk(documents[:kept], images[:used], data, base, base + next_at)
        at, window = base + next_at, window_bytes
        if product >= 0 or (why == walker.DAMAGED and kept == count):
            damage = _damage(file, at, size, base + product if product >= 0 else None)
            if at == 0:
                _refuse_other_files(path, damage, size)
            yield Chunk(documents[:0], images[:0], data, base, at + damage.length, damage)
            at += damage.length
        elif why == walker.WINDOW_TOO_SMALL and not count:
            window = _length_at(file, at) + mmap.ALLOCATIONGRANULARITY
        elif why == walker.TABLES_FULL and not count:
            images = np.zeros((2 * len(images), walker.IMAGE_COLUMNS), np.int64)


def _standing(
    data: NDArray[np.uint8],
    walked: tuple[int, int, int, int],
    documents: NDArray[np.int64],
    to_end: bool,
) -> tuple[int, int]:
    """Return how many documents of a walk stand; where a product starts in the next one, or -1.

    A document that lost bytes may still be whole by the first bytes of the one behind it: then what
    follows is no document, but one starts inside of it and ends behind it. The last document of a
    window, behind which nothing is seen, is read again in the next one.
    """
    next_at, count, _, why = walked
    if not count or (to_end and next_at == len(data)):
        return count, -1
    if why in (walker.TABLES_FULL, walker.WINDOW_TOO_SMALL) or next_at == len(data):
        return max(count - 1, 1), -1
    images = np.zeros((_SEARCH_ROWS, walker.IMAGE_COLUMNS), np.int64)
    last = int(documents[count - 1, walker.START])
    product = int(product_across(data, last, next_at, to_end, images))
    return (count, -1) if product < 0 else (count - 1, product)


def _length_at(file: BinaryIO, at: int) -> int:
    file.seek(at)
    return int.from_bytes(file.read(4), "little", signed=True)


def _damage(file: BinaryIO, at: int, size: int, product: int | None) -> Damage:
    """Return the stretch of damage that starts at ``at`` and ends before the next whole product.

    Args:
        file: the file.
        at: where the damage starts.
        size: of the file.
        product: where that product starts when it is known.
    """
    length = _length_at(file, at)
    if size - at < 4 or length > size - at:
        reason = f"its length field says {length} bytes, {size - at} are left in the file"
    elif length < 5:
        reason = f"its length field says {length}"
    elif product is not None:
        reason = f"its length field says {length} bytes, a product starts after {product - at}"
    else:
        reason = f"its elements do not fill the {length} bytes its length field says"
    if product is None:
        limit = size if at else min(size, FIRST_BYTES)
        product = min(_next_product(file, at + 1, size, limit, 1), size)
    return Damage(at, product - at, reason)


def _next_product(file: BinaryIO, at: int, size: int, stop: int, chain: int) -> int:
    """Return where the first product of a chain starts, the size when none does before ``stop``."""
    images = np.zeros((_SEARCH_ROWS, walker.IMAGE_COLUMNS), np.int64)
    while at < stop:
        data, base = _map(file, at, min(_SEARCH_BYTES, size - at))
        to_end = base + len(data) == size
        limit = min(stop - base, len(data))
        found = int(resynchronise(data, at - base, limit, 0, to_end, chain, images))
        if found >= 0:
            return base + found
        if to_end:
            return size
        # A document that starts in this window may end in the next one: they overlap.
        at = base + len(data) - _LONGEST_BYTES
    return size


def _refuse_other_files(path: Path, damage: Damage, size: int) -> None:
    if damage.length >= min(size, FIRST_BYTES):
        raise CatalogueError(
            f"{path}: is not a BSON catalogue: no product in its first {damage.length:,} bytes",
            hint="give the .bson file itself, unpacked (mongodump writes it)",
        )
