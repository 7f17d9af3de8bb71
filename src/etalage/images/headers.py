"""Format and size of an image from its first bytes; nothing is decoded.

What is read of each format::

    JPEG   FF D8, then segments (FF, marker, 16-bit length) to the frame header SOFn: height, width
    PNG    89 50 4E 47 0D 0A 1A 0A, then the IHDR chunk: width, height
    WebP   RIFF....WEBP, then a first chunk VP8 (lossy), VP8L (lossless) or VP8X (extended: canvas)

Sizes are those stored: an EXIF orientation is not applied. Anything else, anything cut before its
size, and a size of zero is no image: format ``""``, width and height 0. No bytes make this raise.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FORMATS = ("", "jpeg", "png", "webp")
"""Format names; the code that ``header_at`` returns is a position in this tuple."""

_JPEG = 1
_PNG = 2
_WEBP = 3

_LARGEST_PNG_SIDE = 2**31 - 1


class Header(NamedTuple):
    """What the first bytes say: format name (``""``: no image), width and height in pixels."""

    format: str
    width: int
    height: int


def read_header(data: bytes | bytearray | memoryview) -> Header:
    """Return the format and the stored size of an image file's bytes."""
    buffer = np.frombuffer(data, np.uint8)
    code, width, height = header_at(buffer, 0, len(buffer))
    return Header(FORMATS[code], int(width), int(height))


@njit(cache=True, nogil=True)
def header_at(buffer: NDArray[np.uint8], start: int, end: int) -> tuple[int, int, int]:
    """Return (format code, width, height) of the image in ``buffer[start:end]``.

    Compiled, callable from other compiled code; ``buffer`` is a 1-d uint8 array, read-only or not.
    """
    start, end = max(start, 0), min(end, len(buffer))
    if end - start < 4:
        return 0, 0, 0
    code, width, height = 0, 0, 0
    if buffer[start] == 0xFF and buffer[start + 1] == 0xD8:
        code = _JPEG
        width, height = _jpeg_size(buffer, start + 2, end)
    elif buffer[start] == 0x89 and _is_png(buffer, start, end):
        code = _PNG
        width, height = _png_size(buffer, start)
    elif buffer[start] == 0x52 and _is_webp(buffer, start, end):
        code = _WEBP
        width, height = _webp_size(buffer, start, end)
    if width <= 0 or height <= 0:
        return 0, 0, 0
    return code, width, height


@njit(cache=True, nogil=True)
def _jpeg_size(buffer: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    while at + 4 <= end and buffer[at] == 0xFF:
        marker = buffer[at + 1]
        if marker == 0xFF:  # any number of fill bytes before a marker
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # TEM and RSTn: no length follows
            at += 2
        elif marker == 0x00 or 0xD8 <= marker <= 0xDA:  # SOI, EOI, or a scan without its frame
            break
        elif _is_frame_header(marker):
            if at + 9 > end or _big(buffer, at + 2, 2) < 8:
                break
            return _big(buffer, at + 7, 2), _big(buffer, at + 5, 2)
        else:
            length = _big(buffer, at + 2, 2)
            if length < 2:
                break
            at += 2 + length
    return 0, 0


@njit(cache=True, nogil=True)
def _is_frame_header(marker: int) -> bool:
    # SOF0 to SOF15 share C0 to CF with the tables DHT (C4) and DAC (CC) and the reserved JPG (C8).
    return 0xC0 <= marker <= 0xCF and marker != 0xC4 and marker != 0xC8 and marker != 0xCC


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
