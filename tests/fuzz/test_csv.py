"""No bytes make a reader of CSV files crash, hang, or give a product another's category."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import etalage
from etalage.catalogue.taxonomy import flat_taxonomy, read_taxonomy, write_taxonomy
from etalage.predictions.submission import read_submission
from etalage.predictions.truth import read_truth
from fuzz.bounds import bounded, fuzzed
from fuzz.catalogues import damaged, plain

TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", '"', "\r", "a\rb", "\n", "\r\n", "a\0b", "\ufeff", "é", "\u2028", "x" * 2000, " 7", ","]
)
NUMBERS = st.integers(0, 40).map(str)
ODD = TEXTS | st.sampled_from(["+7", "007", "-0", "1e3", str(2**63), "9" * 30, "nan", " 7"])
LEAVES = flat_taxonomy(np.arange(20))


def _write(
    header: tuple[str, ...], rows: list[tuple[str, ...]], end: str, quoting: int, mark: bytes
) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n", quoting=quoting).writerows([header, *rows])  # type: ignore[arg-type]
    whole = text.getvalue()
    return mark + (whole if end == "\r\n" else whole.replace("\r\n", "\n")).encode()


def lines(**columns: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Return files of such columns, mostly with different first fields, as CSV writers write."""
    kept = st.tuples(*columns.values())
    any_rows = st.lists(st.tuples(*[column | ODD for column in columns.values()]), max_size=5)
    rows = st.lists(kept, max_size=8, unique_by=lambda row: row[0]) | any_rows
    ends, quotings = st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL,
                                                                       csv.QUOTE_ALL])  # fmt: skip
    marks = st.sampled_from([b"", b"\xef\xbb\xbf"])
    return st.builds(_write, st.just(tuple(columns)), rows, ends, quotings, marks)


NAMES = lines(
    category_id=NUMBERS, category_level1=TEXTS, category_level2=TEXTS, category_level3=TEXTS
)
SUBMISSIONS = lines(_id=NUMBERS, category_id=NUMBERS) | lines(_id=TEXTS, category_id=NUMBERS)
TRUTHS = lines(_id=NUMBERS | TEXTS, part=TEXTS, title=TEXTS, category_id=NUMBERS)


def either(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return files as they are, damaged, and bytes of anything."""
    return files | files.flatmap(damaged) | st.binary(max_size=80)


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("s.csv", data)
    return file.getvalue()


def records(data: bytes) -> list[dict[str, str]]:
    """Return what Python's own reader makes of a file."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig", "replace"), newline="")))


@fuzzed
@given(data=either(NAMES))
def test_a_category_file_is_read_or_refused(place: Path, data: bytes) -> None:
    path, again = place / "names.csv", place / "again.csv"
    path.write_bytes(data)
    try:
        with bounded():
            tree = read_taxonomy(path)
    except etalage.EtalageError:
        return
    expected = {int(row["category_id"]): (row["category_level1"], row["category_level2"],
                                          row["category_level3"])
                for row in records(data)}  # fmt: skip
    assert dict(zip(tree.ids.tolist(), tree.paths, strict=True)) == expected
    write_taxonomy(tree, again)
    assert read_taxonomy(again) == tree


@fuzzed
@given(data=either(SUBMISSIONS), known=st.booleans())
def test_a_submission_is_read_or_refused(place: Path, data: bytes, known: bool) -> None:
    path = place / "submission.csv"
    path.write_bytes(data)
    try:
        with bounded():
            read = read_submission(path, LEAVES if known else None)
    except etalage.EtalageError:
        return
    categories = [str(category) for category in read.categories.tolist()]
    expected = [(row["_id"], row["category_id"]) for row in records(data)]
    assert list(zip(map(str, read.product_ids.to_pylist()), categories, strict=True)) == expected


@fuzzed
@given(data=either(TRUTHS))
def test_a_truth_is_read_or_refused(place: Path, data: bytes) -> None:
    path = place / "truth.csv"
    path.write_bytes(data)
    try:
        with bounded():
            truth = read_truth(path)
    except etalage.EtalageError:
        return
    rows = records(data)
    categories = [str(category) for category in truth.categories.tolist()]
    ids = map(str, truth.product_ids.to_pylist())
    expected = [(row["_id"], row["category_id"]) for row in rows]
    assert list(zip(ids, categories, strict=True)) == expected
    if truth.part is not None:
        assert truth.part.to_pylist() == [row["part"] for row in rows]


@fuzzed
@given(data=SUBMISSIONS.map(zipped).flatmap(damaged))
def test_a_zip_file_is_read_or_refused(place: Path, data: bytes) -> None:
    path = place / "submission.zip"
    path.write_bytes(data)
    try:
        with bounded():
            read_submission(path)
    except etalage.EtalageError:
        return


@fuzzed
@given(sound=TRUTHS, changed=st.none() | st.binary(max_size=80) | TRUTHS.flatmap(damaged))
def test_a_table_of_texts_is_joined_or_refused(
    place: Path, sound: bytes, changed: bytes | None
) -> None:
    shop, path = place / "shop.bson", place / "texts.csv"
    shop.write_bytes(b"".join(plain(row) for row in range(41)))
    path.write_bytes(sound if changed is None else changed)
    try:
        with bounded():
            etalage.index([shop], place / "x", text=path, workers=1, overwrite=True)
    except etalage.EtalageError:
        assert changed is not None
        return
    if changed is None:
        titles = {row["_id"]: row["title"] or None for row in reversed(records(sound))}
        index = etalage.open_index(place / "x")
        kept = "title" in index.columns("products")
        found = index.column("products", "title").to_pylist() if kept else [None] * 41
        assert found == [titles.get(str(row)) for row in range(41)]
