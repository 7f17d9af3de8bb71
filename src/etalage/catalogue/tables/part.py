"""A part of a catalogue in tables: what a scan or an import finds, and what makes an INDEX.

Rows of ``images`` are grouped by product, in the order of ``products``, by rank within one. An id
is in ``id_integer`` or in ``id_text``. ``file`` is a row of the sources; a product without a
document of its own has file -1, offset 0 and length 0. Further string columns of ``products`` are
kept as they are.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numba import njit
from numpy.typing import NDArray

from etalage.images.headers import CHROMAS, FORMATS, HEADER_COLUMNS, ODDITIES, header_at

TEXTS = ("title", "description", "brand", "reseller")
NO_PICTURE, EMPTY, NOT_AN_IMAGE = "no picture", "empty image", "not an image"
UNUSUAL_SIZE, UNDECODABLE = "unusual size", "does not decode"
FLAGS = (*ODDITIES, NO_PICTURE, EMPTY, NOT_AN_IMAGE, UNUSUAL_SIZE, UNDECODABLE)
"""Why an image is odd; the first, empty, is that it is not."""

DICTIONARIES = {"format": FORMATS, "chroma": CHROMAS, "flag": FLAGS}
"""The names that coded columns of images are positions in."""

_CODE = pa.dictionary(pa.int8(), pa.string())
PRODUCT_FIELDS = pa.schema(
    {
        "id_integer": pa.int64(),
        "id_text": pa.string(),
        "category": pa.int64(),
        "image_count": pa.int32(),
        "file": pa.int32(),
        "offset": pa.int64(),
        "length": pa.int32(),
        **dict.fromkeys(TEXTS, pa.string()),
        "price": pa.float64(),
    }
)
IMAGE_FIELDS = pa.schema(
    {
        "rank": pa.int32(),
        "file": pa.int32(),
        "offset": pa.int64(),
        "length": pa.int32(),
        "hash": pa.binary(16),
        "format": _CODE,
        "width": pa.int32(),
        "height": pa.int32(),
        "quality": pa.uint8(),
        "chroma": _CODE,
        "flag": _CODE,
    }
)
ISSUE_FIELDS = pa.schema(
    {
        "file": pa.int32(),
        "offset": pa.int64(),
        "product_id": pa.string(),
        "kind": pa.string(),
        "detail": pa.string(),
    }
)

_MD5 = partial(hashlib.md5, usedforsecurity=False)
HASHES: dict[str, Callable[[Iterable[Any]], Iterable[bytes]]] = {
    "xxh3": lambda images: map(xxhash.xxh3_128_digest, images),
    "md5": lambda images: map(methodcaller("digest"), map(_MD5, images)),
}
"""What identifies an image: 128 bits of its bytes."""


@dataclass(frozen=True)
class Issue:
    """Something that was counted and listed.

    Attributes:
        file: row of the source, -1 for none.
        offset: of the document in its file, in bytes.
        product_id: as text, empty when there is none.
        kind: one of the words of ``docs/bad-input.md``.
        detail: the rank of the image, the value found, the number of bytes.
    """

    file: int
    offset: int
    product_id: str
    kind: str
    detail: str


@dataclass(frozen=True, eq=False)
class Part:
    """Some products, their images and what was odd: tables of the three schemas above."""

    products: pa.Table
    images: pa.Table
    issues: pa.Table


def issue_table(issues: Iterable[Issue]) -> pa.Table:
    """Return a table of issues, for those few that are found one by one."""
    rows = [vars(issue) for issue in issues]
    return pa.Table.from_pylist(rows, schema=ISSUE_FIELDS)


def issue_rows(
    file: int, offset: pa.Array, product_id: pa.Array, kind: pa.Array | str, detail: pa.Array | str
) -> pa.Table:
    """Return a table of the issues of one file, for those that may be many."""
    count = len(offset)
    kind, detail = (
        pa.repeat(pa.scalar(text, pa.string()), count) if isinstance(text, str) else text
        for text in (kind, detail)
    )
    files = pa.repeat(pa.scalar(file, pa.int32()), count)
    return pa.table([files, offset, product_id, kind, detail], schema=ISSUE_FIELDS)


def hash_images(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64], name: str
) -> pa.Array:
    """Return the 16-byte hashes of stretches of ``buffer``."""
    # Chained maps: a third faster than a loop, and this is done twelve million times.
    stretches = map(slice, starts.tolist(), stops.tolist())
    hashes = b"".join(HASHES[name](map(buffer.data.__getitem__, stretches)))
    buffers = [None, pa.py_buffer(hashes)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(starts), buffers)


def header_columns(
    headers: NDArray[np.int64], lengths: NDArray[np.int64], no_picture: NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """Return the columns of ``images`` that the headers say.

    Args:
        headers: what ``header_at`` returns of each image, (N, HEADER_COLUMNS).
        lengths: of their bytes, (N,).
        no_picture: entries that hold no picture at all, (N,).
    """
    form, width, height, quality, chroma, oddity = headers.T
    reasons = [NO_PICTURE, EMPTY, NOT_AN_IMAGE]
    cases = [no_picture, lengths == 0, form == 0]
    flags = np.select(cases, [FLAGS.index(reason) for reason in reasons], oddity)
    return {
        "format": coded(form, FORMATS),
        "width": pa.array(width.astype(np.int32)),
        "height": pa.array(height.astype(np.int32)),
        "quality": pa.array(quality.astype(np.uint8)),
        "chroma": coded(chroma, CHROMAS),
        "flag": coded(flags, FLAGS),
    }


def image_columns(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64], hash_name: str
) -> dict[str, pa.Array]:
    """Return the columns hash to flag of images that lie in ``buffer``, nothing decoded."""
    stops = starts + lengths
    headers = _headers(buffer, starts, stops)
    hashes = {"hash": hash_images(buffer, starts, stops, hash_name)}
    return hashes | header_columns(headers, lengths, np.zeros(len(starts), np.bool_))


@njit(cache=True, nogil=True)
def _headers(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    headers = np.empty((len(starts), HEADER_COLUMNS), np.int64)
    for row in range(len(starts)):
        header = header_at(buffer, starts[row], stops[row])
        for column in range(HEADER_COLUMNS):
            headers[row, column] = header[column]
    return headers


def coded(codes: NDArray[Any], names: tuple[str, ...]) -> pa.DictionaryArray:
    """Return positions in ``names`` as an Arrow dictionary, the same one for every part."""
    return pa.DictionaryArray.from_arrays(codes.astype(np.int8), pa.array(names))


def codes(column: pa.ChunkedArray) -> NDArray[np.int8]:
    """Return the positions that ``coded`` was given."""
    return np.concatenate(
        [chunk.indices.to_numpy() for chunk in column.chunks] or [np.empty(0, np.int8)]
    )


def image_issues(
    flags: NDArray[np.int8],
    ranks: NDArray[np.int64],
    owners: NDArray[np.int64],
    issues: Callable[[NDArray[np.int64], pa.Array, pa.Array], pa.Table],
) -> pa.Table:
    """Return the list of all flagged images, in their order.

    Args:
        flags: positions in ``FLAGS``, (N,).
        ranks: (N,).
        owners: what ``issues`` takes for the product of each image, (N,).
        issues: makes the table of owners, kinds and details.
    """
    rows = np.flatnonzero(flags)
    kinds = pa.array(FLAGS).take(pa.array(flags[rows]))
    details = pc.binary_join_element_wise("rank", pa.array(ranks[rows]).cast(pa.string()), " ")
    return issues(owners[rows], kinds, details)


NO_PRODUCTS = PRODUCT_FIELDS.empty_table()
NO_IMAGES = pa.table(
    [
        coded(np.empty(0, np.int8), DICTIONARIES[field.name])
        if field.name in DICTIONARIES
        else pa.nulls(0, field.type)
        for field in IMAGE_FIELDS
    ],
    schema=IMAGE_FIELDS,
)
NO_ISSUES = ISSUE_FIELDS.empty_table()
