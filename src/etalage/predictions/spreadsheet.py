"""What a catalogue team opens: one line per product with names instead of leaf rows.

Columns: product_id, category_id, category (``level 1 > level 2 > level 3``), confidence,
second_category, second_confidence, images. CSV is UTF-8 with a byte order mark, so that Excel
shows accents. Text that a spreadsheet would take for a formula is written as text: in CSV with an
apostrophe before it, in XLSX by the type of its cell.
"""

import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from pyarrow import csv as pacsv

from etalage.catalogue.taxonomy import Taxonomy
from etalage.files import whole_file
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.table import Predictions
from etalage.predictions.zips import without_times

COLUMNS = (
    "product_id",
    "category_id",
    "category",
    "confidence",
    "second_category",
    "second_confidence",
    "images",
)
SHEET_ROWS = 1_048_575  # what a sheet holds below its header
_EXACT = 10**15  # a spreadsheet keeps fifteen digits of a number
_FORMULA = r"^[=+\-@\t\r]"


def write_csv(predictions_folder: Path, output: Path, *, overwrite: bool = False) -> int:
    """Write a PREDICTIONS folder as CSV, part by part; return the number of products."""
    opened = open_predictions(predictions_folder)
    header = ",".join(COLUMNS) + "\n"
    options = pacsv.WriteOptions(include_header=False)
    with whole_file(output, overwrite=overwrite) as part, part.open("wb") as file:
        file.write(header.encode("utf-8-sig"))
        for table in _tables(opened):
            sink = pa.BufferOutputStream()
            pacsv.write_csv(_guarded(table), sink, options)
            file.write(sink.getvalue())
    return opened.manifest.products


def write_xlsx(
    predictions_folder: Path,
    output: Path,
    *,
    overwrite: bool = False,
    sheet_rows: int = SHEET_ROWS,
) -> int:
    """Write a PREDICTIONS folder as XLSX, part by part; return the number of products.

    More than ``sheet_rows`` products go on in further sheets, each with the header.
    """
    opened = open_predictions(predictions_folder)
    with whole_file(output, overwrite=overwrite) as part, tempfile.TemporaryDirectory() as place:
        book = Workbook(write_only=True)
        book.properties.created = datetime.datetime(1980, 1, 1)
        _fill(book, opened, sheet_rows)
        timed = Path(place) / "book.xlsx"
        book.save(timed)
        without_times(timed, part)
    return opened.manifest.products


def _fill(book: Any, opened: PredictionsFolder, sheet_rows: int) -> None:  # noqa: ANN401
    sheet = _sheet(book)
    free = sheet_rows
    for table in _tables(opened):
        for row in zip(*(table[name].to_pylist() for name in COLUMNS), strict=True):
            if not free:
                sheet, free = _sheet(book), sheet_rows
            sheet.append([_cell(sheet, value) for value in row])
            free -= 1


def _sheet(book: Any) -> Any:  # noqa: ANN401
    number = len(book.worksheets) + 1
    sheet = book.create_sheet("Predictions" if number == 1 else f"Predictions {number}")
    sheet.append(COLUMNS)
    return sheet


def _cell(sheet: Any, value: Any) -> Any:  # noqa: ANN401
    """Return a value as a cell: text stays text, and long integers become it."""
    if isinstance(value, int) and abs(value) >= _EXACT:
        value = str(value)
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub(" ", value))
    cell.data_type = "s"
    return cell


def _tables(opened: PredictionsFolder) -> Iterator[pa.Table]:
    taxonomy = opened.taxonomy
    labels = pa.array([taxonomy.label(row) for row in range(len(taxonomy))], pa.string())
    for predictions in opened.parts():
        yield _named(predictions, taxonomy, labels)


def _named(predictions: Predictions, taxonomy: Taxonomy, labels: pa.Array) -> pa.Table:
    first, second = (_choice(predictions, labels, choice) for choice in (0, 1))
    category_ids = pa.array(taxonomy.ids[predictions.categories[:, 0]])
    images = pa.array(predictions.images)
    columns = [predictions.product_ids, category_ids, *first, *second, images]
    return pa.Table.from_arrays(columns, names=list(COLUMNS))


def _choice(predictions: Predictions, labels: pa.Array, choice: int) -> tuple[pa.Array, pa.Array]:
    """Return the names and probabilities of the first or second choice; null where there is none.

    Six digits keep confidences apart that half precision would make equal.
    """
    if choice >= predictions.k:
        products = len(predictions)
        return pa.nulls(products, pa.string()), pa.nulls(products, pa.float64())
    names = labels.take(pa.array(predictions.categories[:, choice]))
    values = np.round(predictions.probabilities[:, choice].astype(np.float64), 6)
    return names, pa.array(values)


def _guarded(table: pa.Table) -> pa.Table:
    """Put an apostrophe before text that begins as a formula does."""
    for number, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(number)
            formula = pc.match_substring_regex(column, _FORMULA)
            quoted = pc.binary_join_element_wise("'", column, "")
            table = table.set_column(number, field.name, pc.if_else(formula, quoted, column))
    return table
