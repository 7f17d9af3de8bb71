"""Export to Parquet in the image layout of Hugging Face ``datasets``.

``data/PART-00000-of-00003.parquet``, a row for each product::

    _id           int64 or string
    category_id   int64
    label         int64: row of the category in category_names.csv, a ClassLabel with its names
    images        list of struct {bytes: binary, path: string}; null for an entry without a picture
    texts         string; price double

A row group holds about 64 MiB. The features stand in the schema's key ``huggingface``.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etalage.catalogue.taxonomy import Taxonomy
from etalage.exchange.categories import safe_name
from etalage.exchange.forms.shelf import BATCH_BYTES, Product, Shelf
from etalage.exchange.listings.listing import text_type
from etalage.files import whole_file

COLUMNS = ("_id", "category_id", "label", "images")
_IMAGES = pa.list_(pa.struct({"bytes": pa.binary(), "path": pa.string()}))
_GROUP_PRODUCTS = 1024


def write_parquet(
    folder: Path,
    shelf: Shelf,
    names: dict[str, str],
    advance: Callable[[float], None],
    shard_bytes: int,
    part: str,
) -> list[str]:
    """Write shards of about ``shard_bytes`` of images; those that are there are passed over."""
    shards = shelf.cut(shard_bytes)
    schema = _schema(shelf, names)
    files = []
    for number, chosen in enumerate(shards):
        files.append(f"data/{part}-{number:05}-of-{len(shards):05}.parquet")
        if not (folder / files[-1]).exists():
            _write_shard(folder / files[-1], shelf.products(chosen), names, schema)
        advance(chosen.stop - chosen.start)
    return files


def _schema(shelf: Shelf, names: dict[str, str]) -> pa.Schema:
    types = [shelf.index.product_ids.type, pa.int64(), pa.int64(), _IMAGES, *map(text_type, names)]
    columns = list(zip((*COLUMNS, *names.values()), types, strict=True))
    features: dict[str, Any] = {
        name: {"dtype": str(kind).replace("double", "float64"), "_type": "Value"}
        for name, kind in columns
    }
    features["label"] = {"names": class_names(shelf.index.taxonomy), "_type": "ClassLabel"}
    features["images"] = {"feature": {"_type": "Image"}, "_type": "Sequence"}
    said = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(columns, metadata={"huggingface": said})


def class_names(taxonomy: Taxonomy) -> list[str]:
    """Return a name for each leaf, all different: its path, with its id where paths repeat."""
    labels = [taxonomy.label(row) for row in range(len(taxonomy))]
    ids = taxonomy.ids.tolist()
    often = Counter(labels)
    return [
        label if often[label] == 1 else f"{label} [{number}]"
        for label, number in zip(labels, ids, strict=True)
    ]


def _write_shard(
    path: Path, products: Iterator[Product], names: dict[str, str], schema: pa.Schema
) -> None:
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
    with whole_file(path) as part, pq.ParquetWriter(str(part), schema, **options) as file:
        while rows := _some(products, names):
            file.write_table(pa.Table.from_pylist(rows, schema=schema))


def _some(products: Iterator[Product], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of the next row group."""
    rows: list[dict[str, Any]] = []
    size = 0
    while size < BATCH_BYTES and len(rows) < _GROUP_PRODUCTS:
        product = next(products, None)
        if product is None:
            break
        size += sum(len(image.data or b"") for image in product.images)
        rows.append(_row(product, names))
    return rows


def _row(product: Product, names: dict[str, str]) -> dict[str, Any]:
    images = [
        None
        if image.data is None
        else {"bytes": image.data, "path": f"{safe_name(str(product.id))}_{rank}{image.suffix}"}
        for rank, image in enumerate(product.images)
    ]
    row = {
        "_id": product.id,
        "category_id": product.category,
        "images": images,
        "label": product.leaf if product.leaf >= 0 else None,
    }
    return row | {names[name]: text for name, text in product.texts.items()}
