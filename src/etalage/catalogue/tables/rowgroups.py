"""Writes a Parquet file whose row groups all have the same number of rows."""

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_RISING = ("product_id", "image_start", "product", "offset")


class RowGroups:
    """Takes tables of any length, and writes the same bytes however the rows were cut.

    Args:
        path: the file.
        rows: in each row group but the last.
    """

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._rows = rows
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._count = 0

    def __enter__(self) -> "RowGroups":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._waiting:
            self._write(self._take(self._count))
        if self._writer is not None:
            self._writer.close()

    def add(self, table: pa.Table) -> None:
        """Add rows; the first table says what the columns are."""
        self._waiting.append(table)
        self._count += table.num_rows
        while self._count > self._rows:
            self._write(self._take(self._rows))

    def _take(self, rows: int) -> pa.Table:
        table = pa.concat_tables(self._waiting)
        self._waiting = [table.slice(rows)]
        self._count -= rows
        return table.slice(0, rows).combine_chunks()

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, **_encodings(table.schema))
        self._writer.write_table(table, row_group_size=self._rows)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are written: places as differences, few different values as a dictionary.

    Left to itself Parquet tries a dictionary of hashes and places first, in twice the time.
    """
    rising = [field.name for field in schema if field.name in _RISING and field.type != pa.string()]
    unique = {field.name for field in schema if field.type in (pa.string(), pa.binary(16))}
    return {
        "compression": {name: "none" if name == "hash" else "zstd" for name in schema.names},
        "column_encoding": dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
        "use_dictionary": [name for name in schema.names if name not in {*rising, *unique}],
    }
