"""Format, size and make of an image from its headers; nothing is decoded.

What is read of each format::

    JPEG   FF D8, then segments (FF, marker, 16-bit length) to the frame header SOFn: height, width,
           sampling factors; the quantisation tables DQT on the way; the last bytes
    PNG    89 50 4E 47 0D 0A 1A 0A, then the IHDR chunk: width, height
    WebP   RIFF....WEBP, then a first chunk VP8 (lossy), VP8L (lossless) or VP8X (extended: canvas)

Sizes are those stored: an EXIF orientation is not applied. Anything else, anything cut before its
size, and a size of zero is no image: format ``""`` and zeros. No bytes make this raise.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FORMATS = ("", "jpeg", "png", "webp")
"""Format names; the code that ``header_at`` returns is a position in this tuple."""

CHROMAS = ("", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "grey", "cmyk", "other")
"""How a JPEG stores colour, likewise; ``""`` where that is not known."""

ODDITIES = ("", "no end marker")
"""What is odd about an image that has a size, likewise."""

HEADER_COLUMNS = 6
"""Numbers that ``header_at`` returns."""

_JPEG = 1
_PNG = 2
_WEBP = 3
_GREY = CHROMAS.index("grey")
_CMYK = CHROMAS.index("cmyk")
_OTHER = CHROMAS.index("other")
_NO_END_MARKER = 1
# By the factors of the first component, where the other two have 1 x 1.
_CHROMA_OF_FACTORS = np.full(256, _OTHER, np.uint8)
for _factors, _name in {0x11: "4:4:4", 0x21: "4:2:2", 0x22: "4:2:0", 0x12: "4:4:0",
                        0x41: "4:1:1"}.items():  # fmt: skip
    _CHROMA_OF_FACTORS[_factors] = CHROMAS.index(_name)

_LARGEST_PNG_SIDE = 2**31 - 1
# Writers that align files pad them with zeros, which every decoder passes over.
_PADDING = 16

# Table K.1 of ITU-T T.81 (luminance), row by row.
_STANDARD = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip
_LARGEST = 255  # in a baseline table


def _qualities_by_sum() -> NDArray[np.uint8]:
    """Return for every sum of 64 entries the quality whose standard table has the nearest sum.

    The sums of the hundred tables are all different, so a standard table finds exactly its own.
    """
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = ((_STANDARD * scale[:, None] + 50) // 100).clip(1, _LARGEST)
    sums = np.arange(64 * _LARGEST + 1)
    distances = np.abs(tables.sum(axis=1)[:, None] - sums)
    return quality[distances.argmin(axis=0)].astype(np.uint8)


_QUALITY_OF_SUM = _qualities_by_sum()


class Header(NamedTuple):
    """What the headers say: format name (``""``: no image), width and height in pixels."""

    format: str
    width: int
    height: int


class Make(NamedTuple):
    """How an image was made: names and numbers of what ``header_at`` returns after the size."""

    quality: int
    chroma: str
    oddity: str


def read_header(data: bytes | bytearray | memoryview) -> Header:
    """Return the format and the stored size of an image file's bytes."""
    buffer = np.frombuffer(data, np.uint8)
    code, width, height, _, _, _ = header_at(buffer, 0, len(buffer))
    return Header(FORMATS[code], int(width), int(height))


def read_make(data: bytes | bytearray | memoryview) -> Make:
    """Return the quality, the kind of colour and the oddity of an image file's bytes."""
    buffer = np.frombuffer(data, np.uint8)
    _, _, _, quality, chroma, oddity = header_at(buffer, 0, len(buffer))
    return Make(int(quality), CHROMAS[chroma], ODDITIES[oddity])


@njit(cache=True, nogil=True)
def header_at(
    buffer: NDArray[np.uint8], start: int, end: int
) -> tuple[int, int, int, int, int, int]:
    """Return what the headers of the image in ``buffer[start:end]`` say.

    Compiled, callable from other compiled code; ``buffer`` is a 1-d uint8 array, read-only or not.

    Returns:
        Format code, width, height; quality: 1 to 100 on the scale of the Independent JPEG Group,
        that of the standard luminance table nearest to the image's, 0 where there is no table;
        chroma code; oddity code. All zeros where there is no image.
    """
    start, end = max(start, 0), min(end, len(buffer))
    if end - start < 4:
        return 0, 0, 0, 0, 0, 0
    code, width, height, quality, chroma, oddity = 0, 0, 0, 0, 0, 0
    if buffer[start] == 0xFF and buffer[start + 1] == 0xD8:
        code = _JPEG
        width, height, quality, chroma = _jpeg(buffer, start + 2, end)
        oddity = 0 if _ends_a_jpeg(buffer, start, end) else _NO_END_MARKER
    elif buffer[start] == 0x89 and _is_png(buffer, start, end):
        code = _PNG
        width, height = _png_size(buffer, start)
    elif buffer[start] == 0x52 and _is_webp(buffer, start, end):
        code = _WEBP
        width, height = _webp_size(buffer, start, end)
    if width <= 0 or height <= 0:
        return 0, 0, 0, 0, 0, 0
    return code, width, height, quality, chroma, oddity


@njit(cache=True, nogil=True)
def _jpeg(buffer: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int]:
    """Return width, height, quality and chroma code; ``at`` is behind FF D8."""
    frame, quality = _frame_and_quality(buffer, at, end, 0)
    if frame == 0:
        return 0, 0, 0, 0
    width, height = _big(buffer, frame + 7, 2), _big(buffer, frame + 5, 2)
    count = frame + 9
    if count >= end or buffer[count] == 0 or count + 1 + 3 * np.int64(buffer[count]) > end:
        return width, height, 0, 0
    if buffer[count + 3] != 0:  # hardly any encoder gives luminance another table than 0
        _, quality = _frame_and_quality(buffer, at, end, buffer[count + 3])
    return width, height, quality, _chroma(buffer, count)


@njit(cache=True, nogil=True)
def _frame_and_quality(buffer: NDArray[np.uint8], at: int, end: int, table: int) -> tuple[int, int]:
    """Return where the frame header is and the quality of a quantisation table, 0 for none."""
    frame, quality = 0, 0
    # Tables may follow the frame header they belong to, though hardly any encoder does that.
    while at + 4 <= end and buffer[at] == 0xFF and (frame == 0 or quality == 0):
        marker = buffer[at + 1]
        if marker == 0xFF:  # any number of fill bytes before a marker
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # TEM and RSTn: no length follows
            at += 2
        else:
            length = _big(buffer, at + 2, 2)
            is_frame = _is_frame_header(marker)
            if _has_no_segment(marker) or length < 2 or (is_frame and (length < 8 or at + 9 > end)):
                break
            if marker == 0xDB:
                quality = _quality(buffer, at + 4, min(at + 2 + length, end), table, quality)
            elif is_frame and frame == 0:
                frame = at
            at += 2 + length
    return frame, quality


@njit(cache=True, nogil=True)
def _has_no_segment(marker: int) -> bool:
    return marker == 0x00 or 0xD8 <= marker <= 0xDA  # SOI, EOI, or a scan: the headers end


@njit(cache=True, nogil=True)
def _is_frame_header(marker: int) -> bool:
    # SOF0 to SOF15 share C0 to CF with the tables DHT (C4) and DAC (CC) and the reserved JPG (C8).
    return 0xC0 <= marker <= 0xCF and marker != 0xC4 and marker != 0xC8 and marker != 0xCC


@njit(cache=True, nogil=True)
def _quality(buffer: NDArray[np.uint8], at: int, stop: int, table: int, before: int) -> int:
    """Return the quality of ``table`` in the DQT segment [at, stop), else what it was before."""
    while at < stop:
        entry_bytes, number = 1 + (buffer[at] >> 4), buffer[at] & 0x0F
        after = at + 1 + 64 * entry_bytes
        if entry_bytes > 2 or after > stop:
            break
        if number == table:
            before = _table_quality(buffer, at + 1, after, entry_bytes)
        at = after
    return before


@njit(cache=True, nogil=True)
def _table_quality(buffer: NDArray[np.uint8], first: int, after: int, entry_bytes: int) -> int:
    # Unsigned positions need no test for a negative index: the sum compiles to vector instructions.
    total = np.uint64(0)
    if entry_bytes == 1:
        for position in range(np.uint64(first), np.uint64(after)):
            total += buffer[position]
    else:  # what a baseline table could not hold counts as its largest entry
        for high in range(first, after, 2):
            total += np.uint64(_LARGEST if buffer[high] else buffer[high + 1])
    return int(_QUALITY_OF_SUM[total])


@njit(cache=True, nogil=True)
def _chroma(buffer: NDArray[np.uint8], count: int) -> int:
    """Return the code of a frame's components: their number is at ``count``, three bytes each."""
    if buffer[count] == 1:
        return _GREY
    if buffer[count] == 4:
        return _CMYK
    if buffer[count] != 3 or buffer[count + 5] != buffer[count + 8]:
        return _OTHER
    return _chroma_of_factors(buffer[count + 2], buffer[count + 5])


@njit(cache=True, nogil=True)
def _chroma_of_factors(first: int, others: int) -> int:
    """Return the code of sampling factors, each horizontal << 4 | vertical."""
    if others == 0x11:
        return int(_CHROMA_OF_FACTORS[first])
    across, down = others >> 4, others & 0x0F  # also as multiples: 2x2, 1x2, 1x2
    for factors in (0x11, 0x21, 0x22, 0x12, 0x41):
        expected = (factors >> 4) * across, (factors & 0x0F) * down
        if across * down > 0 and (first >> 4, first & 0x0F) == expected:
            return int(_CHROMA_OF_FACTORS[factors])
    return _OTHER


@njit(cache=True, nogil=True)
def _ends_a_jpeg(buffer: NDArray[np.uint8], start: int, end: int) -> bool:
    least = max(start + 4, end - _PADDING)
    while end > least and buffer[end - 1] == 0:
        end -= 1
    return buffer[end - 2] == 0xFF and buffer[end - 1] == 0xD9


@njit(cache=True, nogil=True)
def _is_png(buffer: NDArray[np.uint8], start: int, end: int) -> bool:
    return (
        end - start >= 24
        and _big(buffer, start, 4) == 0x89504E47
        and _big(buffer, start + 4, 4) == 0x0D0A1A0A
        and _big(buffer, start + 12, 4) == 0x49484452  # IHDR
    )


@njit(cache=True, nogil=True)
def _png_size(buffer: NDArray[np.uint8], start: int) -> tuple[int, int]:
    width, height = _big(buffer, start + 16, 4), _big(buffer, start + 20, 4)
    if max(width, height) > _LARGEST_PNG_SIDE:
        return 0, 0
    return width, height


@njit(cache=True, nogil=True)
def _is_webp(buffer: NDArray[np.uint8], start: int, end: int) -> bool:
    return (
        end - start >= 25
        and _big(buffer, start, 4) == 0x52494646  # RIFF
        and _big(buffer, start + 8, 4) == 0x57454250  # WEBP
    )


@njit(cache=True, nogil=True)
def _webp_size(buffer: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    chunk, body = _big(buffer, start + 12, 4), start + 20
    if chunk == 0x5650384C and buffer[body] == 0x2F:  # VP8L: two 14-bit sizes less one
        bits = _little(buffer, body + 1, 4)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if end < start + 30:
        return 0, 0
    if chunk == 0x56503858:  # VP8X: two 24-bit sizes less one
        return _little(buffer, body + 4, 3) + 1, _little(buffer, body + 7, 3) + 1
    if chunk == 0x56503820 and _little(buffer, body + 3, 3) == 0x2A019D:  # VP8: start code
        return _little(buffer, body + 6, 2) & 0x3FFF, _little(buffer, body + 8, 2) & 0x3FFF
    return 0, 0


@njit(cache=True, nogil=True)
def _big(buffer: NDArray[np.uint8], at: int, count: int) -> int:
    value = np.int64(0)
    for position in range(at, at + count):
        value = (value << 8) | np.int64(buffer[position])
    return int(value)


@njit(cache=True, nogil=True)
def _little(buffer: NDArray[np.uint8], at: int, count: int) -> int:
    value = np.int64(0)
    for position in range(at + count - 1, at - 1, -1):
        value = (value << 8) | np.int64(buffer[position])
    return int(value)
