"""Adds the columns of a ``products.csv`` to the products of an index.

The file has a header line with ``_id`` (or ``product_id``) and any columns: titles, descriptions,
brands, prices, whatever a shop keeps. ``category_id`` is passed over: labels are the catalogue's.
It may be in any order and larger than memory: its rows are first dealt to files on disk, one for
each stretch of products, and read again when these are written.
"""

import codecs
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from etalage.catalogue.spelling import spelt_numbers
from etalage.catalogue.tables.part import (
    NO_ISSUES,
    PRODUCT_FIELDS,
    TEXTS,
    Issue,
    Part,
    issue_table,
)
from etalage.catalogue.tables.parts import Parts
from etalage.catalogue.tables.survey import ids_of
from etalage.errors import CatalogueError

_IDS = ("_id", "product_id")
_PASSED_OVER = ("category_id",)
_OWN = {"image_start", *PRODUCT_FIELDS.names} - {*TEXTS, "price"}
_PIECE = 2**20
_BLOCK = 16 * 2**20
"""A row must fit into it."""
_STRETCH = 2**18
"""Products whose texts lie in one file."""


class WithTexts:
    """The parts of a catalogue with the columns of a CSV file; its values go before those there.

    Args:
        parts: the products.
        path: the CSV file.
        folder: where to deal its rows; made anew.

    Raises:
        CatalogueError: the file cannot be read, has no id column, or a column that is the index's.
    """

    def __init__(self, parts: Parts, path: Path, folder: Path) -> None:
        self._parts = parts
        self._path = path
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            self._odd: list[Issue] = []
            _refuse_other_encodings(path)
            self._id, self._names = self._header()
            rows = self._rows(ids_of(parts))
            self._deal(rows)
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"{path}: cannot be read as CSV: {error}") from error

    def _open(self, columns: list[str] | None) -> pyarrow.csv.CSVStreamingReader:
        return pyarrow.csv.open_csv(
            self._path,
            # Rows have numbers only where one thread reads.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=self._skip
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=columns or [],
                column_types=dict.fromkeys(columns or [], pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )

    def _skip(self, row: pyarrow.csv.InvalidRow) -> str:
        detail = f"{row.actual_columns} fields, expected {row.expected_columns}: {row.text[:60]}"
        issue = Issue(-1, row.number or 0, "", "text row left out", detail)
        if issue not in self._odd[-1:]:
            self._odd.append(issue)
        return "skip"

    def _header(self) -> tuple[str, list[str]]:
        names = self._open(None).schema.names
        key = next((name for name in _IDS if name in names), None)
        if key is None:
            raise CatalogueError(
                f"{self._path}: has no column _id, but {', '.join(names[:8])}",
                hint="the first line must name the columns",
            )
        own = sorted((_OWN | {*_IDS}) & set(names) - {key})
        if own or len(set(names)) < len(names):
            why = f"{', '.join(own)} belong to the index" if own else "one occurs twice"
            raise CatalogueError(f"{self._path}: columns cannot be kept: {why}", hint="rename them")
        return key, [name for name in names if name not in (key, *_PASSED_OVER)]

    def _rows(self, ids: pa.Array) -> NDArray[np.int64]:
        """Return for each line of the file the row of its product, -1 where it says nothing new."""
        found = pa.chunked_array([batch.column(0) for batch in self._open([self._id])], pa.string())
        self._odd.clear()
        if pa.types.is_integer(ids.type):
            whole = pc.match_substring_regex(found, r"^(0|-?[1-9][0-9]{0,17})$")
            found = pc.if_else(whole, found, None).cast(pa.int64())
        places = pc.index_in(found, value_set=ids, skip_nulls=True).fill_null(-1)
        rows = places.combine_chunks().to_numpy().astype(np.int64)
        first = np.zeros(len(rows), np.bool_)
        first[np.unique(rows, return_index=True)[1]] = True
        for line in np.flatnonzero(~first & (rows >= 0)).tolist():
            name = str(found[line].as_py())
            self._odd.append(Issue(-1, line, name, "duplicate text", "an earlier row counts"))
        return np.where(first, rows, -1)

    def _deal(self, rows: NDArray[np.int64]) -> None:
        columns = [self._id, *self._names]
        start = 0
        with ExitStack() as files:
            writers: dict[int, pa.RecordBatchStreamWriter] = {}
            for batch in self._open(columns):
                here = rows[start : start + batch.num_rows]
                start += batch.num_rows
                table = pa.table(dict(zip(self._names, batch.columns[1:], strict=True)))
                table = table.append_column("row", pa.array(here))
                for number in np.unique(here[here >= 0] // _STRETCH).tolist():
                    chosen = table.filter(pa.array((here >= 0) & (here // _STRETCH == number)))
                    if number not in writers:
                        path = str(self._folder / f"{number:05}.arrows")
                        writers[number] = pa.ipc.new_stream(path, chosen.schema)
                        files.enter_context(writers[number])
                    writers[number].write_table(chosen)

    def __iter__(self) -> Iterator[Part]:
        odd = issue_table(self._odd)
        for part, products in zip(self._parts, self.products(), strict=True):
            yield Part(products, part.images, pa.concat_tables([part.issues, odd]))
            odd = NO_ISSUES

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each part, or some of their columns."""
        return self._parts.images(columns)

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the products of each part, or some of their columns."""
        wanted = self._names if columns is None else [n for n in self._names if n in columns]
        there = None if columns is None else [n for n in columns if n in PRODUCT_FIELDS.names]
        start, held = 0, _Held(self._folder)
        for table in self._parts.products(there):
            stop = start + table.num_rows
            yield self._joined(table, held.rows(start, stop), wanted)
            start = stop

    def _joined(self, products: pa.Table, texts: pa.Table | None, wanted: list[str]) -> pa.Table:
        for name in wanted:
            given = pa.nulls(products.num_rows, pa.string()) if texts is None else texts[name]
            if name == "price":
                given = spelt_numbers(given)
            if name in products.column_names:
                column = pc.coalesce(given, products[name])
                place = products.schema.get_field_index(name)
                products = products.set_column(place, name, column)
            else:
                products = products.append_column(name, given)
        return products


class _Held:
    """Reads the dealt rows of a stretch of products, and holds the last file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = -1
        self._table: pa.Table | None = None

    def rows(self, start: int, stop: int) -> pa.Table | None:
        """Return a row for each product in [start, stop), of nulls where there is none."""
        numbers = range(start // _STRETCH, -(-stop // _STRETCH))
        tables = [table for number in numbers if (table := self._stretch(number)) is not None]
        if not tables:
            return None
        table = pa.concat_tables(tables)
        row = table["row"].to_numpy()
        inside = np.flatnonzero((row >= start) & (row < stop))
        place = np.full(stop - start, -1)
        place[row[inside] - start] = inside
        return table.take(pa.array(place, mask=place < 0))

    def _stretch(self, number: int) -> pa.Table | None:
        if number != self._number:
            path = self._folder / f"{number:05}.arrows"
            self._number, self._table = number, None
            if path.is_file():
                with pa.OSFile(str(path)) as file:
                    self._table = pa.ipc.open_stream(file).read_all()
        return self._table


def _refuse_other_encodings(path: Path) -> None:
    """Raise ``CatalogueError`` at bytes that are not UTF-8: Arrow looks at some of them only."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
                done += len(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise CatalogueError(f"{path}: is not UTF-8 near byte {done + error.start}") from error
