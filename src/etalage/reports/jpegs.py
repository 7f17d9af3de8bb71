"""What the headers of images say: formats, sizes, JPEG quality and chroma; nothing is decoded.

Quality is that of the JPEG's quantisation tables on the scale of the Independent JPEG Group, chroma
the resolution of colour against brightness.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.reports.numbers import TENTHS, Bin, Spread, log_bins, share, spread

_MOST_ROWS = 12


@dataclass(frozen=True)
class Tally:
    """How many images have a property."""

    name: str
    images: int
    share: float


@dataclass(frozen=True)
class Headers:
    """Bytes and headers of a catalogue's images.

    Attributes:
        bytes: bytes of an image.
        byte_bins: images by their bytes, in logarithmic bins.
        formats: images of each format; "none" cannot be read.
        sizes: images of the most common sizes, width x height in pixels.
        different_sizes: number of sizes.
        quality: JPEG quality where it is known; None where it is of none.
        qualities: images of each quality, ascending.
        chroma: images of each chroma sampling.
        flags: images of each flag of the index: why they are odd.
    """

    bytes: Spread | None
    byte_bins: list[Bin]
    formats: list[Tally]
    sizes: list[Tally]
    different_sizes: int
    quality: Spread | None
    qualities: list[Tally]
    chroma: list[Tally]
    flags: list[Tally]


def read_headers(index: Index) -> Headers:
    """Count what the images' columns of an index say, one column at a time."""
    length = index.column("images", "length").to_numpy()
    sizes, different = _sizes(index)
    qualities = quality_counts(index)
    return Headers(
        bytes=spread(length),
        byte_bins=log_bins(length, TENTHS),
        formats=tallies(index.column("images", "format"), empty="none"),
        sizes=sizes,
        different_sizes=different,
        quality=spread(np.repeat(np.arange(1, 101), qualities[1:])),
        qualities=_quality_tallies(qualities),
        chroma=tallies(index.column("images", "chroma")),
        flags=tallies(index.column("images", "flag")),
    )


def text_counts(column: pa.Array) -> dict[str, int]:
    """Count the different values of a column of strings, dictionary or not, the most first."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    counts = np.bincount(column.indices.drop_null().to_numpy(), minlength=len(column.dictionary))
    pairs = zip(column.dictionary.to_pylist(), counts.tolist(), strict=True)
    return dict(sorted(((str(name), n) for name, n in pairs if n), key=lambda p: (-p[1], p[0])))


def tallies(column: pa.Array, empty: str = "") -> list[Tally]:
    """Return the most common values of a column; the empty one under another name, or left out."""
    counts = text_counts(column)
    every = sum(counts.values())
    named = [(name or empty, number) for name, number in counts.items() if name or empty]
    return [Tally(name, number, share(number, every)) for name, number in named[:_MOST_ROWS]]


def size_counts(index: Index) -> dict[str, int]:
    """Count the images of each size that could be read, the most first."""
    width, height = (index.column("images", name).to_numpy() for name in ("width", "height"))
    keys, counts = np.unique((width.astype(np.int64) << 32) | height, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    pairs = zip(keys[order].tolist(), counts[order].tolist(), strict=True)
    return {f"{key >> 32} x {key & 0xFFFFFFFF}": count for key, count in pairs if key}


def _sizes(index: Index) -> tuple[list[Tally], int]:
    counts = size_counts(index)
    every = sum(counts.values())
    first = list(counts.items())[:_MOST_ROWS]
    return [Tally(name, number, share(number, every)) for name, number in first], len(counts)


def quality_counts(index: Index) -> NDArray[np.int64]:
    """Count the images of each JPEG quality, 0 where it is not known, (101,)."""
    column = index.column("images", "quality").to_numpy()
    return np.bincount(column, minlength=101).astype(np.int64)


def _quality_tallies(counts: NDArray[np.int64]) -> list[Tally]:
    known = int(counts[1:].sum())
    return [
        Tally(str(quality), int(counts[quality]), share(counts[quality], known))
        for quality in (np.flatnonzero(counts[1:]) + 1).tolist()
    ]
