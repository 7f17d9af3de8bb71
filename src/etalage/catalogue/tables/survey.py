"""What must be known of all parts before the first row of an index is written."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.tables.part import PRODUCT_FIELDS, TEXTS
from etalage.catalogue.tables.parts import Parts

# When nearly all images have one size, the others are worth a look; else sizes mean nothing.
_USUAL_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Survey:
    """What the parts hold, over all of them.

    Attributes:
        ids: of every product: integers, or strings as soon as one of them is one, (N,).
        first: whether a product is the first of its id, (N,).
        labels: the categories that occur, ascending.
        texts: the text columns in which any product has a value.
        usual: (width, height) of nearly all readable images, or None.
    """

    ids: pa.Array
    first: NDArray[np.bool_]
    labels: NDArray[np.int64]
    texts: tuple[str, ...]
    usual: tuple[int, int] | None


def survey(parts: Parts) -> Survey:
    """Go over ids, labels, texts and image sizes once."""
    ids = ids_of(parts)
    labels: set[int] = set()
    texts: dict[str, bool] = dict.fromkeys([*TEXTS, "price"], False)
    for products in parts.products():
        labels.update(pc.unique(products["category"]).drop_null().to_pylist())
        for name in products.column_names:
            if name in texts or name not in PRODUCT_FIELDS.names:
                some = products[name].null_count < products.num_rows
                texts[name] = texts.get(name, False) or some
    return Survey(
        ids,
        first_occurrences(ids),
        np.array(sorted(labels), np.int64),
        tuple(name for name, some in texts.items() if some),
        _usual_size(parts),
    )


def ids_of(parts: Parts) -> pa.Array:
    """Return every product's id: integers, or strings as soon as one of them is one, (N,)."""
    columns = ("id_integer", "id_text")
    tables = list(parts.products(columns))
    integers, texts = (
        pa.chunked_array([chunk for table in tables for chunk in table[name].chunks], field.type)
        for name, field in zip(columns, PRODUCT_FIELDS, strict=False)
    )
    if texts.null_count < len(texts):
        return _flat(pc.coalesce(texts, pc.cast(integers, pa.string())))
    return _flat(integers)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if hasattr(combined, "chunks") else combined


def first_occurrences(ids: pa.Array) -> NDArray[np.bool_]:
    """Return which rows are the first to carry their id, (N,)."""
    if pa.types.is_integer(ids.type):
        values = ids.to_numpy()
        if (values[1:] > values[:-1]).all():
            return np.ones(len(ids), np.bool_)
    else:
        values = ids.dictionary_encode().indices.to_numpy()
    first = np.zeros(len(ids), np.bool_)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _usual_size(parts: Parts) -> tuple[int, int] | None:
    seen: Counter[int] = Counter()
    for images in parts.images(("width", "height")):
        width, height = (images[name].to_numpy().astype(np.int64) for name in ("width", "height"))
        sizes, counts = np.unique((width << 32 | height)[width > 0], return_counts=True)
        seen.update(dict(zip(sizes.tolist(), counts.tolist(), strict=True)))
    if not seen:
        return None
    size, count = max(seen.items(), key=lambda found: (found[1], -found[0]))
    return (size >> 32, size & 0xFFFFFFFF) if count >= _USUAL_SHARE * seen.total() else None
