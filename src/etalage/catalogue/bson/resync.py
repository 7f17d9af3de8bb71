"""Finds where a whole product starts, in the middle of a file or behind damage. Compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.bson.walker import (
    ABSENT,
    DOCUMENT_COLUMNS,
    FIRST_FIELD,
    IMGS_TYPE,
    MINIMUM,
    OTHER,
    document_at,
    int32_at,
)

# Bytes made for it could hold a document at every few of them, each as long as what is left: a
# place that takes longer to look at is passed over, so that time grows with the bytes only.
_MOST_FIELDS = 256


@njit(cache=True, nogil=True)
def _looks_nested(buffer: NDArray[np.uint8], at: int) -> bool:
    """Whether what follows a candidate is the rest of an array around it, not a document."""
    if at + 4 > len(buffer):
        return False
    if buffer[at] == 0:
        return buffer[at + 1] == 0 or buffer[at + 2] >= 0x20
    return buffer[at] == 0x03 and 0x30 <= buffer[at + 1] <= 0x39 and buffer[at + 2] == 0


@njit(cache=True, nogil=True)
def _whole_end(
    buffer: NDArray[np.uint8], at: int, row: NDArray[np.int64], images: NDArray[np.int64]
) -> int:
    """Return where the document at ``at`` ends when its every nested length agrees, else -1."""
    if at + MINIMUM > len(buffer):
        return -1
    stop = at + int32_at(buffer, at)
    if stop < at + MINIMUM or stop > len(buffer) or buffer[stop - 1] != 0:
        return -1
    return stop if document_at(buffer, at, stop, row, images, 0, _MOST_FIELDS) >= 0 else -1


@njit(cache=True, nogil=True)
def _leads_on(
    buffer: NDArray[np.uint8],
    at: int,
    to_end_of_file: bool,
    links: int,
    beyond: int,
    images: NDArray[np.int64],
) -> bool:
    """Whether from ``at`` on whole documents follow each other, ``links`` and to past ``beyond``.

    Fewer are enough where the file ends behind them.
    """
    row = np.zeros(DOCUMENT_COLUMNS, np.int64)
    while links > 0 or at <= beyond:
        if at == len(buffer):
            return to_end_of_file
        at = _whole_end(buffer, at, row, images)
        if at < 0:
            return False
        links -= 1
    return True


@njit(cache=True, nogil=True)
def _is_alone(
    buffer: NDArray[np.uint8], stop: int, to_end_of_file: bool, images: NDArray[np.int64]
) -> bool:
    """Whether what follows a product that ends at ``stop`` does not enclose it."""
    if _leads_on(buffer, stop, to_end_of_file, 1, 0, images):
        return True
    return (to_end_of_file or stop + 4 <= len(buffer)) and not _looks_nested(buffer, stop)


@njit(cache=True, nogil=True)
def resynchronise(
    buffer: NDArray[np.uint8],
    at: int,
    limit: int,
    around: int,
    to_end_of_file: bool,
    chain: int,
    images: NDArray[np.int64],
) -> int:
    """Return where the first product to be believed in [at, limit) starts, -1 without one.

    That is a document whose every nested length agrees, with a usable ``_id`` and an ``imgs``
    array, that ``chain - 1`` more whole documents follow, and that nothing encloses. What encloses
    it may be an array (what follows tells) or a whole document, as an entry of ``imgs`` whose
    picture holds products. In one it is believed only when whole documents follow it to past the
    end of that one, which then encloses nothing. Positions are verified, never guessed. A product
    that ends so close to the end of the window that what follows cannot be seen is left for the
    next window.

    Args:
        buffer: a window of the file, uint8.
        at: where to begin.
        limit: where no product is looked for any more.
        around: where a document ends that may enclose what starts at ``at``, 0 for none.
        to_end_of_file: whether the file ends where the window ends.
        chain: how many whole documents in a row are believed; 0 for one, whatever follows it.
        images: a table to work in; a document with more images than it has rows is not believed.
    """
    row = np.zeros(DOCUMENT_COLUMNS, np.int64)
    # Where a document starts that does not lead on, since one before it does not: so that no chain
    # is followed more than once.
    doubted = {np.int64(-1)}
    while at < limit and at + MINIMUM <= len(buffer):
        stop = _whole_end(buffer, at, row, images)
        if stop >= 0 and ABSENT < row[FIRST_FIELD] < OTHER and row[IMGS_TYPE] == 0x04:
            leads_on = np.int64(at) not in doubted and _leads_on(
                buffer, stop, to_end_of_file, chain - 1, around, images
            )
            is_free = stop <= around or chain == 0
            if leads_on and (is_free or _is_alone(buffer, stop, to_end_of_file, images)):
                return at
            if not leads_on:
                doubted.add(np.int64(stop))
        around = max(around, stop)
        at += 1
    return -1


@njit(cache=True, nogil=True)
def product_across(
    buffer: NDArray[np.uint8],
    start: int,
    stop: int,
    to_end_of_file: bool,
    images: NDArray[np.int64],
) -> int:
    """Return where a product starts in the document [start, stop) that ends behind it, or -1.

    There is none in a document that another whole one follows. Of two that overlap, neither of them
    followed by a whole one, the later is believed: its first bytes are there.
    """
    if _leads_on(buffer, stop, to_end_of_file, 1, 0, images):
        return -1
    return resynchronise(buffer, start + 1, stop, stop, to_end_of_file, 0, images)
