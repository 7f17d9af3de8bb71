"""Lists the images that a CSV or Parquet table names or holds, batch by batch.

One row is an image of a product, or a product with a list of images: a list column, or texts
separated by ``|``. An image is a path (below the root), an address, or bytes; bytes alone or as
Hugging Face ``datasets`` has them: struct of ``bytes`` and ``path``. CSV files are UTF-8 with a
header line; fields may be quoted and hold line breaks.
"""

import csv
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as pacsv

from etalage.catalogue.tables.part import Issue
from etalage.errors import CatalogueError
from etalage.exchange.listings.columns import Columns, exported_columns, find_columns
from etalage.exchange.listings.listing import Found
from etalage.exchange.listings.table_rows import Options, find_rows

_BLOCK = 2**23
_PARQUET_BYTES = 2**25
_PARQUET_ROWS = 2**14


@dataclass(frozen=True)
class Table:
    """A table that was opened, nothing of it read but its schema."""

    path: Path
    columns: Columns


def open_table(path: Path, chosen: dict[str, str], exported: dict[str, str] | None = None) -> Table:
    """Return which columns a CSV or Parquet file has.

    Args:
        path: the file.
        chosen: its name of each role that the user says.
        exported: our name of each text column, where ``etalage export`` wrote the table.

    Raises:
        CatalogueError: it cannot be read, or names no images.
    """
    try:
        if path.suffix.lower() == ".parquet":
            schema = pq.read_schema(path)
        else:
            schema = pa.schema([(name, pa.string()) for name in _header(path)])
    except (OSError, pa.ArrowException) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}") from error
    if exported is not None:
        return Table(path, exported_columns(path, schema, exported))
    return Table(path, find_columns(path, schema, chosen))


def _header(path: Path) -> list[str]:
    try:
        # Only the header must be UTF-8; other lines that are not are listed later.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            names = next(csv.reader(file), [])
        "".join(names).encode()
    except (UnicodeEncodeError, csv.Error) as error:
        raise CatalogueError(f"{path}: its first line is no CSV header: {error}") from error
    if not names or len(set(names)) < len(names):
        raise CatalogueError(f"{path}: its first line is no header: {','.join(names)[:80]!r}")
    return names


def list_table(
    table: Table, root: Path, first_row: int, options: Options
) -> Generator[Found, None, int]:
    """Yield the rows of a table, and return how many there were.

    Args:
        table: what ``open_table`` returned.
        root: folder that ``place`` of the table itself is relative to.
        first_row: number of its first row among all tables; the id where there is no id column.
        options: how to understand the columns.

    Raises:
        CatalogueError: it is damaged.
    """
    place = Path(os.path.relpath(table.path, root)).as_posix()
    row = 0
    try:
        for batch, issues in _batches(table, place):
            found = find_rows(batch, table.columns, place, row, first_row + row, options)
            yield Found(found.rows, issues + found.issues, found.texts)
            row += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        message = f"{table.path}: cannot be understood after row {row}: {error}"
        raise CatalogueError(message) from error
    return row


def count_rows(table: Table) -> int:
    """Return the number of rows of a Parquet table, 0 for a CSV file: it must be read."""
    if table.path.suffix.lower() != ".parquet":
        return 0
    return int(pq.read_metadata(table.path).num_rows)


def _batches(table: Table, place: str) -> Iterator[tuple[pa.Table, list[Issue]]]:
    wanted = [*table.columns.roles.values(), *table.columns.texts]
    if table.path.suffix.lower() == ".parquet":
        left = ", ".join(table.columns.left_out)
        issues = [Issue(-1, 0, "", "column left out", f"{place}: {left}")] if left else []
        with pq.ParquetFile(table.path) as file:
            for batch in file.iter_batches(rows_at_once(file), columns=wanted):
                yield pa.Table.from_batches([batch]), issues
                issues = []
    else:
        yield from _csv_batches(table, place, wanted)


def rows_at_once(file: pq.ParquetFile) -> int:
    """Return how many rows to read at once of a table that may hold pictures: about 32 MiB."""
    data = file.metadata
    sizes = [data.row_group(group).total_byte_size for group in range(data.num_row_groups)]
    return int(max(1, min(_PARQUET_ROWS, _PARQUET_BYTES * data.num_rows // max(sum(sizes), 1))))


def _csv_batches(
    table: Table, place: str, wanted: list[str]
) -> Iterator[tuple[pa.Table, list[Issue]]]:
    issues: list[Issue] = []

    def refuse(row: Any) -> str:  # noqa: ANN401  Arrow's InvalidRow
        detail = f"{place}: {row.actual_columns} fields, expected {row.expected_columns}"
        issues.append(Issue(-1, 0, "", "row of another length", f"{detail}: {row.text[:80]}"))
        return "skip"

    if not _has_rows(table.path):
        return
    reader = pacsv.open_csv(
        table.path,
        read_options=pacsv.ReadOptions(block_size=_BLOCK, use_threads=False),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=pacsv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with reader:
        for batch in reader:
            columns = [
                _decoded(column, name, place, issues)
                for name, column in zip(wanted, batch.columns, strict=True)
            ]
            yield pa.table(columns, wanted), list(issues)
            issues.clear()


def _has_rows(path: Path) -> bool:
    """Whether anything follows the header: Arrow takes a lone header for damage."""
    with path.open("rb") as file:
        file.readline()
        return bool(file.read(1))


def _decoded(column: pa.Array, name: str, place: str, issues: list[Issue]) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [
            None if raw is None else raw.decode(errors="replace") for raw in column.to_pylist()
        ]
        broken = sum(text is not None and "\ufffd" in text for text in texts)
        what = f"{place}: {broken} values of {name}"
        issues.append(Issue(-1, 0, "", "text is not UTF-8", what))
        return pa.array(texts, pa.string())
