"""A predictions folder gives back what was written, and says so when it cannot."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.files import fingerprint_bytes
from etalage.predictions.folder import iterate_parts, read_predictions
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter

Maker = Callable[..., Predictions]
Write = Callable[..., Path]
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1, max_size=20)
TEXTS = st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=20)


def same(one: Predictions, other: Predictions) -> bool:
    names = ("categories", "probabilities", "rest", "images")
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return arrays and one.product_ids.equals(other.product_ids)


@given(ids=INTEGERS | TEXTS, rows=st.integers(1, 21), k=st.integers(1, 7))
@settings(max_examples=20, deadline=None)
def test_what_is_written_is_read_whatever_the_parts(
    ids: list[Any],
    rows: int,
    k: int,
    predict: Maker,
    write: Write,
    taxonomy: Taxonomy,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    predictions = predict(ids, k=k)
    table = read_predictions(write(tmp_path_factory.mktemp("p") / "p", predictions, rows))
    assert same(table, predictions)
    assert (len(table), table.taxonomy, table.source["model"]) == (len(ids), taxonomy, "m1")


def test_parts_come_one_by_one_in_order(predict: Maker, write: Write, tmp_path: Path) -> None:
    parts = list(iterate_parts(write(tmp_path / "p", predict(range(10)), 4)))
    assert [part.product_ids.to_pylist() for part in parts] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]


def test_a_file_holds_category_ids_not_rows(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    predictions = predict([10])
    folder = write(tmp_path / "p", predictions)
    stored = pq.read_table(folder / "part-00000.parquet")["categories"][0].as_py()
    assert stored == taxonomy.ids[predictions.categories[0]].tolist()


@pytest.fixture(scope="module")
def stored(predict: Maker, write: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stored") / "p", predict(range(6)), 3)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_part_cut_or_changed_by_one_byte_is_named(data: st.DataObject, stored: Path) -> None:
    part = stored / "part-00001.parquet"
    whole = part.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[place] ^ data.draw(st.integers(1, 255))
    flipped = whole[:place] + bytes([changed]) + whole[place + 1 :]
    part.write_bytes(data.draw(st.sampled_from([flipped, whole[:place]])))
    try:
        with pytest.raises(PredictionsError, match=r"part-00001\.parquet: is damaged"):
            read_predictions(stored)
    finally:
        part.write_bytes(whole)


def test_a_missing_part_is_named(predict: Maker, write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", predict(range(6)), 3)
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(PredictionsError, match=r"part-00001\.parquet: cannot be read"):
        read_predictions(folder)


def test_a_folder_without_its_manifest_says_how_far_it_came(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    writer = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}, products=9)
    writer.write(predict([1, 2]))
    with pytest.raises(PredictionsError, match="unfinished: it has 2 of 9 products in 1 p") as info:
        read_predictions(tmp_path / "p")
    assert info.value.hint == "run the same etalage predict again to finish it"


def test_a_folder_of_something_else_is_no_predictions(tmp_path: Path) -> None:
    with pytest.raises(PredictionsError, match="is no predictions folder"):
        read_predictions(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "is predictions of schema 2, expected predictions of schema 1"),
        ({"artefact": "words"}, "is words of schema 1"),
        ({"parts": [{"file": "x"}]}, "is damaged"),
        ({"parts": []}, "names no parts"),
        ({"source": None}, "is damaged"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    change: dict[str, Any], message: str, predict: Maker, write: Write, tmp_path: Path
) -> None:
    manifest = write(tmp_path / "p", predict([1])) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(PredictionsError, match=message):
        read_predictions(tmp_path / "p")


def test_another_taxonomy_beside_the_parts_is_noticed(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    categories = write(tmp_path / "p", predict([1])) / "categories.csv"
    categories.write_text(categories.read_text().replace("SPADE", "SHOVEL"))
    with pytest.raises(PredictionsError, match="is not the taxonomy of 7 categories"):
        read_predictions(tmp_path / "p")


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the first part as a careless tool would, keeping the manifest right about it."""
    part, manifest = folder / "part-00000.parquet", folder / "manifest.json"
    pq.write_table(change(pq.read_table(part)), part)
    document = json.loads(manifest.read_text())
    document["parts"][0]["hash"] = fingerprint_bytes(part.read_bytes())
    manifest.write_text(json.dumps(document))


def set_column(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        number = table.column_names.index(name)
        return table.set_column(number, name, pa.array(values, table.schema.field(name).type))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_column("probabilities", [[1.5, 0, 0]] * 2), "product 10 .*outside 0 to 1"),
        (set_column("probabilities", [[0.5, float("nan"), 0]] * 2), "product 10 .*is no number"),
        (set_column("probabilities", [[0.5, None, 0]] * 2), "2 values of column prob.* are null"),
        (set_column("rest", [None, 0]), "1 values of column rest are null"),
        (set_column("categories", [[5, 6, 7]] * 2), "product 10: category 5 is not in its taxon"),
        (set_column("product_id", [10, 10]), "product 10 has two rows: the second is row 1 of 2"),
        (lambda table: table.drop(["rest"]), "has columns product_id int64, .*expected"),
        (lambda table: table.slice(1), "has 1 rows, expected 2"),
    ],
)
def test_a_part_by_a_careless_tool_is_refused(
    change: Callable[[pa.Table], pa.Table],
    message: str,
    predict: Maker,
    write: Write,
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "p", predict([10, 14]))
    rewrite(folder, change)
    with pytest.raises(PredictionsError, match=message):
        read_predictions(folder)


def test_a_moved_folder_opens(predict: Maker, write: Write, tmp_path: Path) -> None:
    predictions = predict(["b", "a"])
    shutil.move(write(tmp_path / "p", predictions), tmp_path / "elsewhere")
    assert same(read_predictions(tmp_path / "elsewhere"), predictions)


def test_slices_of_a_larger_table_are_written_as_they_are(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    whole = predict(["a", "b", "c"])
    tail = replace(
        whole,
        product_ids=whole.product_ids.slice(1),
        categories=whole.categories[1:],
        probabilities=whole.probabilities[1:],
        rest=whole.rest[1:],
        images=whole.images[1:],
    )
    assert same(read_predictions(write(tmp_path / "p", tail)), tail)
