"""The compiled walk over BSON bytes: where every document and picture lies, nothing decoded.

A BSON document is ``int32 length, elements, 0x00``; an element is ``type byte, key, 0x00, value``
(bsonspec.org). A product is ``{_id, imgs: [{picture: binary}, ...], category_id, ...}`` in any key
order. Lengths nest four deep around a picture, and each must end exactly where its parent says: one
damaged length therefore never passes.

Every function reads only between the bounds it is given. Results go into two int64 tables:

* documents, one row each, columns ``START .. NOTES`` and three columns (kind, value, length) for
  each field of ``FIELDS``; a text's value is its offset;
* images, columns ``IMAGE_OFFSET .. IMAGE_NO_PICTURE``, among them what ``header_at`` says; an entry
  of ``imgs`` that holds no picture has its row all the same, so that a rank is always a position in
  the document.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.images.headers import HEADER_COLUMNS, header_at

FIELDS = ("_id", "category_id", "title", "description", "brand", "reseller", "price")
START, LENGTH, FIRST_IMAGE, IMAGES, IMGS_TYPE, NOTES = range(6)
FIRST_FIELD = 6
DOCUMENT_COLUMNS = FIRST_FIELD + 3 * len(FIELDS)
IMAGE_OFFSET, IMAGE_LENGTH, IMAGE_HEADER = range(3)
IMAGE_NO_PICTURE = IMAGE_HEADER + HEADER_COLUMNS
IMAGE_COLUMNS = IMAGE_NO_PICTURE + 1
# Bits of NOTES.
REPEATED_KEY, HOLES = 1, 2

# Kinds of a field's value.
ABSENT, INTEGER, TEXT, OBJECT_ID, DOUBLE, OTHER = range(6)
# Why a walk stopped.
AT_END, TABLES_FULL, WINDOW_TOO_SMALL, DAMAGED = range(4)

MINIMUM = 5
_IMGS = np.frombuffer(b"imgs", np.uint8)
_PICTURE = np.frombuffer(b"picture", np.uint8)
_KEYS = np.zeros((len(FIELDS), 16), np.uint8)
_KEY_LENGTHS = np.array([len(name) for name in FIELDS])
for _row, _name in enumerate(FIELDS):
    _KEYS[_row, : len(_name)] = np.frombuffer(_name.encode(), np.uint8)
# Bytes of a value of each type where that is fixed, -1 where the value says, -2 for no such type.
_WIDTHS = np.full(256, -2)
for _type, _width in {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8,
                      0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0, 0x02: -1, 0x03: -1, 0x04: -1, 0x05: -1,
                      0x0B: -1, 0x0C: -1, 0x0D: -1, 0x0E: -1, 0x0F: -1}.items():  # fmt: skip
    _WIDTHS[_type] = _width


@njit(cache=True, nogil=True)
def int32_at(buffer: NDArray[np.uint8], at: int) -> int:
    """Return the little-endian int32 at ``at``."""
    value = (
        np.int64(buffer[at])
        | (np.int64(buffer[at + 1]) << 8)
        | (np.int64(buffer[at + 2]) << 16)
        | (np.int64(buffer[at + 3]) << 24)
    )
    return int(value - (np.int64(1) << 32) if value >> 31 else value)


@njit(cache=True, nogil=True)
def _int64(buffer: NDArray[np.uint8], at: int) -> int:
    value = np.int64(0)
    for byte in range(8):
        value |= np.int64(buffer[at + byte]) << (8 * byte)
    return int(value)


@njit(cache=True, nogil=True)
def _text_end(buffer: NDArray[np.uint8], at: int, end: int) -> int:
    """Return the position of the NUL that ends the key at ``at``, or -1."""
    while at < end:
        if buffer[at] == 0:
            return at
        at += 1
    return -1


@njit(cache=True, nogil=True)
def _same(buffer: NDArray[np.uint8], at: int, stop: int, key: NDArray[np.uint8], size: int) -> bool:
    if stop - at != size:
        return False
    for byte in range(size):  # noqa: SIM110  numba compiles no generator
        if buffer[at + byte] != key[byte]:
            return False
    return True


@njit(cache=True, nogil=True)
def _string_end(buffer: NDArray[np.uint8], at: int, end: int) -> int:
    """Return where a length-prefixed, NUL-ended string ends, or -1."""
    if at + 5 > end:
        return -1
    stop = at + 4 + int32_at(buffer, at)
    if stop < at + 5 or stop > end or buffer[stop - 1] != 0:
        return -1
    return stop


@njit(cache=True, nogil=True)
def _block_end(buffer: NDArray[np.uint8], at: int, end: int) -> int:
    """Return where a document, array or scoped code ends (its length counts itself), or -1."""
    if at + MINIMUM > end:
        return -1
    stop = at + int32_at(buffer, at)
    if stop < at + MINIMUM or stop > end or buffer[stop - 1] != 0:
        return -1
    return stop


@njit(cache=True, nogil=True)
def _binary_end(buffer: NDArray[np.uint8], at: int, end: int) -> int:
    if at + 5 > end:
        return -1
    size = int32_at(buffer, at)
    stop = at + 5 + size
    return -1 if size < 0 or stop > end else stop


@njit(cache=True, nogil=True)
def _two_texts_end(buffer: NDArray[np.uint8], at: int, end: int) -> int:
    first = _text_end(buffer, at, end)
    second = _text_end(buffer, first + 1, end) if first >= 0 else -1
    return second + 1 if second >= 0 else -1


@njit(cache=True, nogil=True)
def _value_end(buffer: NDArray[np.uint8], kind: int, at: int, end: int) -> int:
    """Return where a value of type ``kind`` ends, or -1 when it passes ``end`` or is no type."""
    width = _WIDTHS[kind]
    if width >= 0:
        return at + width if at + width <= end else -1
    if kind in (0x02, 0x0D, 0x0E):
        return _string_end(buffer, at, end)
    if kind in (0x03, 0x04, 0x0F):
        return _block_end(buffer, at, end)
    if kind == 0x05:
        return _binary_end(buffer, at, end)
    if kind == 0x0B:
        return _two_texts_end(buffer, at, end)
    if kind == 0x0C:
        stop = _string_end(buffer, at, end)
        return stop + 12 if 0 <= stop <= end - 12 else -1
    return -1


@njit(cache=True, nogil=True)
def _element_end(buffer: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return where the key of the element at ``at`` and its value end; -1 as end of a bad one.

    ``end`` is that of the document around it, whose last byte is no element's.
    """
    name_end = _text_end(buffer, at + 1, end)
    if name_end < 0:
        return -1, -1
    return name_end, _value_end(buffer, buffer[at], name_end + 1, end - 1)


@njit(cache=True, nogil=True)
def _store_field(
    buffer: NDArray[np.uint8], kind: int, at: int, stop: int, row: NDArray[np.int64], column: int
) -> None:
    row[column] = OTHER
    if kind == 0x10:
        row[column], row[column + 1] = INTEGER, int32_at(buffer, at)
    elif kind == 0x12:
        row[column], row[column + 1] = INTEGER, _int64(buffer, at)
    elif kind == 0x01:
        row[column], row[column + 1] = DOUBLE, _int64(buffer, at)
    elif kind == 0x02:
        row[column], row[column + 1], row[column + 2] = TEXT, at + 4, stop - at - 5
    elif kind == 0x07:
        row[column], row[column + 1], row[column + 2] = OBJECT_ID, at, 12


@njit(cache=True, nogil=True)
def _store_image(buffer: NDArray[np.uint8], offset: int, stop: int, row: NDArray[np.int64]) -> None:
    row[IMAGE_OFFSET] = offset
    row[IMAGE_LENGTH] = stop - offset
    header = header_at(buffer, offset, stop)
    for column in range(HEADER_COLUMNS):
        row[IMAGE_HEADER + column] = header[column]
    row[IMAGE_NO_PICTURE] = 0


@njit(cache=True, nogil=True)
def _picture(
    buffer: NDArray[np.uint8],
    at: int,
    end: int,
    document: NDArray[np.int64],
    row: NDArray[np.int64],
) -> bool:
    """Walk one entry of ``imgs``; False when its elements do not fill it exactly."""
    at += 4
    found = False
    while at < end - 1:
        kind = buffer[at]
        name = at + 1
        name_end, stop = _element_end(buffer, at, end)
        if stop < 0:
            return False
        if _same(buffer, name, name_end, _PICTURE, 7):
            if found:
                document[NOTES] |= REPEATED_KEY
            elif kind == 0x05:
                _store_image(buffer, name_end + 6, stop, row)
            found = True
        at = stop
    return at == end - 1


@njit(cache=True, nogil=True)
def _is_number(buffer: NDArray[np.uint8], at: int, stop: int, number: int) -> bool:
    """Whether the key in [at, stop) is ``number`` in decimal digits."""
    while stop > at:
        stop -= 1
        if buffer[stop] != 0x30 + number % 10:
            return False
        number //= 10
        if number == 0:
            break
    return number == 0 and stop == at


@njit(cache=True, nogil=True)
def _pictures(
    buffer: NDArray[np.uint8],
    at: int,
    end: int,
    document: NDArray[np.int64],
    images: NDArray[np.int64],
    used: int,
) -> int:
    """Walk the array ``imgs``; return the new number of image rows, -1 damaged, -2 table full."""
    at += 4
    while at < end - 1:
        kind = buffer[at]
        name_end, stop = _element_end(buffer, at, end)
        if stop < 0:
            return -1
        if used >= len(images):
            return -2
        if not _is_number(buffer, at + 1, name_end, used - document[FIRST_IMAGE]):
            document[NOTES] |= HOLES
        images[used, :] = 0
        images[used, IMAGE_OFFSET] = name_end + 1
        images[used, IMAGE_NO_PICTURE] = 1
        if kind == 0x05:
            _store_image(buffer, name_end + 6, stop, images[used])
        elif kind == 0x03 and not _picture(buffer, name_end + 1, stop, document, images[used]):
            return -1
        used += 1
        at = stop
    return used if at == end - 1 else -1


@njit(cache=True, nogil=True)
def _field(buffer: NDArray[np.uint8], at: int, stop: int) -> int:
    for field in range(len(_KEY_LENGTHS)):
        if _same(buffer, at, stop, _KEYS[field], _KEY_LENGTHS[field]):
            return field
    return -1


@njit(cache=True, nogil=True)
def _imgs(
    buffer: NDArray[np.uint8],
    kind: int,
    at: int,
    end: int,
    document: NDArray[np.int64],
    images: NDArray[np.int64],
    used: int,
) -> int:
    """Take a value of the key ``imgs``, the first that there is; return as ``_pictures``."""
    if document[IMGS_TYPE] != 0:
        document[NOTES] |= REPEATED_KEY
        return used
    document[IMGS_TYPE] = kind
    return _pictures(buffer, at, end, document, images, used) if kind == 0x04 else used


@njit(cache=True, nogil=True)
def document_at(
    buffer: NDArray[np.uint8],
    start: int,
    end: int,
    row: NDArray[np.int64],
    images: NDArray[np.int64],
    used: int,
    most_fields: int,
) -> int:
    """Walk the document in [start, end); return the new number of image rows, -1 or -2.

    A key that occurs twice counts the first time, and is noted. One of more than ``most_fields``
    fields counts as damaged.
    """
    row[:] = 0
    row[START], row[LENGTH], row[FIRST_IMAGE] = start, end - start, used
    at = start + 4
    while at < end - 1 and used >= 0 and most_fields > 0:
        most_fields -= 1
        kind = buffer[at]
        name = at + 1
        name_end, stop = _element_end(buffer, at, end)
        if stop < 0:
            return -1
        field = _field(buffer, name, name_end)
        column = FIRST_FIELD + 3 * field
        if field >= 0 and row[column] == ABSENT:
            _store_field(buffer, kind, name_end + 1, stop, row, column)
        elif field >= 0:
            row[NOTES] |= REPEATED_KEY
        elif _same(buffer, name, name_end, _IMGS, 4):
            used = _imgs(buffer, kind, name_end + 1, stop, row, images, used)
        at = stop
    if used < 0 or at != end - 1:
        return min(used, -1)
    row[IMAGES] = used - row[FIRST_IMAGE]
    return used


@njit(cache=True, nogil=True)
def walk(
    buffer: NDArray[np.uint8],
    at: int,
    limit: int,
    to_end_of_file: bool,
    documents: NDArray[np.int64],
    images: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Walk the documents that start in [at, limit) until a table or the intact documents end.

    Args:
        buffer: a window of the file, uint8.
        at: where a document starts in it.
        limit: where no document of this walk starts any more.
        to_end_of_file: whether the file ends where the window ends.
        documents: table to fill, shape (n, DOCUMENT_COLUMNS).
        images: table to fill, shape (m, IMAGE_COLUMNS).

    Returns:
        Where the next document starts, rows used in both tables, and why the walk stopped. Offsets
        in the tables count from the start of the window.
    """
    count, used, end = 0, 0, len(buffer)
    while at < min(limit, end):
        length = int32_at(buffer, at) if at + 4 <= end else MINIMUM
        if length < MINIMUM:
            return at, count, used, DAMAGED
        if at + length > end:
            return at, count, used, DAMAGED if to_end_of_file else WINDOW_TOO_SMALL
        if count >= len(documents):
            return at, count, used, TABLES_FULL
        stop = -1
        if buffer[at + length - 1] == 0:
            stop = document_at(buffer, at, at + length, documents[count], images, used, length)
        if stop < 0:
            return at, count, used, TABLES_FULL if stop == -2 else DAMAGED
        used = stop
        count += 1
        at += length
    return at, count, used, AT_END
