"""What a picture looks like, in 140 bytes that survive re-encoding and resizing.

Of every image, decoded to a quarter of its scale or as much as leaves ``_SIDE`` pixels:

* ``bits``: which of the 256 lowest cosine frequencies of its brightness (16 x 16 without the mean,
  and one more) are above a tenth of a grey level, after the perceptual hash of Zauner (2010), which
  keeps 64 and compares with their median. A frequency that a picture does not have is a sure 0, not
  the sign of its noise. The image is projected on the cosines in its own size: nothing is resized.
  Each of the eight 32-bit words has high and low frequencies.
* ``tones``: the mean red, green and blue of 6 x 6 cells. Colour variants of one photograph have the
  same bits; the tones tell them apart.
* ``contrast``: the standard deviation of the brightness. Without any the bits are noise.

All arithmetic is on integers: the same bytes give the same result on every machine.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.errors import ImageFormatError
from etalage.images.decode import decode_reduced

WORDS = 8
CELLS = 6
TONES = CELLS * CELLS * 3
LOOK = np.dtype(
    [("bits", "<u4", WORDS), ("tones", "u1", TONES), ("contrast", "u1"), ("state", "u1")],
    align=True,
)
"""One image: ``bits``, ``tones``, ``contrast`` and ``state``, a position in ``STATES``."""

STATES = ("", "blank", "tiny", "undecodable")
"""Why the bits of an image mean nothing, or ``""``: no contrast, too few pixels, damaged."""

_BLANK = 5
_TINY = 16
_SIDE = 32
_WAVES = 17  # of which 16 x 16 count, and one of the last
_WAVE_SHIFT = 22
_CELL_SHIFT = 16
_FAINT = (1 << (2 * _WAVE_SHIFT)) // 10


def look_at(images: list[bytes]) -> NDArray[np.void]:
    """Return what each of N images looks like, (N,) of ``LOOK``; none makes this raise."""
    looks = np.zeros(len(images), LOOK)
    bits, tones = looks["bits"], looks["tones"]
    measured = [_look(data, bits[row], tones[row]) for row, data in enumerate(images)]
    looks["contrast"] = [contrast for contrast, _ in measured]
    looks["state"] = [STATES.index(state) for _, state in measured]
    return looks


def _look(data: bytes, bits: NDArray[np.uint32], tones: NDArray[np.uint8]) -> tuple[int, str]:
    """Fill in the bits and tones of an image; return its contrast and state."""
    try:
        pixels, header, factor = decode_reduced(data, _SIDE)
    except ImageFormatError:
        return 0, "undecodable"
    down, across = _weights(header.height, factor), _weights(header.width, factor)
    contrast = _measure(pixels, *down, *across, _ORDER, bits, tones)
    if min(header.height, header.width) < _TINY:
        return contrast, "tiny"
    return contrast, "blank" if contrast < _BLANK else ""


def _order() -> NDArray[np.int64]:
    """Return the frequencies (row, column) of the 256 bits: word by word, mixed by height."""
    waves = [(row, column) for row in range(16) for column in range(16)][1:] + [(0, 16)]
    ascending = sorted(waves, key=lambda wave: (sum(wave), wave[0]))
    dealt = [ascending[word::WORDS] for word in range(WORDS)]
    return np.array([wave for word in dealt for wave in word], np.int64)


_ORDER = _order()


@lru_cache(maxsize=1024)
def _weights(length: int, factor: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return how pixels that cover ``factor`` each of ``length`` add up to waves and to cells.

    The last pixel may reach beyond the image (a JPEG is padded to whole blocks): it counts less.

    Returns:
        The cosines times each pixel's share, (17, N); each pixel's share of a cell, (6, N).
    """
    left = np.arange(0, length, factor)
    right = np.minimum(left + factor, length)
    waves = np.cos(np.pi * np.arange(_WAVES)[:, None] * (left + right) / (2 * length))
    edges = np.arange(CELLS + 1)[:, None] * (length / CELLS)
    cells = (np.minimum(right, edges[1:]) - np.maximum(left, edges[:-1])).clip(0)
    return (
        np.rint(waves * ((right - left) / length) * (1 << _WAVE_SHIFT)).astype(np.int32),
        np.rint(cells * (CELLS / length) * (1 << _CELL_SHIFT)).astype(np.int32),
    )


@njit(cache=True, nogil=True)
def _measure(
    pixels: NDArray[np.uint8],
    waves_down: NDArray[np.int32],
    cells_down: NDArray[np.int32],
    waves_across: NDArray[np.int32],
    cells_across: NDArray[np.int32],
    order: NDArray[np.int64],
    bits: NDArray[np.uint32],
    tones: NDArray[np.uint8],
) -> int:
    """Fill in the bits and tones of ``pixels``, (H, W, 3); return the contrast."""
    light, contrast = _lightness(pixels)
    found = _project(light, waves_down, waves_across)
    for number in range(len(order)):
        if found[order[number, 0], order[number, 1]] > _FAINT:
            bits[number // 32] |= np.uint32(1) << np.uint32(number % 32)
    _average(pixels, cells_down, cells_across, tones)
    return contrast


@njit(cache=True, nogil=True)
def _lightness(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Return 0 to 255 for each pixel (ITU-R BT.601) and the standard deviation."""
    height, width = pixels.shape[:2]
    light = np.empty((height, width), np.int32)
    total, squares = np.int64(0), np.int64(0)
    for row in range(height):
        for column in range(width):
            red, green, blue = pixels[row, column]
            value = (np.int32(77) * red + np.int32(150) * green + np.int32(29) * blue) >> 8
            light[row, column] = value
            total += value
            squares += value * value
    mean = total / light.size
    return light, int(np.sqrt(max(squares / light.size - mean * mean, 0.0)))


@njit(cache=True, nogil=True)
def _project(
    light: NDArray[np.int32], down: NDArray[np.int32], across: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Return what each wave down and across weighs in the image, (17, 17)."""
    found = np.empty((len(down), len(across)), np.int64)
    line = np.empty(light.shape[1], np.int32)
    for wave in range(len(down)):
        line[:] = 0
        for row in range(light.shape[0]):
            weight = down[wave, row]
            for column in range(light.shape[1]):
                line[column] += weight * light[row, column]
        for other in range(len(across)):
            total = np.int64(0)
            for column in range(light.shape[1]):
                total += np.int64(line[column]) * np.int64(across[other, column])
            found[wave, other] = total
    return found


@njit(cache=True, nogil=True)
def _average(
    pixels: NDArray[np.uint8],
    down: NDArray[np.int32],
    across: NDArray[np.int32],
    tones: NDArray[np.uint8],
) -> None:
    """Fill in the mean of each cell and channel."""
    flat = pixels.reshape(len(pixels), -1)
    line = np.empty(flat.shape[1], np.int32)
    for cell in range(len(down)):
        line[:] = 0
        for row in range(len(flat)):
            weight = down[cell, row]
            if weight:
                for column in range(len(line)):
                    line[column] += weight * np.int32(flat[row, column])
        for place in range(3 * len(across)):
            total = np.int64(1) << (2 * _CELL_SHIFT - 1)
            for column in range(across.shape[1]):
                value = np.int64(line[3 * column + place % 3])
                total += value * across[place // 3, column]
            mean = np.int64(total >> (2 * _CELL_SHIFT))
            tones[cell * 3 * len(across) + place] = np.uint8(mean if mean < 255 else 255)
