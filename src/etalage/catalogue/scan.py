"""One pass over a BSON file: tables of its products and images, and a list of what is odd.

The tables of a part have the columns of the index (see ``index``), except that a product's id is in
``id_integer`` or ``id_text``, and that rows and files are numbered later.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from etalage.catalogue import walker
from etalage.catalogue.bson import Chunk, walk_file
from etalage.catalogue.columns import Fields
from etalage.images.headers import FORMATS

HASHES: dict[str, Callable[[memoryview], bytes]] = {
    "xxh3": xxhash.xxh3_128_digest,
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}
TEXTS = ("title", "description", "brand")
NO_PICTURE, EMPTY, NOT_AN_IMAGE = "no picture", "empty image", "not an image"


@dataclass(frozen=True)
class Issue:
    """Something about a document that was counted and listed.

    Attributes:
        offset: of the document in its file, in bytes.
        product_id: as text, empty when there is none.
        kind: one of the words of ``docs/bad-input.md``.
        detail: the rank of the image, the value found, the number of bytes.
    """

    offset: int
    product_id: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Part:
    """The tables of one chunk of a file, and where in the file it ends."""

    products: pa.Table
    images: pa.Table
    issues: list[Issue]
    stop: int


def scan(path: Path, *, hash_name: str) -> Iterator[Part]:
    """Yield the parts of a BSON file in its order; memory does not grow with the file.

    Raises:
        CatalogueError: the file cannot be read or is not a BSON catalogue.
    """
    for chunk in walk_file(path):
        if chunk.damage is None:
            yield _read(chunk, HASHES[hash_name])
        else:
            kind = "damaged document"
            detail = f"{chunk.damage.length} bytes skipped: {chunk.damage.reason}"
            issue = Issue(chunk.damage.offset, "", kind, detail)
            yield Part(pa.table({}), pa.table({}), [issue], chunk.stop)


def _read(chunk: Chunk, hash_bytes: Callable[[memoryview], bytes]) -> Part:
    everything = Fields(chunk.documents, chunk.data)
    integers = everything.integers("_id")
    texts, _ = everything.texts("_id")
    texts = pc.coalesce(pc.if_else(pc.equal(texts, ""), None, texts), everything.object_ids("_id"))
    kept = pc.or_(pc.is_valid(integers), pc.is_valid(texts)).to_numpy(zero_copy_only=False)
    offsets = chunk.documents[:, walker.START] + chunk.base
    issues = [
        Issue(offset, "", "not a product", "it has no usable _id")
        for offset in offsets[~kept].tolist()
    ]
    fields = Fields(chunk.documents[kept], chunk.data)
    names = pc.coalesce(texts, pc.cast(integers, pa.string())).filter(pa.array(kept))
    offsets = offsets[kept]
    ids = {"id_integer": integers.filter(pa.array(kept)), "id_text": texts.filter(pa.array(kept))}
    products, odd = _products(fields, ids, offsets)
    images, flags = _images(chunk, fields, hash_bytes)
    issues += [Issue(int(offsets[row]), names[row].as_py(), kind, what) for row, kind, what in odd]
    issues += _image_issues(fields, flags, names, offsets)
    return Part(products, images, issues, chunk.stop)


def _products(
    fields: Fields, ids: dict[str, pa.Array], offsets: NDArray[np.int64]
) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """Return the table and the odd rows: (row, kind of issue, detail)."""
    category = fields.integers("category_id")
    strange = fields.present("category_id") & pc.is_null(category).to_numpy(zero_copy_only=False)
    odd = [(int(row), "no category", "category_id is no integer") for row in strange.nonzero()[0]]
    columns = {
        **ids,
        "category": category,
        "image_count": pa.array(fields.documents[:, walker.IMAGES].astype(np.int32)),
        "offset": pa.array(offsets),
        "length": pa.array(fields.documents[:, walker.LENGTH].astype(np.int32)),
    }
    for name in TEXTS:
        columns[name], broken = fields.texts(name)
        odd += [(int(row), "text is not UTF-8", name) for row in broken]
    columns["price"] = fields.numbers("price")
    no_array = fields.documents[:, walker.IMGS_TYPE] != 0x04
    none = (fields.documents[:, walker.IMAGES] == 0).nonzero()[0]
    odd += [(int(row), "no images", "imgs is no array" if no_array[row] else "") for row in none]
    return pa.table(columns), odd


def _image_rows(fields: Fields) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each image of the documents its row in the chunk and its rank."""
    counts = fields.documents[:, walker.IMAGES]
    ranks = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(fields.documents[:, walker.FIRST_IMAGE], counts) + ranks, ranks


def _images(
    chunk: Chunk, fields: Fields, hash_bytes: Callable[[memoryview], bytes]
) -> tuple[pa.Table, NDArray[np.object_]]:
    rows, ranks = _image_rows(fields)
    images = chunk.images[rows]
    view = chunk.data.data
    starts = images[:, walker.IMAGE_OFFSET]
    stops = starts + images[:, walker.IMAGE_LENGTH]
    hashes = b"".join(
        hash_bytes(view[start:stop])
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
    )
    formats = images[:, walker.IMAGE_FORMAT]
    empty = images[:, walker.IMAGE_LENGTH] == 0
    no_picture = images[:, walker.IMAGE_NO_PICTURE] == 1
    conditions = [formats > 0, no_picture, empty]
    flags = np.select(conditions, ["", NO_PICTURE, EMPTY], NOT_AN_IMAGE).astype(object)
    table = {
        "rank": pa.array(ranks.astype(np.int32)),
        "offset": pa.array(starts + chunk.base),
        "length": pa.array((stops - starts).astype(np.int32)),
        "hash": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(rows), [None, pa.py_buffer(hashes)]
        ),
        "format": pa.DictionaryArray.from_arrays(formats.astype(np.int8), list(FORMATS)),
        "width": pa.array(images[:, walker.IMAGE_WIDTH].astype(np.int32)),
        "height": pa.array(images[:, walker.IMAGE_HEIGHT].astype(np.int32)),
        "flag": pa.array(flags, pa.string()).dictionary_encode(),
    }
    return pa.table(table), flags


def _image_issues(
    fields: Fields, flags: NDArray[np.object_], names: pa.Array, offsets: NDArray[np.int64]
) -> list[Issue]:
    _, ranks = _image_rows(fields)
    products = np.repeat(np.arange(len(offsets)), fields.documents[:, walker.IMAGES])
    flagged = (flags != "").nonzero()[0]
    return [
        Issue(
            int(offsets[products[row]]),
            names[int(products[row])].as_py(),
            str(flags[row]),
            f"rank {ranks[row]}",
        )
        for row in flagged
    ]
