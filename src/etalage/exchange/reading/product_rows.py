"""The products of some rows of a listing: the first value of each column that has one."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.tables.part import Issue
from etalage.exchange.categories import LEVEL_MARK
from etalage.exchange.listings.listing import text_type


@dataclass(frozen=True, eq=False)
class ProductRows:
    """Some products, in whole columns.

    Attributes:
        ids: columns ``id_integer`` and ``id_text``.
        names: the ids as texts.
        category: int64, null without one.
        texts: text columns by name.
        issues: what is odd about them.
    """

    ids: dict[str, pa.Array]
    names: list[str]
    category: pa.Array
    texts: dict[str, pa.Array]
    issues: list[Issue]

    def id(self, row: int) -> int | str:
        """Return the id of a product as its document has it."""
        number = self.ids["id_integer"][row].as_py()
        return self.names[row] if number is None else int(number)

    def fields(self, row: int) -> tuple[int | None, dict[str, str | float]]:
        """Return the category of a product, and the texts it has."""
        texts = {name: column[row].as_py() for name, column in self.texts.items()}
        kept = {name: value for name, value in texts.items() if value is not None}
        return self.category[row].as_py(), kept


def product_rows(
    rows: pa.Table, begins: NDArray[np.int64], categories: dict[str, int], texts: tuple[str, ...]
) -> ProductRows:
    """Return the products of rows of a listing.

    Args:
        rows: product by product.
        begins: the first row of each product, ascending from 0, (P,).
        categories: id of each branch that has no id beside it.
        texts: names of the text columns wanted.
    """
    issues: list[Issue] = []
    first = rows.select(["id_integer", "id_text", "extra"]).take(pa.array(begins))
    ids = {name: _whole(first, name) for name in ("id_integer", "id_text")}
    names = pc.coalesce(ids["id_text"], pc.cast(ids["id_integer"], pa.string())).to_pylist()
    per_row, unknown = _categories(rows, categories)
    category = _first_valid(per_row, begins)
    owner = np.searchsorted(begins, np.arange(rows.num_rows), side="right") - 1
    for row in _once(unknown, owner):
        path = " > ".join(filter(None, rows["branch"][row].as_py().split(LEVEL_MARK)))
        issues.append(Issue(-1, 0, names[owner[row]], "unknown category", path))
    others = pc.fill_null(pc.not_equal(per_row, category.take(pa.array(owner))), False)
    for row in _once(np.asarray(others.to_numpy(zero_copy_only=False)), owner):
        detail = f"also {per_row[row]}, the first one counts"
        issues.append(Issue(-1, 0, names[owner[row]], "several categories", detail))
    columns = {
        name: _first_valid(_whole(rows, name), begins)
        for name in texts
        if name in rows.column_names
    }
    missing = [name for name in texts if name not in columns]
    columns |= _from_extra(_whole(first, "extra"), missing, names, issues)
    return ProductRows(ids, names, category, columns, issues)


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def _categories(rows: pa.Table, categories: dict[str, int]) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return the category of each row, and which have a branch that is none."""
    given, branch = _whole(rows, "category"), _whole(rows, "branch")
    keys = pa.array(list(categories), pa.string())
    number = pc.index_in(branch, value_set=keys)
    found = pa.array(list(categories.values()), pa.int64()).take(number)
    category = pc.coalesce(given, found)
    unknown = pc.and_(pc.is_null(category), pc.is_valid(branch))
    return category, np.asarray(unknown.to_numpy(zero_copy_only=False))


def _once(chosen: NDArray[np.bool_], owner: NDArray[np.int64]) -> list[int]:
    """Return the first chosen row of each product."""
    rows = np.flatnonzero(chosen)
    return [int(rows[at]) for at in np.unique(owner[rows], return_index=True)[1]]


def _first_valid(column: pa.Array, begins: NDArray[np.int64]) -> pa.Array:
    """Return for each product the first value that is not null, null where all are."""
    none = len(column)
    valid = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False))
    at = np.minimum.reduceat(np.where(valid, np.arange(none), none), begins)
    return column.take(pa.array(at, mask=at == none))


def _from_extra(
    extra: pa.Array, names: list[str], ids: list[str], issues: list[Issue]
) -> dict[str, pa.Array]:
    said: list[dict[str, Any]] = [json.loads(text) if text else {} for text in extra.to_pylist()]
    columns = {}
    for name in names:
        read = _price if name == "price" else _text
        values = [read(row.get(name)) for row in said]
        for product, row, value in zip(ids, said, values, strict=True):
            if value is None and row.get(name) is not None:
                issues.append(Issue(-1, 0, product, "price is no number", str(row[name])[:80]))
        columns[name] = pa.array(values, text_type(name))
    return columns


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _price(value: Any) -> float | None:  # noqa: ANN401  any JSON value
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
