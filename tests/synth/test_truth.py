from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.catalogue.taxonomy import read_taxonomy
from etalage.errors import ConfigError, OutputError, TaxonomyError
from etalage.generator import synth
from etalage.generator.truth import public_part


def test_the_private_part_has_no_category_of_its_own(made: Any) -> None:
    rows = made.rows("test_truth.csv")
    for column in ("category_id", "given_category_id"):
        parts = {p: {r[column] for r in rows if r["part"] == p} for p in ("public", "private")}
        assert parts["private"] and parts["private"] <= parts["public"]


def test_a_leaf_with_one_test_product_is_public() -> None:
    leaf = np.array([0, 1, 1, 1, 1, 1], np.int32)
    public = public_part(leaf, leaf, seed=0)
    assert public[0] and 0 < public[1:].sum() < 5


def test_a_competitor_sees_no_label_of_a_test_product(made: Any) -> None:
    hidden = {row["_id"] for row in made.rows("test_truth.csv")}
    shown = {row["_id"]: row["category_id"] for row in made.rows("products.csv")}
    assert {shown[product] for product in hidden} == {""}
    assert len({row["category_id"] for row in made.rows("sample_submission.csv")}) == 1


def test_a_competitor_sees_given_labels_only(made: Any) -> None:
    given = {int(r["_id"]): int(r["given_category_id"]) for r in made.rows("train_truth.csv")}
    assert {d["_id"]: d["category_id"] for d in made.documents("train.bson")} == given
    visible = {path.name for path in made.folder.iterdir() if "truth" not in path.name}
    assert visible == {
        "train.bson", "train_example.bson", "test.bson", "category_names.csv", "products.csv",
        "sample_submission.csv", "synth.json",
    }  # fmt: skip


def test_truth_and_submission_name_every_test_product(made: Any) -> None:
    test = [str(document["_id"]) for document in made.documents("test.bson")]
    assert [row["_id"] for row in made.rows("test_truth.csv")] == test
    assert [row["_id"] for row in made.rows("sample_submission.csv")] == test


def test_every_leaf_is_in_train(made: Any) -> None:
    leaves = {int(row["category_id"]) for row in made.rows("train_truth.csv")}
    assert leaves == set(read_taxonomy(made.folder / "category_names.csv").ids.tolist())


def test_published_counts_shape_the_catalogue(tmp_path: Path, shared: Path) -> None:
    stats = shared / "data/cdiscount/category_stats.csv"
    report = synth(tmp_path / "c", products=2000, stats=stats, fresh_drawings=50)
    names = read_taxonomy(shared / "data/cdiscount/category_names.csv")
    ours = read_taxonomy(tmp_path / "c/category_names.csv")
    assert (names.rows(ours.ids) >= 0).all()
    assert report.largest_tenth > 0.5


def test_a_taxonomy_of_the_user_is_used(tmp_path: Path, shared: Path) -> None:
    names = shared / "data/cdiscount/category_names.csv"
    synth(tmp_path / "c", products=300, taxonomy=names, categories=40, fresh_drawings=50)
    assert len(read_taxonomy(tmp_path / "c/category_names.csv")) == 40


@pytest.mark.parametrize(
    "options",
    [
        {"products": 0},
        {"products": 10},
        {"products": 100, "test": 1.0},
        {"products": 100, "seed": -1},
        {"products": 100, "categories": 3},
        {"products": 100_000, "categories": 7201},
        {"products": 100, "fresh_drawings": 0},
    ],
)
def test_an_option_out_of_its_range_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"\d"):
        synth(tmp_path / "c", **options)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_statistics_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TaxonomyError, match=r"stats\.csv"):
        synth(tmp_path / "c", products=100, stats=path)


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        synth(tmp_path, products=100)
