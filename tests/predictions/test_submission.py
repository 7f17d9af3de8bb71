"""A submission is complete, is read back as written, and a wrong line is named by its number."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.errors import OutputError, SubmissionError
from etalage.predictions.product_ids import parse_ids
from etalage.predictions.submission import (
    expected_products,
    read_submission,
    submit,
    write_submission,
)
from etalage.predictions.table import Predictions

Maker = Callable[..., Predictions]
Write = Callable[..., Path]
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=20)
TEXTS = st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=20)


@given(ids=INTEGERS | TEXTS, suffix=st.sampled_from([".csv", ".zip", ".csv.zip"]))
@settings(max_examples=20, deadline=None)
def test_what_is_submitted_is_read(
    ids: list[Any],
    suffix: str,
    predict: Maker,
    write: Write,
    taxonomy: Taxonomy,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    predictions = predict(ids)
    place = tmp_path_factory.mktemp("s")
    rows = submit(write(place / "p", predictions, 7), place / f"s{suffix}")
    read = read_submission(place / f"s{suffix}", taxonomy)
    assert read.categories.tolist() == taxonomy.ids[predictions.categories[:, 0]].tolist()
    # Texts that are integers, one and all, come back as integers.
    assert rows == len(ids)
    assert read.product_ids.equals(parse_ids(predictions.product_ids.cast(pa.string())))


def test_the_bytes_do_not_depend_on_parts_or_time(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    predictions = predict(['a,"b"', "b", " c"])
    submit(write(tmp_path / "p", predictions, 1), tmp_path / "s.csv")
    submit(write(tmp_path / "q", predictions, 9), tmp_path / "t.csv")
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        submit(tmp_path / "p", tmp_path / name / "s.csv.zip")
    assert (tmp_path / "1/s.csv.zip").read_bytes() == (tmp_path / "2/s.csv.zip").read_bytes()


def test_the_zip_holds_the_plain_file(predict: Maker, write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", predict([10, 14]))
    submit(folder, tmp_path / "s.csv")
    submit(folder, tmp_path / "s.csv.zip")
    with zipfile.ZipFile(tmp_path / "s.csv.zip") as archive:
        assert archive.namelist() == ["s.csv"]
        assert archive.read("s.csv") == (tmp_path / "s.csv").read_bytes()


def test_an_incomplete_submission_is_not_written(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "p", predict([10, 14]))
    with pytest.raises(SubmissionError, match=r"2 of 4 expected .* no prediction: 7, 21"):
        submit(folder, tmp_path / "s.csv", expected=pa.array([7, 10, 14, 21]))
    assert not (tmp_path / "s.csv").exists()


def test_products_that_nobody_asked_for_are_not_written(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "p", predict([10, 14]))
    with pytest.raises(SubmissionError, match="1 of 2 predicted products are not expected: 14"):
        submit(folder, tmp_path / "s.csv", expected=pa.array([10]))


def test_an_existing_submission_is_kept_unless_told(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "s.csv").write_text("mine")
    folder = write(tmp_path / "p", predict([10]))
    with pytest.raises(OutputError, match="exists already"):
        submit(folder, tmp_path / "s.csv")
    assert submit(folder, tmp_path / "s.csv", overwrite=True) == 1


def test_a_name_that_is_no_submission_is_refused(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="no name for a submission"):
        submit(write(tmp_path / "p", predict([10])), tmp_path / "s.parquet")


C = 1_000_000_000
BAD = [
    ("", "line 1: the header is '', expected '_id,category_id'"),
    (f"id,category_id\n1,{C}\n", "line 1: the header is 'id,category_id'"),
    ("_id,category_id,part\n", "line 1: the header is '_id,category_id,part'"),
    (f"_id,category_id\n1,{C}\n2,tea\n", "line 3: the category_id 'tea' is no integer"),
    (f"_id,category_id\n1,{C}\n2,0x10\n", "line 3: the category_id '0x10' is no integer"),
    (f"_id,category_id\n1,{C}\n2,{C}.0\n", "line 3: the category_id '1000000000.0' is no int"),
    (f"_id,category_id\n1,{C}\n2,{'9' * 30}\n", "line 3: the category_id '9+' is no integer"),
    (f"_id,category_id\n1,{C}\n2,\n", "line 3: the category_id is missing"),
    (f"_id,category_id\n1,{C}\n,{C}\n", "line 3: the _id is missing"),
    (f"_id,category_id\n1,{C}\n2\n", "line 3: 1 fields, expected 2"),
    (f"_id,category_id\n1,{C}\n2,{C},7\n", "line 3: 3 fields, expected 2"),
    (f"_id,category_id\n1,{C}\n2,{C}\n1,{C}\n", "line 4: product 1 is on line 2 already"),
    (f"_id,category_id\n1,{C}\n\n2,{C}\n1,{C}\n", "line 5: product 1 is on line 2 already"),
    (f'_id,category_id\n"a\nb",{C}\n2,5\n', "line 4: category 5 is not in the taxonomy of 7"),
    ("_id,category_id\r1,2\n3,4\n", "line 1: the header is"),
    (f"_id,category_id\n1,{C}\nn\xe9,{C}\n", "line 3: is not UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_wrong_line_is_named(text: str, message: str, taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SubmissionError, match=message):
        read_submission(tmp_path / "s.csv", taxonomy)


@given(rows=st.lists(st.sampled_from(["7", "7,1", ",", "a,b", "", '"', "1,1\r", "\x00,1", "é,2"])))
@settings(max_examples=60, deadline=None)
def test_any_lines_are_read_or_refused_in_words(
    rows: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("s") / "s.csv"
    path.write_bytes("\n".join(["_id,category_id", *rows]).encode())
    try:
        assert len(read_submission(path)) <= len(rows)
    except SubmissionError as error:
        assert error.message.startswith(str(path))


def test_order_byte_order_mark_line_ends_and_quotes_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(b'\xef\xbb\xbf_id,category_id\r\n"14",7\r\n10,"8"\r\n')
    read = read_submission(tmp_path / "s.csv")
    assert (read.product_ids.to_pylist(), read.categories.tolist()) == ([14, 10], [7, 8])


def test_ids_with_leading_zeros_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("_id,category_id\n007,1\n7,1\n")
    assert read_submission(tmp_path / "s.csv").product_ids.to_pylist() == ["007", "7"]


def test_a_header_alone_is_an_empty_submission(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("_id,category_id\n")
    assert len(read_submission(tmp_path / "s.csv")) == 0


def test_a_field_too_long_to_walk_still_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f"_id,category_id\n{'x' * 200_000},1\n2,tea\n")
    with pytest.raises(SubmissionError, match="record 2: the category_id 'tea' is no integer"):
        read_submission(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("rows", "message", "line"),
    [
        ("10,1\n14,1\n", "1 of 3 expected products are missing: 21", None),
        ("10,1\n14,1\n21,1\n7,1\n", "line 5: product 7 is none of the 3 expected", 5),
        ("x,1\n14,1\n8,1\n", r"line 2: product x is none of .*\(2 such products\)", 2),
        ("010,1\n14,1\n21,1\n", "line 2: product 010 is none of the 3 expected", 2),
    ],
)
def test_products_are_exactly_those_expected(
    rows: str, message: str, line: int | None, tmp_path: Path
) -> None:
    (tmp_path / "s.csv").write_text("_id,category_id\n" + rows)
    expected = pa.array([10, 14, 21])
    with pytest.raises(SubmissionError, match=f"^sent: {message}") as caught:
        read_submission(tmp_path / "s.csv", expected=expected, name="sent")
    assert caught.value.line == line


def test_a_file_may_have_a_bound_zipped_or_not(tmp_path: Path) -> None:
    ids, leaves = pa.array(range(500)), np.ones(500, np.int64)
    for name in ("s.csv", "s.zip"):
        write_submission(tmp_path / name, ids, leaves)
        assert len(read_submission(tmp_path / name, max_bytes=10_000)) == 500
        with pytest.raises(SubmissionError, match=r"[0-9,]+ bytes, at most 1,000 are read"):
            read_submission(tmp_path / name, max_bytes=1000)


def test_a_zip_that_lists_thousands_is_refused_before_it_is_listed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "s.zip", [f"{number}.txt" for number in range(1001)])
    with pytest.raises(SubmissionError, match="lists 1,001 files, expected one"):
        read_submission(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="cannot be read: No such file"):
        read_submission(tmp_path / "s.csv")


def zipped(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "_id,category_id\n" + "".join(f"{row},2\n" for row in range(50)))
    return path


@pytest.mark.parametrize("names", [["a.csv", "b.csv"], ["readme.txt"], []])
def test_a_zip_without_exactly_one_csv_is_refused(names: list[str], tmp_path: Path) -> None:
    path = zipped(tmp_path / "s.zip", [*names, "__MACOSX/._a.csv"])
    with pytest.raises(SubmissionError, match=r"holds \d CSV files, expected one"):
        read_submission(path)


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = zipped(tmp_path / "s.zip", ["s.csv"])
    data = path.read_bytes()
    size = data.index(b"PK\x01\x02") + 24
    path.write_bytes(data[:size] + struct.pack("<I", 4_200_000_000) + data[size + 4 :])
    with pytest.raises(SubmissionError, match="unpacks to 4,200,000,000 bytes, at most 4,000"):
        read_submission(path)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_zip_is_refused_in_words_or_reads_the_same(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = zipped(tmp_path_factory.mktemp("z") / "s.zip", ["s.csv"])
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[place] ^ data.draw(st.integers(1, 255))
    path.write_bytes(whole[:place] + bytes([changed]) + whole[place + 1 :])
    try:
        assert read_submission(path).product_ids.to_pylist() == list(range(50))
    except SubmissionError as error:
        assert error.message.startswith(str(path))


def test_the_real_sample_submission_is_read_whole(shared: Path) -> None:
    cdiscount = shared / "data/cdiscount"
    taxonomy = read_taxonomy(cdiscount / "category_names.csv")
    read = read_submission(cdiscount / "sample_submission.csv.zip", taxonomy)
    assert len(read) == 1_768_182
    assert set(read.categories.tolist()) == {1_000_010_653}
    assert read.product_ids.type == pa.int64()


def test_a_sample_submission_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "sample_submission.csv").write_text("_id,category_id\n10,1\n14,1\n")
    assert expected_products(tmp_path / "sample_submission.csv").to_pylist() == [10, 14]
