"""Bytes of a JPEG, PNG or WebP image to RGB pixels, and pixels to JPEG.

Whatever an image is stored as (grey, palette, 16 bits, CMYK, with transparency, animated), pixels
are uint8 (H, W, 3) RGB: transparency lies on white, as in a shop's page; 16 bits keep the upper
eight; of an animation the first frame counts; colour profiles are ignored. Decoding is strict: an
image that is cut or damaged raises instead of showing half a product on grey.

``decode_into`` fits an image to a square: the longer side fills it, the rest is white on both
sides, so nothing is distorted and nothing is cut off. A square image fills it. An EXIF orientation
is applied only when asked for: catalogue images are shown as stored, loose photos are not.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterable

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from etalage.errors import ImageFormatError
from etalage.images.headers import Header, read_header

MAX_PIXELS = 89_000_000
"""Larger images are refused before decoding: no product needs them (Pillow warns from here on)."""

MAX_SCANNED_PIXELS = 2_000_000_000
"""A JPEG whose scans together pass over more is refused: some ten bytes can cost a whole pass."""

_EXIF_ORIENTATION = 0x0112
_SCAN = b"\xff\xda"
_SCAN_BYTES = 10
"""Of the header of the smallest scan."""
_STRIP_ROWS = 256
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
# Averaging all covered pixels costs five times a bilinear look-up and differs visibly only above.
_AVERAGING_FROM = 1.5


Data = bytes | memoryview
"""An image file's bytes."""


def decode(data: Data, *, upright: bool = False) -> NDArray[np.uint8]:
    """Return the pixels of an image in its own size, shape (H, W, 3).

    Args:
        data: the bytes of the file.
        upright: turn the image as its EXIF orientation says.

    Raises:
        ImageFormatError: no image of a known format, damaged, over ``MAX_PIXELS`` or, in all scans
            of a JPEG, over ``MAX_SCANNED_PIXELS``.
    """
    pixels = _decode_down_to(data, _checked_header(data), None)
    return _turn(pixels, _orientation(data)) if upright else pixels


def decode_into(data: Data, out: NDArray[np.uint8], *, upright: bool = False) -> None:
    """Decode an image into ``out``, shape (S, S, 3), C-contiguous, fitted to the square.

    A JPEG of exactly that size is decoded in place. A larger one is scaled by a half, a quarter or
    an eighth while decoding, which skips work, then resized. On an error ``out`` holds anything.

    Raises:
        ImageFormatError: as ``decode``.
    """
    if upright:
        _fit(decode(data, upright=True), out)
        return
    header = _checked_header(data)
    # simplejpeg 1.9 loses 4 kB whenever it refuses a buffer, so it only gets one that fits.
    if header == ("jpeg", *out.shape[1::-1]):
        _decode_in_place(data, out)
    else:
        _fit(_decode_down_to(data, header, len(out)), out)


def decode_reduced(data: Data, side: int) -> tuple[NDArray[np.uint8], Header, int]:
    """Return the pixels of an image, fewer where its format gives them away without work.

    A JPEG comes at a half, a quarter or an eighth of its size while its shorter side keeps ``side``
    pixels; the last row and column may then reach beyond the image. Others come as they are.

    Returns:
        The pixels, (ceil(H / factor), ceil(W / factor), 3), the header and the factor, 1 to 8.

    Raises:
        ImageFormatError: as ``decode``.
    """
    header = _checked_header(data)
    factor = 1
    if header.format == "jpeg":
        shorter = min(header.width, header.height)
        factor = next((much for much in (8, 4, 2) if -(-shorter // much) >= side), 1)
    longer = -(-max(header.width, header.height) // factor)
    return _decode_down_to(data, header, longer), header, factor


def may_skip_header(
    sides: NDArray[np.int32], lengths: NDArray[np.int32], side: int
) -> NDArray[np.bool_]:
    """Return which images ``decode_in_place`` may be given for squares of ``side`` pixels.

    Args:
        sides: of each image that is a square JPEG, 0 for others, (N,).
        lengths: their bytes, (N,).
        side: of the squares.
    """
    most_scans = lengths.astype(np.int64) // _SCAN_BYTES
    return np.asarray((sides == side) & (most_scans * side * side <= MAX_SCANNED_PIXELS))


def decode_in_place(images: Iterable[Data], squares: Iterable[NDArray[np.uint8]]) -> list[int]:
    """Decode JPEGs that are known to have the size of their squares, each (S, S, 3), into them.

    simplejpeg 1.9 loses 4 kB whenever it refuses a buffer as too small, so larger images should
    not come here again and again; smaller ones do no harm.

    Returns:
        The positions of those that are damaged or of another size; their squares hold anything.
    """
    # Few bytecodes: between two decodings the interpreter lock is held, for all threads.
    decode_jpeg, failed = simplejpeg.decode_jpeg, []
    for position, (data, square) in enumerate(zip(images, squares, strict=True)):
        try:
            pixels = decode_jpeg(data, "RGB", False, False, 0, 0, 1, square)
        except ValueError:
            failed.append(position)
        else:
            if pixels.shape != square.shape:
                failed.append(position)
    return failed


def _decode_in_place(data: Data, out: NDArray[np.uint8]) -> None:
    try:
        simplejpeg.decode_jpeg(data, "RGB", buffer=out)
    except ValueError as error:
        raise ImageFormatError(f"damaged jpeg of {len(data)} bytes: {error}") from error


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 75) -> bytes:
    """Return a baseline JPEG with 4:2:0 colour of ``pixels``, shape (H, W, 3)."""
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "420")
    return data


def _checked_header(data: Data) -> Header:
    header = read_header(data)
    if not header.format:
        raise ImageFormatError(f"no JPEG, PNG or WebP image in {len(data)} bytes")
    pixels, size = header.width * header.height, f"{header.width} x {header.height} pixels"
    if pixels > MAX_PIXELS:
        raise ImageFormatError(f"{header.format} of {size}: more than {MAX_PIXELS:,} in all")
    # Counting costs a twentieth of decoding, so only where there can be so many at all.
    if header.format == "jpeg" and len(data) // _SCAN_BYTES * pixels > MAX_SCANNED_PIXELS:
        scans = bytes(data).count(_SCAN)
        if scans * pixels > MAX_SCANNED_PIXELS:
            most = f"more than {MAX_SCANNED_PIXELS:,} in all"
            raise ImageFormatError(f"jpeg of {size} in {scans} scans: {most}")
    return header


def _decode_down_to(data: Data, header: Header, side: int | None) -> NDArray[np.uint8]:
    """Decode; a JPEG may come scaled down as long as its longer side keeps ``side`` pixels."""
    try:
        if header.format == "jpeg":
            return _decode_jpeg(data, header, 1 if side is None else _reduction(header, side))
        return _decode_pillow(data)
    except _DAMAGE as error:
        raise ImageFormatError(f"damaged {header.format} of {len(data)} bytes: {error}") from error


def _reduction(header: Header, side: int) -> int:
    # libjpeg also scales by other eighths, but only powers of two are fast.
    longer = max(header.width, header.height)
    return next((factor for factor in (8, 4, 2) if -(-longer // factor) >= side), 1)


def _decode_jpeg(data: Data, header: Header, factor: int) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data,
        "RGB",
        min_height=-(-header.height // factor),
        min_width=-(-header.width // factor),
        min_factor=factor,
    )
    return pixels


def _decode_pillow(data: Data) -> NDArray[np.uint8]:
    """Decode in strips from the top, so that what is in between never takes much memory."""
    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as image:
        pixels = np.empty((image.height, image.width, 3), np.uint8)
        for top in range(0, image.height, _STRIP_ROWS):
            bottom = min(top + _STRIP_ROWS, image.height)
            pixels[top:bottom] = _rgb(image.crop((0, top, image.width, bottom)))
        return pixels


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip, not scale
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, with_alpha).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _orientation(data: Data) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (as stored) when there is none to be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow's about damaged EXIF
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as image:
                value = image.getexif().get(_EXIF_ORIENTATION, 1)
        except _DAMAGE:
            return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _fit(pixels: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    height, width = pixels.shape[:2]
    side, longer = len(out), max(height, width)
    rows, columns = (max(1, round(length * side / longer)) for length in (height, width))
    how = cv2.INTER_AREA if longer >= _AVERAGING_FROM * side else cv2.INTER_LINEAR
    if rows != columns:
        out[...] = 255
    top, left = (side - rows) // 2, (side - columns) // 2
    fitted = cv2.resize(pixels, (columns, rows), interpolation=how)
    out[top : top + rows, left : left + columns] = fitted
