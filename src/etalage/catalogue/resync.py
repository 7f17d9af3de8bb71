"""Finds where a whole product starts, in the middle of a file or behind damage. Compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.walker import (
    ABSENT,
    DOCUMENT_COLUMNS,
    FIRST_FIELD,
    IMGS_TYPE,
    MINIMUM,
    OTHER,
    document_at,
    int32_at,
)


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
    return stop if document_at(buffer, at, stop, row, images, 0) >= 0 else -1


@njit(cache=True, nogil=True)
def _chain_holds(
    buffer: NDArray[np.uint8],
    at: int,
    to_end_of_file: bool,
    chain: int,
    row: NDArray[np.int64],
    images: NDArray[np.int64],
) -> bool:
    """Whether ``chain`` whole documents follow each other from ``at``, or fewer up to the end."""
    for _ in range(chain):
        if at == len(buffer):
            return to_end_of_file
        at = _whole_end(buffer, at, row, images)
        if at < 0:
            return False
    return True


@njit(cache=True, nogil=True)
def resynchronise(
    buffer: NDArray[np.uint8],
    at: int,
    to_end_of_file: bool,
    chain: int,
    images: NDArray[np.int64],
) -> int:
    """Return where the next whole product starts at or after ``at``, -1 when there is none.

    Only a document whose every nested length agrees, with a usable ``_id`` and an ``imgs`` array,
    that no array encloses, and that ``chain - 1`` more whole documents follow, is believed:
    positions are verified, never guessed. One that ends so close to the end of the window that
    what follows cannot be seen is left for the next window.
    """
    row = np.zeros(DOCUMENT_COLUMNS, np.int64)
    end = len(buffer)
    while at + MINIMUM <= end:
        stop = _whole_end(buffer, at, row, images)
        if stop >= 0 and ABSENT < row[FIRST_FIELD] < OTHER and row[IMGS_TYPE] == 0x04:
            alone = (to_end_of_file or stop + 4 <= end) and not _looks_nested(buffer, stop)
            if alone and _chain_holds(buffer, stop, to_end_of_file, chain - 1, row, images):
                return at
        at += 1
    return -1
