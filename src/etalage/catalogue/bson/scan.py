"""One pass over a stretch of a BSON file: the products in it, their images, and what is odd."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.bson import walker
from etalage.catalogue.bson.columns import Fields
from etalage.catalogue.bson.windows import Chunk, Damage, walk_file
from etalage.catalogue.tables.part import (
    FLAGS,
    IMAGE_FIELDS,
    NO_IMAGES,
    NO_PRODUCTS,
    PRODUCT_FIELDS,
    TEXTS,
    UNDECODABLE,
    Issue,
    Part,
    coded,
    codes,
    hash_images,
    header_columns,
    image_issues,
    issue_rows,
    issue_table,
)
from etalage.errors import ImageFormatError
from etalage.images.decode import decode

LARGEST_DOCUMENT = 16 * 2**20
"""MongoDB stores no larger one; a file may hold it, and it is read."""
_NOTES = {
    walker.REPEATED_KEY: ("duplicate key", "the first one counts"),
    walker.HOLES: ("array with holes", "ranks are positions"),
}


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        file: its row in the sources.
        hash_name: ``xxh3`` or ``md5``.
        verify: whether every image is decoded.
    """

    file: int
    hash_name: str
    verify: bool = False


def scan(
    path: Path, reading: Reading, start: int = 0, stop: int | None = None
) -> Iterator[tuple[Part, int, bool]]:
    """Yield parts of a BSON file in its order; memory does not grow with it.

    With each come the place in the file where it ends and whether it holds whole documents: a
    stretch of damage is a part of its own.

    Raises:
        CatalogueError: the file cannot be read or is not a BSON catalogue.
    """
    for chunk in walk_file(path, start, stop):
        if chunk.damage is None:
            yield _read(chunk, reading), chunk.stop, True
        else:
            yield _damaged(chunk.damage, reading), chunk.stop, False


def _damaged(damage: Damage, reading: Reading) -> Part:
    detail = f"{damage.length} bytes skipped: {damage.reason}"
    issues = issue_table([Issue(reading.file, damage.offset, "", "damaged document", detail)])
    return Part(NO_PRODUCTS, NO_IMAGES, issues)


@dataclass(frozen=True, eq=False)
class _Products:
    """The products of a chunk: their fields, names as text, and offsets in the file."""

    fields: Fields
    names: pa.Array
    offsets: NDArray[np.int64]
    reading: Reading

    def issues(
        self, rows: NDArray[np.int64], kind: pa.Array | str, detail: pa.Array | str
    ) -> pa.Table:
        offsets, names = pa.array(self.offsets[rows]), self.names.take(pa.array(rows))
        return issue_rows(self.reading.file, offsets, names, kind, detail)


def _read(chunk: Chunk, reading: Reading) -> Part:
    everything = Fields(chunk.documents, chunk.data)
    integers = everything.integers("_id")
    texts, _ = everything.texts("_id")
    texts = pc.coalesce(pc.if_else(pc.equal(texts, ""), None, texts), everything.object_ids("_id"))
    usable = pc.or_(pc.is_valid(integers), pc.is_valid(texts))
    kept = usable.to_numpy(zero_copy_only=False)
    offsets = chunk.documents[:, walker.START] + chunk.base
    products = _Products(
        everything if kept.all() else Fields(chunk.documents[kept], chunk.data),
        pc.coalesce(texts, pc.cast(integers, pa.string())).filter(usable),
        offsets[kept],
        reading,
    )
    ids = {"id_integer": integers.filter(usable), "id_text": texts.filter(usable)}
    nameless = pa.array(offsets[~kept])
    none = pa.repeat("", len(nameless))
    no_id = issue_rows(reading.file, nameless, none, "not a product", "it has no usable _id")
    table, odd = _product_table(products, ids)
    images, odd_images = _images(chunk, products)
    return Part(table, images, pa.concat_tables([no_id, *odd, odd_images]))


def _product_table(
    products: _Products, ids: dict[str, pa.Array]
) -> tuple[pa.Table, list[pa.Table]]:
    fields, documents = products.fields, products.fields.documents
    category = fields.integers("category_id")
    columns = {
        **ids,
        "category": category,
        "image_count": pa.array(documents[:, walker.IMAGES].astype(np.int32)),
        "file": pa.array(np.full(len(documents), products.reading.file, np.int32)),
        "offset": pa.array(products.offsets),
        "length": pa.array(documents[:, walker.LENGTH].astype(np.int32)),
    }
    odd = []
    for name in TEXTS:
        columns[name], broken = fields.texts(name)
        odd.append(products.issues(broken, "text is not UTF-8", name))
    columns["price"] = fields.numbers("price")
    table = pa.table([columns[name] for name in PRODUCT_FIELDS.names], schema=PRODUCT_FIELDS)
    strange = fields.present("category_id") & pc.is_null(category).to_numpy(zero_copy_only=False)
    odd.append(products.issues(np.flatnonzero(strange), "no category", "category_id is no integer"))
    return table, odd + _odd_documents(products)


def _odd_documents(products: _Products) -> list[pa.Table]:
    documents = products.fields.documents
    odd = []
    for bit, (kind, detail) in _NOTES.items():
        noted = np.flatnonzero(documents[:, walker.NOTES] & bit)
        odd.append(products.issues(noted, kind, detail))
    large = np.flatnonzero(documents[:, walker.LENGTH] > LARGEST_DOCUMENT)
    sizes = pa.array([f"{size} bytes" for size in documents[large, walker.LENGTH]], pa.string())
    odd.append(products.issues(large, "document over 16 MiB", sizes))
    none = np.flatnonzero(documents[:, walker.IMAGES] == 0)
    no_array = documents[none, walker.IMGS_TYPE] != 0x04
    details = pc.if_else(pa.array(no_array), "imgs is no array", "")
    odd.append(products.issues(none, "no images", details))
    return odd


def _images(chunk: Chunk, products: _Products) -> tuple[pa.Table, pa.Table]:
    counts = products.fields.documents[:, walker.IMAGES]
    ranks = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    images = chunk.images
    if len(ranks) < len(images):  # some belong to documents that are no products
        first = np.repeat(products.fields.documents[:, walker.FIRST_IMAGE], counts)
        images = images[first + ranks]
    starts, lengths = images[:, walker.IMAGE_OFFSET], images[:, walker.IMAGE_LENGTH]
    headers = images[:, walker.IMAGE_HEADER : walker.IMAGE_NO_PICTURE]
    reading = products.reading
    columns = {
        "rank": pa.array(ranks.astype(np.int32)),
        "file": pa.array(np.full(len(images), reading.file, np.int32)),
        "offset": pa.array(starts + chunk.base),
        "length": pa.array(lengths.astype(np.int32)),
        "hash": hash_images(chunk.data, starts, starts + lengths, reading.hash_name),
        **header_columns(headers, lengths, images[:, walker.IMAGE_NO_PICTURE] == 1),
    }
    if reading.verify:
        columns["flag"] = _verified(chunk.data, starts, lengths, columns["flag"])
    table = pa.table([columns[name] for name in IMAGE_FIELDS.names], schema=IMAGE_FIELDS)
    owners = np.repeat(np.arange(len(counts)), counts)
    return table, image_issues(codes(table["flag"]), ranks, owners, products.issues)


def _verified(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    flag: pa.DictionaryArray,
) -> pa.DictionaryArray:
    """Decode every image that has no flag yet, or only lacks its end; flag those that do not."""
    flags = flag.indices.to_numpy().copy()
    undecodable = FLAGS.index(UNDECODABLE)
    for row in np.flatnonzero(flags <= FLAGS.index("no end marker")).tolist():
        try:
            decode(data[starts[row] : starts[row] + lengths[row]].tobytes())
        except ImageFormatError:
            flags[row] = undecodable
    return coded(flags, FLAGS)
