"""Images worth a second look: suspicious by what the index says of them, then decoded.

Decoding 12.4 million images takes an hour of a processor, so only suspicious ones are decoded: of
each kind at most a given number of different images, the most suspicious first. Kinds overlap.

Near-blank pictures compress best of all, so they are among the images with the fewest bytes per
pixel: of those decoded the ones whose pixels hardly differ (standard deviation of the liveliest of
the three colours, of 255) are near-blank.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.errors import ImageFormatError
from etalage.images.decode import decode
from etalage.progress import progress_bar
from etalage.reports.numbers import share

TINY = 1000
"""Bytes below which an image is tiny: the tables of a JPEG alone take 600."""

SMALL_SIDE = 32
LONG_SIDES = 8
BLANK = 5.0
_ODD_CHROMA = ("4:1:1", "cmyk", "other")
_BATCH = 256
_COPIES_EXPECTED = 8


@dataclass(frozen=True)
class Kind:
    """A reason for suspicion.

    Attributes:
        kind: the reason.
        images: images of the catalogue it is true of; for "fewest bytes per pixel" all that can be.
        decoded: how many different ones of them were decoded.
        damaged: how many of these do not decode.
        rows: image rows of the first that decode, to be shown.
    """

    kind: str
    images: int
    decoded: int
    damaged: int
    rows: list[int]


@dataclass(frozen=True)
class Damaged:
    """An image that does not decode."""

    product_id: int | str
    rank: int
    bytes: int
    copies: int
    reason: str


@dataclass(frozen=True)
class Blank:
    """A near-blank image and the standard deviation of its pixels."""

    row: int
    product_id: int | str
    copies: int
    deviation: float
    bytes_per_pixel: float


@dataclass(frozen=True)
class Suspects:
    """What was suspicious and what came of it.

    Attributes:
        images: images of the catalogue.
        decoded: different images decoded, of all kinds together.
        decoded_share: these against the images of the catalogue.
        kinds: why images are suspicious.
        damaged: number of those that do not decode.
        failures: these, as many as the page shows.
        blank: number of near-blank ones.
        blank_copies: how often these occur in the catalogue.
        blanks: these, as many as the page shows, the blankest first.
    """

    images: int
    decoded: int
    decoded_share: float
    kinds: list[Kind]
    damaged: int
    failures: list[Damaged]
    blank: int
    blank_copies: int
    blanks: list[Blank]


def find_suspects(
    index: Index,
    image_number: NDArray[np.int32],
    copies: NDArray[np.int64],
    *,
    limit: int,
    shown: int,
    listed: int,
) -> Suspects:
    """Find suspicious images, decode at most ``limit`` of each kind, and say what they are.

    Args:
        index: the catalogue.
        image_number: number of the different image of each image row, (I,).
        copies: occurrences of each different image.
        limit: how many different images of each kind to decode.
        shown: how many pictures of each kind to show.
        listed: how many damaged images to list.
    """
    density = bytes_per_pixel(index)
    kinds = suspicious(index, density, limit)
    chosen = {kind: _different(rows, image_number, limit) for kind, (_, rows) in kinds.items()}
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *chosen.values()]))
    deviations, reasons = examine(index, rows)
    found = [_kind(kind, total, chosen[kind], reasons, shown) for kind, (total, _) in kinds.items()]
    blank = [row for row, deviation in deviations.items() if deviation < BLANK]
    blank = [blank[at] for at in _first_of_each(image_number[np.array(blank, np.int64)])]
    often = copies[image_number]
    return Suspects(
        images=len(image_number),
        decoded=len(rows),
        decoded_share=share(len(rows), len(image_number)),
        kinds=found,
        damaged=len(reasons),
        failures=_failures(index, dict(list(reasons.items())[:listed]), often),
        blank=len(blank),
        blank_copies=int(often[np.array(blank, np.int64)].sum()),
        blanks=_blanks(index, blank, deviations, density, often)[:shown],
    )


def bytes_per_pixel(index: Index) -> NDArray[np.float32]:
    """Return the bytes of each image against its pixels, infinite without a size, (I,)."""
    width, height = (index.column("images", name).to_numpy() for name in ("width", "height"))
    pixels = width.astype(np.float32) * height.astype(np.float32)
    length = index.column("images", "length").to_numpy().astype(np.float32)
    density = np.full(len(length), np.inf, np.float32)
    np.divide(length, pixels, out=density, where=pixels > 0)
    return density


def suspicious(
    index: Index, density: NDArray[np.float32], limit: int
) -> dict[str, tuple[int, NDArray[np.int64]]]:
    """Return for each kind how many images it is true of, and the most suspicious rows of it."""
    length = index.column("images", "length").to_numpy()
    found = {f"flagged: {flag}": rows for flag, rows in _flagged(index)}
    tiny = np.flatnonzero((length > 0) & (length < TINY))
    found[f"under {TINY:,} bytes"] = tiny[np.argsort(length[tiny], kind="stable")]
    found["odd header"] = _odd_headers(index)
    kinds = {kind: (len(rows), rows) for kind, rows in found.items() if len(rows)}
    return kinds | {"fewest bytes per pixel": _lowest(density, limit)}


def _lowest(density: NDArray[np.float32], limit: int) -> tuple[int, NDArray[np.int64]]:
    """Return how many images have a size, and the rows of those with the fewest bytes for it."""
    sized = int(np.isfinite(density).sum())
    # Copies lie side by side in this order and are decoded once, so more rows than that are needed.
    number = min(_COPIES_EXPECTED * limit, sized)
    if not number:
        return 0, np.empty(0, np.int64)
    rows = np.sort(np.argpartition(density, number - 1)[:number])
    return sized, rows[np.argsort(density[rows], kind="stable")]


def _flagged(index: Index) -> Iterator[tuple[str, NDArray[np.int64]]]:
    codes, names = _packed(index, "flag")
    for code, flag in sorted(enumerate(names), key=lambda pair: pair[1]):
        if flag:
            yield flag, np.flatnonzero(codes == code)


def _packed(index: Index, name: str) -> tuple[NDArray[np.int32], list[str]]:
    column = index.column("images", name)
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return column.indices.to_numpy(), column.dictionary.to_pylist()


def _odd_headers(index: Index) -> NDArray[np.int64]:
    width, height = (index.column("images", name).to_numpy() for name in ("width", "height"))
    low, high = np.minimum(width, height), np.maximum(width, height)
    odd = (low > 0) & ((low < SMALL_SIDE) | (high > LONG_SIDES * low.astype(np.int64)))
    codes, names = _packed(index, "chroma")
    odd |= np.isin(codes, [code for code, name in enumerate(names) if name in _ODD_CHROMA])
    return np.flatnonzero(odd)


def _different(
    rows: NDArray[np.int64], image_number: NDArray[np.int32], limit: int
) -> NDArray[np.int64]:
    """Return the first ``limit`` rows of different images, in the order given."""
    return rows[_first_of_each(image_number[rows])][:limit]


def _first_of_each(numbers: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.sort(np.unique(numbers, return_index=True)[1])


def examine(index: Index, rows: NDArray[np.int64]) -> tuple[dict[int, float], dict[int, str]]:
    """Decode images on all processors.

    Returns:
        The standard deviation of the pixels of each row that decodes, and of each other the reason.
    """
    deviations: dict[int, float] = {}
    reasons: dict[int, str] = {}
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress_bar("Decoding suspicious images", len(rows)) as advance,
    ):
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            for row, result in zip(batch, pool.map(_examine, index.images(batch)), strict=True):
                if isinstance(result, str):
                    reasons[int(row)] = result
                else:
                    deviations[int(row)] = result
            advance(len(batch))
    return deviations, reasons


def _examine(data: bytes) -> float | str:
    """Return the standard deviation of an image's liveliest colour, or why it does not decode."""
    try:
        pixels = decode(data)
    except ImageFormatError as error:
        return error.message
    return float(np.round(pixels.reshape(-1, 3).std(axis=0).max(), 6))


def _kind(
    kind: str, images: int, rows: NDArray[np.int64], reasons: dict[int, str], shown: int
) -> Kind:
    sound = [row for row in rows.tolist() if row not in reasons]
    return Kind(kind, images, len(rows), len(rows) - len(sound), sound[:shown])


def _failures(index: Index, reasons: dict[int, str], often: NDArray[np.int64]) -> list[Damaged]:
    rank, length = (index.column("images", name) for name in ("rank", "length"))
    return [
        Damaged(
            product_id=index.product_ids[int(index.image_product[row])].as_py(),
            rank=rank[row].as_py(),
            bytes=length[row].as_py(),
            copies=int(often[row]),
            reason=reason,
        )
        for row, reason in reasons.items()
    ]


def _blanks(
    index: Index,
    rows: list[int],
    deviations: dict[int, float],
    density: NDArray[np.float32],
    often: NDArray[np.int64],
) -> list[Blank]:
    return [
        Blank(
            row=row,
            product_id=index.product_ids[int(index.image_product[row])].as_py(),
            copies=int(often[row]),
            deviation=deviations[row],
            bytes_per_pixel=round(float(density[row]), 6),
        )
        for row in sorted(rows, key=lambda row: (deviations[row], row))
    ]
