"""Export to a folder of images, the form of torchvision's ``ImageFolder`` and many others.

    LEVEL1/LEVEL2/LEVEL3/ID_RANK.jpg    the images; folders of a flat taxonomy are its leaves
    %unlabelled/ID_RANK.jpg             those of products without a category
    products.csv                        _id, category_id, rank, image (path below the folder), then
                                        texts: a row for each image, texts on the first of a product

A product without images has a row without rank and image; an entry without a picture has a rank
and no image. Names are made safe, reversibly (``categories.safe_name``).
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as pacsv

from etalage.exchange.categories import folders, safe_name
from etalage.exchange.forms.shelf import BATCH_BYTES, BATCH_PRODUCTS, Product, Shelf
from etalage.exchange.listings.listing import text_type
from etalage.files import whole_file

COLUMNS = ("_id", "category_id", "rank", "image")
_UNLABELLED = ["%unlabelled"]
_PARTS = ".products"


def write_folder(
    folder: Path, shelf: Shelf, names: dict[str, str], advance: Callable[[float], None]
) -> list[str]:
    """Write images and table; products that were written before are passed over.

    Args:
        folder: where to.
        shelf: the products.
        names: column of each text.
        advance: told the number of products written.

    Returns:
        The tables.
    """
    places = [folders(path) for path in shelf.index.taxonomy.paths]
    id_type = shelf.index.product_ids.type
    types = [id_type, pa.int64(), pa.int64(), pa.string(), *map(text_type, names)]
    schema = pa.schema(list(zip((*COLUMNS, *names.values()), types, strict=True)))
    (folder / _PARTS).mkdir(exist_ok=True)
    parts = []
    for number, chosen in enumerate(shelf.cut(BATCH_BYTES, most=BATCH_PRODUCTS)):
        part = folder / _PARTS / f"{number:06}.csv"
        parts.append(part)
        if not part.exists():
            rows = [
                row
                for product in shelf.products(chosen)
                for row in _write_product(folder, product, places)
            ]
            _write_rows(part, rows, schema)
        advance(chosen.stop - chosen.start)
    _join(folder / "products.csv", parts, schema)
    shutil.rmtree(folder / _PARTS)
    return ["products.csv"]


def _write_product(
    folder: Path, product: Product, places: list[list[str]]
) -> Iterator[tuple[Any, ...]]:
    """Write the images of a product; yield its rows of the table."""
    place = "/".join(places[product.leaf] if product.leaf >= 0 else _UNLABELLED)
    texts = list(product.texts.values())
    if not product.images:
        yield (product.id, product.category, None, None, *texts)
    for rank, image in enumerate(product.images):
        path = None
        if image.data is not None:
            path = f"{place}/{safe_name(str(product.id))}_{rank}{image.suffix}"
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(image.data)
        shown = texts if rank == 0 else [None] * len(texts)
        yield (product.id, product.category, rank, path, *shown)


def _write_rows(path: Path, rows: list[tuple[Any, ...]], schema: pa.Schema) -> None:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    # Texts in quotes always: an empty text differs from none.
    with whole_file(path) as part:
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        pacsv.write_csv(pa.table(arrays, schema=schema), str(part), options)


def _join(path: Path, parts: list[Path], schema: pa.Schema) -> None:
    with whole_file(path, overwrite=True) as whole:
        pacsv.write_csv(schema.empty_table(), str(whole))
        with whole.open("ab") as file:
            for part in parts:
                with part.open("rb") as written:
                    shutil.copyfileobj(written, file)
