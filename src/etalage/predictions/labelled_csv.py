"""CSV files that give products a category: submissions, and truths to score against.

UTF-8 (a byte order mark is allowed), a header line, then one line per product, plain or as the
one CSV file of a zip file. Fields may be quoted. ``_id`` is kept as int64 when every one is an
integer in its plain form (no leading zero or plus), else all are texts.

Columns are read and checked as whole arrays; only a file that has a fault is walked line by line,
to say where.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as pacsv

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.product_ids import first_repeat, parse_ids, positions, some
from etalage.predictions.zips import MAX_BYTES, read_only_csv

HEADER = ("_id", "category_id")
_MARK = b"\xef\xbb\xbf"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class LabelledCsv:
    """What the file says.

    Attributes:
        product_ids: int64 or string array, none twice, (P,).
        categories: category ids, (P,) int64.
        part: the texts of column ``part``, (P,), or None where there is none.
    """

    product_ids: pa.Array
    categories: NDArray[np.int64]
    part: pa.Array | None


@dataclass(frozen=True)
class _Source:
    """The bytes of a file, and how to complain about them."""

    name: str
    data: bytes
    error: type[PredictionsError]

    def wrong(self, line: int, what: str) -> PredictionsError:
        """Return the error for a line, counted from 1."""
        return self.error(f"{self.name}: line {line:,}: {what}", line=line)

    def fault(self, record: int, what: str) -> PredictionsError:
        """Return the error for a record, counted from 0 after the header."""
        line = self.line(record)
        return self.error(f"{self.name}: {_place(line, record)}: {what}", line=line)

    def records(self, errors: str = "replace") -> Iterator[tuple[int, list[str]]]:
        """Yield each record after the header with the number of the line it begins on."""
        text = io.TextIOWrapper(io.BytesIO(self.data), "utf-8-sig", errors, newline="")
        reader = csv.reader(text)
        next(reader, None)
        start = reader.line_num + 1
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1

    def line(self, record: int) -> int | None:
        """Return the line on which a record begins, None where walking gets stuck."""
        try:
            return next(islice(self.records(), record, None))[0]
        except (csv.Error, StopIteration):
            return None

    def place(self, record: int) -> str:
        """Return the line on which a record begins, or its number where walking gets stuck."""
        return _place(self.line(record), record)


def _place(line: int | None, record: int) -> str:
    return f"record {record + 1:,}" if line is None else f"line {line:,}"


def read_labelled_csv(
    path: Path,
    taxonomy: Taxonomy | None,
    *,
    error: type[PredictionsError],
    other_columns: bool = True,
    expected: pa.Array | None = None,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> LabelledCsv:
    """Read and check a file.

    Args:
        path: a CSV file, or a zip file that holds one.
        taxonomy: what every category must be a leaf of, or None to take any.
        error: what to raise.
        other_columns: whether there may be more than ``_id`` and ``category_id``.
        expected: the products that must be there, no more and no fewer; None to take what is.
        name: what to call the file in messages, its path when not given.
        max_bytes: how long it may be, unpacked.

    Raises:
        PredictionsError: as ``error``, with the number of the line: another header, a line with
            another number of fields, an empty id, one that occurs twice or is not expected, a
            category that is no integer or not in the taxonomy; without one: too long a file, or
            products that are missing.
    """
    name = name or str(path)
    source = _Source(name, _load(path, name, error, max_bytes), error)
    names = _header(source, other_columns)
    wanted = [name for name in (*HEADER, "part") if name in names]
    table = _texts(source, names, wanted)
    ids = _ids(source, table["_id"].combine_chunks())
    categories = _categories(source, table["category_id"].combine_chunks(), taxonomy)
    if expected is not None:
        _refuse_others(source, ids, expected)
    return LabelledCsv(
        ids, categories, table["part"].combine_chunks() if "part" in wanted else None
    )


def _load(path: Path, name: str, error: type[PredictionsError], max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            if file.read(len(_ZIP)) == _ZIP:
                return read_only_csv(path, error, name=name, max_bytes=max_bytes)
        size = path.stat().st_size
        if size > max_bytes:
            raise error(f"{name}: has {size:,} bytes, at most {max_bytes:,} are read")
        return path.read_bytes()
    except OSError as cause:
        raise error(f"{name}: cannot be read: {cause.strerror}") from cause


def _header(source: _Source, other_columns: bool) -> list[str]:
    line = source.data.removeprefix(_MARK)[: 1 << 20].split(b"\n", 1)[0].strip(b"\r")
    names = _fields(line.decode("utf-8", "replace"))
    wrong = tuple(names) != HEADER
    if other_columns:
        wrong = len(set(names)) < len(names) or not set(HEADER) <= set(names)
    if wrong:
        expected = ",".join(HEADER) + (",..." if other_columns else "")
        shown = ",".join(names)[:80]
        raise source.wrong(1, f"the header is {shown!r}, expected {expected!r}")
    return names


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return [line]


def _texts(source: _Source, names: list[str], wanted: list[str]) -> pa.Table:
    options = pacsv.ConvertOptions(
        include_columns=wanted, column_types={name: pa.string() for name in wanted}
    )
    # Looking for newlines in quotes costs speed: only where there are quotes.
    parse = pacsv.ParseOptions(newlines_in_values=b'"' in source.data)
    if source.data.rstrip(b"\r\n").find(b"\n") < 0:
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    try:
        return pacsv.read_csv(
            io.BytesIO(source.data),
            read_options=pacsv.ReadOptions(skip_rows=1, column_names=names),
            parse_options=parse,
            convert_options=options,
        )
    except pa.ArrowInvalid as cause:
        raise _misshapen(source, len(names), str(cause)) from cause


def _misshapen(source: _Source, width: int, otherwise: str) -> PredictionsError:
    """Return where the file stops being a table, found by walking it."""
    try:
        for line, fields in source.records("strict"):
            if len(fields) != width:
                return source.wrong(line, f"{len(fields)} fields, expected {width}")
    except UnicodeDecodeError:
        line = source.data.count(b"\n", 0, _not_utf8(source.data)) + 1
        return source.wrong(line, "is not UTF-8")
    except csv.Error as cause:
        otherwise = str(cause)
    return source.error(f"{source.name}: is not CSV: {otherwise}")


def _not_utf8(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as cause:
        return cause.start
    return 0


def _ids(source: _Source, texts: pa.Array) -> pa.Array:
    empty = pc.index(texts, "").as_py()
    if empty >= 0:
        raise source.fault(empty, "the _id is missing")
    ids = parse_ids(texts)
    repeat = first_repeat(ids)
    if repeat is not None:
        first = source.place(pc.index(texts, texts[repeat]).as_py())
        raise source.fault(repeat, f"product {ids[repeat]} is on {first} already")
    return ids


def _refuse_others(source: _Source, ids: pa.Array, expected: pa.Array) -> None:
    """Refuse products that were not expected, and then the absence of those that were."""
    extra = np.flatnonzero(positions(ids, expected) < 0)
    if len(extra):
        first = int(extra[0])
        what = f"product {ids[first]} is none of the {len(expected):,} expected"
        others = f" ({len(extra):,} such products)" if len(extra) > 1 else ""
        raise source.fault(first, what + others)
    if len(ids) < len(expected):
        missing = expected.filter(pa.array(positions(expected, ids) < 0))
        raise source.error(
            f"{source.name}: {len(missing):,} of {len(expected):,} expected products are missing: "
            f"{some(missing)}"
        )


def _categories(source: _Source, texts: pa.Array, taxonomy: Taxonomy | None) -> NDArray[np.int64]:
    numbers = parse_ids(texts)
    if not pa.types.is_int64(numbers.type):
        wrong = _first_no_integer(texts)
        what = f"{texts[wrong].as_py()!r} is no integer" if texts[wrong].as_py() else "is missing"
        raise source.fault(wrong, f"the category_id {what}")
    categories: NDArray[np.int64] = numbers.to_numpy(zero_copy_only=False)
    if taxonomy is not None:
        unknown = np.flatnonzero(taxonomy.rows(categories) < 0)
        if len(unknown):
            what = f"category {categories[unknown[0]]} is not in the taxonomy of {len(taxonomy):,}"
            raise source.fault(int(unknown[0]), what)
    return categories


def _first_no_integer(texts: pa.Array) -> int:
    """Return the first text that is no int64 in its plain form, by halving: there is one."""
    good, bad = 0, len(texts)
    while bad - good > 1:
        middle = (good + bad) // 2
        if pa.types.is_int64(parse_ids(texts.slice(0, middle)).type):
            good = middle
        else:
            bad = middle
    return good
