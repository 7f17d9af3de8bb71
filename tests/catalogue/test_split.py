"""Splits: whole groups, every category trained, the same bytes again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split, split
from etalage.catalogue.split_report import report_rows
from etalage.catalogue.stratify import TEST, TRAIN, VALIDATION, deal
from etalage.errors import ConfigError, OutputError, SplitError

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Catalogue = Callable[..., Path]


@pytest.fixture
def shop(catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path) -> Path:
    """An INDEX of 90 products in 3 categories, a pair of duplicates in each ten; 2 unlabelled."""
    photos = [photo(seed, side=8) for seed in range(90)]
    documents = [
        product(1000 + row, [photos[row - (row % 10 == 1)]], row // 30) for row in range(90)
    ]
    documents += [product(1, [photos[0]]), product(2, [photos[1]])]
    index([catalogue(*documents)], tmp_path / "index")
    return tmp_path / "index"


def dealt(
    groups: list[int], labels: list[int], fractions: tuple[float, float] = (0.2, 0.2), seed: int = 0
) -> NDArray[np.int8]:
    return deal(
        np.array(groups, np.int32),
        np.array(labels, np.int32),
        categories=max(labels) + 1,
        validation=fractions[0],
        test=fractions[1],
        seed=seed,
    )


some_products = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-1, 5)), min_size=1, max_size=150
).filter(lambda products: any(label >= 0 for _, label in products))
some_fractions = st.sampled_from([(0.1, 0.1), (0.2, 0.3), (0.45, 0.45), (0.0, 0.2), (0.3, 0.0)])


@settings(max_examples=150, deadline=None)
@given(products=some_products, fractions=some_fractions, seed=st.integers(0, 9))
def test_no_group_is_cut_and_every_labelled_product_is_dealt_once(
    products: list[tuple[int, int]], fractions: tuple[float, float], seed: int
) -> None:
    groups, labels = map(list, zip(*products, strict=True))
    part = dealt(groups, labels, fractions, seed)
    assert [label >= 0 for label in labels] == (part >= 0).tolist()
    parts = {(group, k) for group, k in zip(groups, part.tolist(), strict=True) if k >= 0}
    assert len(parts) == len({group for group, _ in parts})


@settings(max_examples=150, deadline=None)
@given(products=some_products, fractions=some_fractions, seed=st.integers(0, 9))
def test_every_category_is_in_all_parts_asked_for_or_in_train_only(
    products: list[tuple[int, int]], fractions: tuple[float, float], seed: int
) -> None:
    groups, labels = map(list, zip(*products, strict=True))
    part = dealt(groups, labels, fractions, seed)
    validation, test = fractions
    wanted = {TRAIN} | ({VALIDATION} if validation else set()) | ({TEST} if test else set())
    for label in set(labels) - {-1}:
        assert set(part[np.array(labels) == label].tolist()) in ({TRAIN}, wanted)


def test_each_category_is_shared_out_in_the_fractions_asked_for() -> None:
    labels = np.repeat(np.arange(4), [20, 100, 500, 2000])
    part = dealt(list(range(len(labels))), labels.tolist(), (0.1, 0.25))
    for label, count in enumerate([20, 100, 500, 2000]):
        shares = np.bincount(part[labels == label]) / count
        assert shares.tolist() == pytest.approx([0.65, 0.1, 0.25], abs=1e-9)


def test_a_group_goes_with_its_most_common_label() -> None:
    groups = [*range(40), 40, 40, 40]
    labels = [0] * 20 + [1] * 20 + [1, 0, 1]
    tests = [dealt(groups, labels, (0.0, 0.2), seed) == TEST for seed in range(30)]
    assert any(test[-1] for test in tests)
    assert all(test[:20].sum() == 4 for test in tests)


def test_a_category_of_one_group_stays_in_train_with_all_its_products() -> None:
    part = dealt([*range(30), *[30] * 30], [0] * 30 + [1] * 30)
    assert set(part[30:].tolist()) == {TRAIN}
    assert set(part[:30].tolist()) == {TRAIN, VALIDATION, TEST}


def test_another_seed_deals_otherwise() -> None:
    groups, labels = list(range(100)), [0] * 100
    assert not np.array_equal(dealt(groups, labels, seed=1), dealt(groups, labels, seed=2))


def test_a_split_reads_back_as_it_was_reported(shop: Path, tmp_path: Path) -> None:
    report = split(shop, tmp_path / "split.parquet", validation=0.2, test=0.2, seed=3)
    read, opened = read_split(tmp_path / "split.parquet"), open_index(shop)
    rows = {part: read.rows(opened, part) for part in ("train", "validation", "test")}
    assert {part: len(found) for part, found in rows.items()} == report.products
    assert np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(90))
    assert all((np.diff(found) > 0).all() for found in rows.values())
    assert read.record["index"] == opened.fingerprint
    assert read.record["report"] == json.loads(json.dumps(report.to_json()))


def test_byte_identical_images_never_face_each_other(shop: Path, tmp_path: Path) -> None:
    report = split(shop, tmp_path / "split.parquet", validation=0.2, test=0.2)
    ids = dict(zip(*pq.read_table(tmp_path / "split.parquet").to_pydict().values(), strict=True))
    assert all(ids[1000 + row] == ids[1001 + row] for row in range(0, 90, 10))
    assert report.leak == {"validation": 0, "test": 0}
    assert (report.groups, report.grouped_products, report.unlabelled) == (9, 19, 2)


def test_by_product_ignores_duplicates_and_counts_what_leaks(shop: Path, tmp_path: Path) -> None:
    leaks = [
        split(shop, tmp_path / f"{seed}.parquet", by="product", seed=seed, test=0.3).leak["test"]
        for seed in range(3)
    ]
    assert sum(leaks) > 0


def test_same_seed_same_bytes_and_another_seed_differs(shop: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        split(shop, path, seed=seed)
    same, again, other = (path.read_bytes() for path in paths)
    assert same == again != other


def test_small_categories_are_named(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    documents = [product(row, [photo(row)], 7 if row < 3 else 8) for row in range(30)]
    index([catalogue(*documents)], tmp_path / "index")
    report = split(tmp_path / "index", tmp_path / "split")
    assert report.train_only == [{"category_id": 7, "category": "7", "products": 3}]
    assert ("", "3", "7 7") in report_rows(report)


def test_a_logo_does_not_glue_but_is_reported(shop: Path, tmp_path: Path) -> None:
    report = split(shop, tmp_path / "split", max_products=1)
    assert (report.groups, report.boilerplate_images) == (0, 9)
    assert report.boilerplate[0] == {"copies": 3, "products": 3, "branches": 1, "example": 1000}


def test_the_largest_groups_come_with_an_example(shop: Path, tmp_path: Path) -> None:
    largest = split(shop, tmp_path / "split").largest_groups
    assert largest[0] == {"products": 3, "example": 1000, "category": "0"}
    assert len(largest) == 9


def test_string_ids_are_kept_as_they_are(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    documents = [product(f"réf-{row}", [photo(row, side=8)], 1) for row in range(20)]
    index([catalogue(*documents)], tmp_path / "index")
    split(tmp_path / "index", tmp_path / "split")
    opened = open_index(tmp_path / "index")
    (row,) = read_split(tmp_path / "split").rows(opened, "test")[:1].tolist()
    assert opened.product_ids[row].as_py().startswith("réf-")


def test_a_split_of_another_index_is_refused_with_both_named(
    shop: Path, catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    split(shop, tmp_path / "split")
    index([catalogue(product(1, [photo(1)], 1), name="other.bson")], tmp_path / "other")
    with pytest.raises(SplitError, match=f"{open_index(shop).fingerprint}.*other"):
        read_split(tmp_path / "split").rows(open_index(tmp_path / "other"), "train")


def test_an_index_without_labels_cannot_be_split(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    index([catalogue(product(1, [photo(1)]))], tmp_path / "index")
    with pytest.raises(SplitError, match="none of its 1 products has a label"):
        split(tmp_path / "index", tmp_path / "split")


@pytest.mark.parametrize(
    "options",
    [
        {"validation": 1.0},
        {"test": -0.1},
        {"validation": 0.5, "test": 0.5},
        {"validation": float("nan")},
        {"by": "image"},
        {"max_products": 0},
        {"max_branches": 0},
        {"max_share": 0.0},
        {"seed": -1},
    ],
)
def test_an_option_out_of_range_is_named(
    shop: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        split(shop, tmp_path / "split", **options)


def test_a_split_that_is_there_is_not_replaced_unasked(shop: Path, tmp_path: Path) -> None:
    split(shop, tmp_path / "split")
    with pytest.raises(OutputError, match="exists already"):
        split(shop, tmp_path / "split")


def test_an_unknown_part_is_refused(shop: Path, tmp_path: Path) -> None:
    split(shop, tmp_path / "split")
    with pytest.raises(ConfigError, match="'private' is unknown"):
        read_split(tmp_path / "split").rows(open_index(shop), "private")


def damaged(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path)
    return path


def test_a_damaged_split_is_refused_with_its_name(shop: Path, tmp_path: Path) -> None:
    split(shop, tmp_path / "split")
    table = pq.read_table(tmp_path / "split")
    text, bad = tmp_path / "split.txt", tmp_path / "bad"
    text.write_text("product_id,part\n")
    bad.mkdir()
    private = pa.array(["private"] * len(table))
    for path, message in (
        (tmp_path / "nowhere", "cannot be read"),
        (text, "is no SPLIT"),
        (damaged(table.drop_columns(["part"]), bad / "1"), "lacks part"),
        (damaged(table.replace_schema_metadata(None), bad / "2"), "says not how"),
        (damaged(table.replace_schema_metadata({"etalage": "{}"}), bad / "3"), "schema None"),
        (damaged(table.set_column(1, "part", private), bad / "4"), "has part private"),
        (damaged(pa.concat_tables([table, table]), bad / "5"), "or twice"),
    ):
        with pytest.raises(SplitError, match=message):
            read_split(path)
