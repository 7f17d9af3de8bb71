"""The truth is a CSV or an index, whole or one part of it."""

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from etalage.catalogue.build import index
from etalage.catalogue.split import read_split, split
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import CatalogueError, PredictionsError, SplitError
from etalage.predictions.submission import expected_products, submit
from etalage.predictions.table import Predictions
from etalage.predictions.truth import read_truth
from etalage.scoring.score import score

Maker = Callable[..., Predictions]
Write = Callable[..., Path]
PRODUCTS = 60
CSV = 'title,part,category_id,_id\n"a, b",public,1,10\n,private,2,14\nc,public,1,21\n'


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (seed % 256, seed // 256, 7)).save(file, "JPEG")
    return file.getvalue()


def document(row: int) -> dict[str, Any]:
    images = [{"picture": picture(10 * row + rank)} for rank in range(row % 5)]
    label = {"category_id": 1_000_000_000 + 3 * (row % 7)} if row != 3 else {}
    return {"_id": 100 + row, "imgs": images, **label}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of sixty products with 0 to 4 images, of which one has no label; and its split."""
    folder = tmp_path_factory.mktemp("catalogue")
    data = b"".join(bson.encode(document(row)) for row in range(PRODUCTS))
    (folder / "train.bson").write_bytes(data)
    index([folder / "train.bson"], folder / "index")
    split(folder / "index", folder / "split.parquet", validation=0.2, test=0.3)
    return folder


def test_a_csv_is_read_by_its_column_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    truth = read_truth(tmp_path / "t.csv")
    assert truth.product_ids.to_pylist() == [10, 14, 21]
    assert truth.categories.tolist() == [1, 2, 1]
    assert truth.record == {
        "file": str(tmp_path / "t.csv"),
        "split": None,
        "by": None,
        "part": None,
    }


def test_one_part_of_a_csv_is_taken(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    assert read_truth(tmp_path / "t.csv", part="public").product_ids.to_pylist() == [10, 21]


@pytest.mark.parametrize(
    ("text", "part", "message"),
    [
        (CSV, "hidden", "has no part 'hidden', only private, public"),
        ("_id,category_id\n1,2\n", "public", "has no column 'part' to take 'public' from"),
        ("_id,category_id\n", None, "has no labelled product"),
        ("_id,category\n1,2\n", None, "line 1: the header is '_id,category', expected '_id,categ"),
        ("_id,category_id\n1,2\n1,3\n", None, "line 3: product 1 is on line 2 already"),
        ("_id,category_id,_id\n1,2,3\n", None, "line 1: the header"),
    ],
)
def test_a_csv_that_is_no_truth_is_refused(
    text: str, part: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(PredictionsError, match=message):
        read_truth(tmp_path / "t.csv", part=part)


def test_a_category_that_the_taxonomy_lacks_is_named(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("_id,category_id\n1,1000000000\n2,5\n")
    with pytest.raises(PredictionsError, match="line 3: category 5 is not in the taxonomy of 7"):
        read_truth(tmp_path / "t.csv", taxonomy)


def write_labels(path: Path, **columns: list[Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("ids", [[10, 14, 21], ["a", "b", "c"]])
def test_labels_are_a_truth_that_a_person_may_have_decided(ids: list[Any], tmp_path: Path) -> None:
    source, time = ["ana"] * 3, [datetime(2026, 11, 20)] * 3
    labels = {"product_id": ids, "category_id": [1, 2, 1], "source": source, "time": time}
    truth = read_truth(write_labels(tmp_path / "l.parquet", **labels), audited=True)
    assert truth.product_ids.to_pylist() == ids
    assert truth.categories.tolist() == [1, 2, 1]
    assert truth.audited


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"product_id": [1, 1], "category_id": [2, 3]}, "product 1 has two rows: the second is ro"),
        ({"product_id": [1, None], "category_id": [2, 3]}, "is no LABELS: 1 product ids are null"),
        ({"product_id": [1], "category_id": ["x"]}, "category_id is of type string, expected"),
        ({"product_id": [1], "label": [2]}, "is no LABELS: "),
        ({"product_id": [1, 2], "category_id": [1_000_000_000, 5]}, "product 2, category 5"),
    ],
)
def test_labels_that_are_no_truth_are_refused(
    labels: dict[str, list[Any]], message: str, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    path = write_labels(tmp_path / "l.parquet", **labels)
    with pytest.raises(PredictionsError, match=message):
        read_truth(path, taxonomy)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.parquet").write_text("_id,category_id\n")
    with pytest.raises(PredictionsError, match="is no LABELS"):
        read_truth(tmp_path / "l.parquet")


def test_the_labelled_products_of_an_index_are_a_truth(catalogue: Path) -> None:
    truth = read_truth(catalogue / "index")
    rows = [row for row in range(PRODUCTS) if row != 3]
    assert truth.product_ids.to_pylist() == [100 + row for row in rows]
    assert truth.categories.tolist() == [1_000_000_000 + 3 * (row % 7) for row in rows]
    assert truth.images is not None
    assert truth.images.tolist() == [row % 5 for row in rows]


@pytest.mark.parametrize("part", ["train", "validation", "test", None])
def test_one_part_of_a_split_is_taken_from_an_index_or_a_csv(
    part: str | None, catalogue: Path, tmp_path: Path
) -> None:
    whole = read_truth(catalogue / "index")
    pairs = zip(whole.product_ids.to_pylist(), whole.categories.tolist(), strict=True)
    lines = [f"{product},{category}\n" for product, category in pairs]
    (tmp_path / "t.csv").write_text("_id,category_id\n" + "".join(lines))
    split_file = catalogue / "split.parquet"
    one = read_truth(catalogue / "index", split=split_file, part=part)
    other = read_truth(tmp_path / "t.csv", split=split_file, part=part)
    number = ("train", "validation", "test").index(part or "test")
    assert len(one) == (read_split(split_file).part == number).sum()
    assert one.product_ids.equals(other.product_ids)


def test_an_index_has_no_parts_without_a_split(catalogue: Path) -> None:
    with pytest.raises(PredictionsError, match="an index has no parts of its own"):
        read_truth(catalogue / "index", part="test")


def test_a_split_of_another_index_is_refused(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "other.bson").write_bytes(bson.encode(document(1)))
    index([tmp_path / "other.bson"], tmp_path / "index")
    with pytest.raises(SplitError, match="is a split of the index"):
        read_truth(tmp_path / "index", split=catalogue / "split.parquet")


def test_a_label_of_an_index_that_the_taxonomy_lacks_is_named(catalogue: Path) -> None:
    small = Taxonomy(read_truth(catalogue / "index").categories[:1], (("a", "b", "c"),))
    with pytest.raises(PredictionsError, match="50 of 59 products .*: product 101, category"):
        read_truth(catalogue / "index", small)


def test_a_folder_that_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError):
        read_truth(tmp_path)


def test_predictions_for_an_index_are_scored_by_its_images(
    catalogue: Path, predict: Maker, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "p", predict(range(100, 160)), 25)
    found = score(folder, catalogue / "index")
    assert found.products == PRODUCTS - 1
    # One product of each five has 3 images; the one without a label is among them.
    assert {group.name: group.products for group in found.by_images} == {
        "0": 12,
        "1": 12,
        "2": 12,
        "3": 11,
        "4+": 12,
    }


def test_a_submission_is_grouped_by_the_images_of_an_index(
    catalogue: Path, predict: Maker, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "p", predict(range(100, 110)))
    submit(folder, tmp_path / "s.csv", expected=expected_products(catalogue / "index").slice(0, 10))
    (tmp_path / "t.csv").write_text("_id,category_id\n102,1000000000\n7,1000000003\n")
    found = score(tmp_path / "s.csv", tmp_path / "t.csv", index=catalogue / "index")
    assert [(group.name, group.products) for group in found.by_images] == [("unknown", 1), ("2", 1)]
    assert (found.accuracy.level1, found.missing, found.extra) == (None, 1, 9)
