"""From the columns of a table to rows of the listing, whole columns at a time."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.tables.part import Issue
from etalage.exchange.categories import LEVEL_MARK
from etalage.exchange.listings.columns import LEVELS, Columns
from etalage.exchange.listings.ids import plain_integers, split_ids
from etalage.exchange.listings.listing import (
    CELL,
    FILE,
    NOTHING,
    PRODUCT,
    URL,
    Found,
    as_rows,
    listing_schema,
)
from etalage.exchange.listings.tree import branch_of

_SEPARATOR = "|"


@dataclass(frozen=True)
class Options:
    """How to understand a table.

    Attributes:
        texts: text columns of the listing, over all tables.
        text_ids: whether ids that look like integers are texts all the same.
        category_from_path: whether the folders of an image's path are its category.
    """

    texts: tuple[str, ...]
    text_ids: bool = False
    category_from_path: bool = False


def find_rows(
    batch: pa.Table, columns: Columns, place: str, first: int, number: int, options: Options
) -> Found:
    """Return the listing of some rows of a table.

    Args:
        batch: the rows.
        columns: which column is what.
        place: path of the table.
        first: row of the table that the batch begins with.
        number: the same over all tables: the id where there is no id column.
        options: how to understand them.
    """
    issues: list[Issue] = []
    given = {role: _column(batch, name) for role, name in columns.roles.items()}
    products = _identities(given, number, batch.num_rows, options)
    products |= _categories(given, place, columns.roles.get("category_id"), issues)
    for theirs, ours in columns.texts.items():
        products[ours] = _texts(_column(batch, theirs), ours, f"{place}: {theirs}", issues)
    nameless = _nameless(products)
    if nameless.any():
        detail = f"{place}: {int(nameless.sum())} rows without an id from row {first}"
        issues.append(Issue(-1, 0, "", "not a product", detail))
    owner, pictures = _pictures(given, place, first, batch.num_rows)
    kept = np.flatnonzero(~nameless[owner])
    rows = {name: column.take(pa.array(owner[kept])) for name, column in products.items()}
    rows |= {name: column.take(pa.array(kept)) for name, column in pictures.items()}
    if options.category_from_path:
        rows["branch"] = _branches_from_paths(rows)
    return Found(as_rows(rows, listing_schema(list(options.texts)), len(kept)), issues)


def _column(batch: pa.Table, name: str) -> pa.Array:
    column = batch.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _identities(
    given: dict[str, pa.Array], number: int, count: int, options: Options
) -> dict[str, pa.Array]:
    if "_id" not in given:
        return {"id_integer": pa.array(np.arange(number, number + count))}
    integers, texts = split_ids(given["_id"], as_text=options.text_ids)
    return {"id_integer": integers, "id_text": texts}


def _nameless(products: dict[str, pa.Array]) -> NDArray[np.bool_]:
    nameless = pc.is_null(products["id_integer"])
    if "id_text" in products:
        nameless = pc.and_(nameless, pc.is_null(products["id_text"]))
    return np.asarray(nameless.to_numpy(zero_copy_only=False))


def _categories(
    given: dict[str, pa.Array], place: str, name: str | None, issues: list[Issue]
) -> dict[str, pa.Array]:
    found: dict[str, pa.Array] = {}
    if any(level in given for level in LEVELS):
        found["branch"] = _branches(given)
    if "category_id" not in given:
        return found
    column = given["category_id"]
    if pa.types.is_integer(column.type):
        column = column.cast(pa.int64())
        # -1 is what Hugging Face datasets give a picture without a label.
        none = pc.and_(pc.equal(column, -1), name == "label")
        return found | {"category": pc.if_else(none, None, column)}
    texts = column.cast(pa.string())
    if pa.types.is_floating(column.type):
        texts = pc.replace_substring_regex(texts, r"\.0$", "")
    found["category"] = plain_integers(texts)
    names = pc.if_else(pc.or_(pc.is_valid(found["category"]), pc.equal(texts, "")), None, texts)
    if "branch" not in found and pa.types.is_string(column.type):
        found["branch"] = pc.binary_join_element_wise("", "", names, LEVEL_MARK)
    elif names.null_count < len(names):
        detail = (
            f"{place}: {len(names) - names.null_count} values, the first {names.drop_null()[0]}"
        )
        issues.append(Issue(-1, 0, "", "no category", detail))
    return found


def _branches(given: dict[str, pa.Array]) -> pa.Array:
    count = len(next(iter(given.values())))
    names = [
        given[level].cast(pa.string()) if level in given else pa.nulls(count, pa.string())
        for level in LEVELS
    ]
    filled = [pc.fill_null(name, "") for name in names]
    joined = pc.binary_join_element_wise(*filled, LEVEL_MARK)
    return pc.if_else(pc.equal(joined, LEVEL_MARK * 2), None, joined)


def _branches_from_paths(rows: dict[str, pa.Array]) -> pa.Array:
    count = len(rows["kind"])
    given = rows.get("branch", pa.nulls(count, pa.string()))
    files = pc.if_else(pc.equal(rows["kind"], FILE), rows["place"], None)
    paths = [branch_of(path.strip("/")) if path else None for path in files.to_pylist()]
    known = pc.is_valid(rows["category"]) if "category" in rows else pa.array([False] * count)
    return pc.if_else(known, given, pc.coalesce(given, pa.array(paths, pa.string())))


def _texts(column: pa.Array, name: str, what: str, issues: list[Issue]) -> pa.Array:
    if name != "price":
        return column.cast(pa.string())
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        numbers = [_number(text) for text in column.to_pylist()]
        bad = sum(given is not None for given in column.to_pylist())
        bad -= sum(number is not None for number in numbers)
        issues.append(Issue(-1, 0, "", "price is no number", f"{what}: {bad} values"))
        return pa.array(numbers, pa.float64())


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _pictures(
    given: dict[str, pa.Array], place: str, first: int, count: int
) -> tuple[NDArray[np.int64], dict[str, pa.Array]]:
    """Return for each row of the listing the row of the batch, and its columns."""
    owner, item, paths, has_bytes = _exploded(given.get("image"), count)
    addresses: pa.Array = pa.nulls(len(owner), pa.string())
    if "url" in given:
        url_owner, item_of_url, urls, _ = _exploded(given["url"], count)
        if "image" not in given:
            owner, item, paths, has_bytes = url_owner, item_of_url, urls, np.zeros(len(urls), bool)
        elif len(urls) == len(owner):
            addresses = urls
    places = pc.coalesce(pc.if_else(pc.equal(paths, ""), None, paths), addresses)
    is_url = pc.fill_null(pc.match_substring_regex(places, r"^(?i)https?://"), False)
    if "image" not in given:
        is_url = pc.is_valid(places)
    ranks = given["rank"].cast(pa.int64()).take(pa.array(owner)) if "rank" in given else None
    counted = (
        np.asarray(pc.is_valid(ranks).to_numpy(zero_copy_only=False))
        if ranks is not None
        else item >= 0
    )
    valid = np.asarray(pc.is_valid(places).to_numpy(zero_copy_only=False))
    kind = np.select(
        [has_bytes, np.asarray(is_url.to_numpy(zero_copy_only=False)), valid, counted],
        [CELL, URL, FILE, NOTHING],
        PRODUCT,
    )
    ranges = {
        name: given[name].cast(pa.int64()).take(pa.array(owner)).fill_null(-1)
        for name in ("offset", "length")
        if name in given
    }
    offset = ranges.get("offset", pa.repeat(pa.scalar(-1, pa.int64()), len(owner)))
    length = ranges.get("length", pa.repeat(pa.scalar(-1, pa.int64()), len(owner)))
    cell = pa.array(kind == CELL)
    columns = {
        "rank": ranks if ranks is not None else pa.nulls(len(owner), pa.int64()),
        "kind": pa.array(kind.astype(np.int8)),
        "place": pc.if_else(cell, place, places),
        "offset": pc.if_else(cell, pa.array(owner + first), offset),
        "length": pc.if_else(cell, pa.array(np.maximum(item, 0)), length),
    }
    return owner, columns


def _exploded(
    column: pa.Array | None, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array, NDArray[np.bool_]]:
    """Return for each image: row of the batch, position in its list, path or null, has bytes.

    The position is -1 for a row that has no image, and for one image that stands alone but is null.
    """
    owner, item = np.arange(count), np.zeros(count, np.int64)
    if column is None:
        return owner, item - 1, pa.nulls(count, pa.string()), np.zeros(count, np.bool_)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
        if pc.any(pc.match_substring(column, _SEPARATOR)).as_py():
            column = pc.split_pattern(column, _SEPARATOR)
    if pa.types.is_nested(column.type) and not pa.types.is_struct(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        rows = np.maximum(lengths, 1).astype(np.int64)
        owner = np.repeat(np.arange(count), rows)
        item = np.arange(len(owner)) - np.repeat(np.cumsum(rows) - rows, rows)
        item[np.repeat(lengths == 0, rows)] = -1
        values = pc.list_flatten(column)
        position = np.where(item >= 0, np.cumsum(item >= 0) - 1, -1)
        column = values.take(pa.array(position, mask=position < 0))
    else:
        missing = np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False))
        item[missing] = -1
    return owner, item, *_paths(column)


def _paths(column: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return the paths of single images, and which have bytes instead."""
    if pa.types.is_struct(column.type):
        names = [field.name for field in column.type]
        data = pc.struct_field(column, "bytes") if "bytes" in names else None
        paths = pc.struct_field(column, "path") if "path" in names else None
    elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        data, paths = column, None
    else:
        data, paths = None, column.cast(pa.string())
    none = np.zeros(len(column), np.bool_)
    has_bytes = (
        none if data is None else np.asarray(pc.is_valid(data).to_numpy(zero_copy_only=False))
    )
    if paths is None:
        paths = pa.nulls(len(column), pa.string())
    return pc.if_else(pa.array(has_bytes), None, paths), has_bytes
