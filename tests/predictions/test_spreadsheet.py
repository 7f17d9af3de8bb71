"""A spreadsheet has a line for every product, and no cell that runs."""

import csv
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.spreadsheet import COLUMNS, write_csv, write_xlsx
from etalage.predictions.table import Predictions

Maker = Callable[..., Predictions]
Write = Callable[..., Path]
IDS = ["plain", "=1+1", "@SUM(A1)", "-5", 'a,"b"', "tab\there", "bell\x07"]


def sheets(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_csv_has_names_confidences_and_the_second_choice(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    predictions = predict(range(10, 20))
    write_csv(write(tmp_path / "p", predictions, 3), tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    first, second = predictions.categories[0, :2].tolist()
    assert len(rows) == 10
    assert rows[0]["product_id"] == "10"
    assert rows[0]["category_id"] == str(taxonomy.ids[first])
    assert rows[0]["category"].removeprefix("'") == taxonomy.label(first)
    assert rows[0]["second_category"] == taxonomy.label(second)
    assert float(rows[0]["confidence"]) == pytest.approx(predictions.probabilities[0, 0], abs=1e-6)
    assert rows[0]["images"] == str(predictions.images[0])


def test_csv_begins_with_the_mark_that_excel_needs(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    write_csv(write(tmp_path / "p", predict([1])), tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_bytes().startswith(b"\xef\xbb\xbfproduct_id,")


def test_no_text_of_the_csv_begins_a_formula(predict: Maker, write: Write, tmp_path: Path) -> None:
    write_csv(write(tmp_path / "p", predict(IDS)), tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        ids = [row[0] for row in csv.reader(file)][1:]
    assert ids[:5] == ["plain", "'=1+1", "'@SUM(A1)", "'-5", 'a,"b"']


def test_xlsx_has_the_rows_of_the_csv(predict: Maker, write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", predict(range(10)), 3)
    write_csv(folder, tmp_path / "p.csv")
    write_xlsx(folder, tmp_path / "p.xlsx")
    rows = sheets(tmp_path / "p.xlsx")["Predictions"]
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        expected = [[cell.removeprefix("'") for cell in row] for row in csv.reader(file)]
    assert [[f"{cell}" for cell in row[:3]] for row in rows] == [row[:3] for row in expected]
    assert [row[3] for row in rows[1:]] == [float(row[3]) for row in expected[1:]]


def test_no_cell_of_the_xlsx_is_a_formula(predict: Maker, write: Write, tmp_path: Path) -> None:
    write_xlsx(write(tmp_path / "p", predict(IDS)), tmp_path / "p.xlsx")
    book = openpyxl.load_workbook(tmp_path / "p.xlsx")
    cells = [row[0] for row in book["Predictions"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells][:5] == IDS[:5]


def test_more_rows_than_a_sheet_holds_go_on_in_another(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "p", predict(range(7)), 3)
    assert write_xlsx(folder, tmp_path / "p.xlsx", sheet_rows=3) == 7
    found = sheets(tmp_path / "p.xlsx")
    assert [len(rows) for rows in found.values()] == [4, 4, 2]
    assert {rows[0] for rows in found.values()} == {COLUMNS}
    assert found["Predictions 3"][1][0] == 6


def test_long_ids_keep_all_their_digits(predict: Maker, write: Write, tmp_path: Path) -> None:
    write_xlsx(write(tmp_path / "p", predict([2**62 + 1, 12])), tmp_path / "p.xlsx")
    rows = sheets(tmp_path / "p.xlsx")["Predictions"]
    assert [rows[1][0], rows[2][0]] == [str(2**62 + 1), 12]


def test_where_there_is_one_category_there_is_no_second(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    write_xlsx(write(tmp_path / "p", predict([1], k=1)), tmp_path / "p.xlsx")
    assert sheets(tmp_path / "p.xlsx")["Predictions"][1][4:6] == (None, None)


def test_xlsx_says_nothing_of_when_it_was_written(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    write_xlsx(write(tmp_path / "p", predict([1])), tmp_path / "p.xlsx")
    with zipfile.ZipFile(tmp_path / "p.xlsx") as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}
        core = archive.read("docProps/core.xml").decode()
    assert set(re.findall(r">(\d{4})-", core)) == {"1980"}
