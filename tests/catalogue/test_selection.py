"""Indexes made from indexes: filter, sample, merge. No image is copied, none is lost."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.selections.filter import Rule, filter
from etalage.catalogue.selections.merge import merge
from etalage.catalogue.selections.sample import draw, sample
from etalage.errors import CatalogueError, ConfigError, TaxonomyError
from indexes import tables

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]

HEADER = "category_id,category_level1,category_level2,category_level3\n"
NAMES = HEADER + "1,MAISON,VERRE,VASE\n2,MAISON,VERRE,COUPE\n3,JEUX,PLATEAU,DAMIER\n"


def content(opened: Index) -> list[tuple[object, ...]]:
    """Return (id, category, image bytes) of every product."""
    stops = opened.image_start + opened.image_count
    return [
        (name, category, opened.images(range(start, stop)))
        for name, category, start, stop in zip(
            opened.product_ids.to_pylist(),
            opened.column("products", "category").to_pylist(),
            opened.image_start.tolist(),
            stops.tolist(),
            strict=True,
        )
    ]


@pytest.fixture
def shop_index(tmp_path: Path, product: Product, photo: Photo) -> Path:
    """Twelve products in two files: four without a label, one with a picture cut in two."""
    products = [
        product(row, [photo(row + 20 * rank) for rank in range(row % 4)], 1 + row % 3)
        for row in range(8)
    ]
    products[5]["imgs"].append({"picture": photo(1)[:-40]})
    others = [product(row, [photo(row, side=64)]) for row in range(8, 12)]
    (tmp_path / "a.bson").write_bytes(b"".join(map(bson.encode, products)))
    (tmp_path / "b.bson").write_bytes(b"".join(map(bson.encode, others)))
    (tmp_path / "names.csv").write_text(NAMES)
    files = [tmp_path / "a.bson", tmp_path / "b.bson"]
    index(files, tmp_path / "index", taxonomy=tmp_path / "names.csv")
    return tmp_path / "index"


def test_a_rule_that_keeps_everything_gives_the_same_tables(
    shop_index: Path, tmp_path: Path
) -> None:
    filter(shop_index, tmp_path / "same", Rule())
    names = tables(tmp_path / "same")
    before = tables(shop_index)
    assert (names[0], names[1], names[3:]) == (before[0], before[1], before[3:])
    assert open_index(tmp_path / "same").fingerprint == open_index(shop_index).fingerprint


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(categories=("MAISON > VERRE",)), [0, 1, 3, 4, 6, 7]),
        (Rule(categories=("3", "MAISON>VERRE>VASE")), [0, 2, 3, 5, 6]),
        (Rule(without=("JEUX",)), [0, 1, 3, 4, 6, 7]),
        (Rule(labelled=True), list(range(8))),
        (Rule(min_products=3), [0, 1, 3, 4, 6, 7]),
        (Rule(max_products=2), [2, 5]),
        (Rule(min_images=2), [2, 3, 5, 6, 7]),
        (Rule(max_images=0), [0, 4]),
        (Rule(min_side=60), [8, 9, 10, 11]),
        (Rule(min_quality=90), []),
        (Rule(no_flag=True, max_images=2, min_images=2), [2, 6]),
        (Rule(no_flag=True, categories=("JEUX",)), [2]),
    ],
    ids=str,
)
def test_a_rule_keeps_what_it_says(
    shop_index: Path, tmp_path: Path, rule: Rule, expected: list[int]
) -> None:
    before = content(open_index(shop_index))
    if not expected:
        with pytest.raises(CatalogueError, match="not one of its 12 products is kept"):
            filter(shop_index, tmp_path / "some", rule)
        return
    filter(shop_index, tmp_path / "some", rule)
    assert content(open_index(tmp_path / "some")) == [before[row] for row in expected]


def test_categories_that_are_left_out_are_no_categories_of_the_new_index(
    shop_index: Path, tmp_path: Path
) -> None:
    record = filter(shop_index, tmp_path / "some", Rule(categories=("MAISON",)))
    opened = open_index(tmp_path / "some")
    assert opened.taxonomy.ids.tolist() == [1, 2]
    assert (record["sources"], record["counts"]["levels"]) == (1, [1, 1, 2])


def test_a_category_that_is_not_there_is_named(shop_index: Path, tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="category 'VERRE' is not in the taxonomy of 3 leaves"):
        filter(shop_index, tmp_path / "some", Rule(categories=("VERRE",)))


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(1, 11))
def test_two_halves_merged_are_the_whole(shop_index: Path, tmp_path: Path, cut: int) -> None:
    from etalage.catalogue.selections.derive import derive

    opened = open_index(shop_index)
    halves = {"low": np.arange(cut), "high": np.arange(cut, 12)}
    for name, rows in halves.items():
        chosen = [(opened, rows)]
        derive(chosen, tmp_path / name, taxonomy=opened.taxonomy, root=None, overwrite=True)
    record = merge([tmp_path / "low", tmp_path / "high"], tmp_path / "both", overwrite=True)
    assert content(open_index(tmp_path / "both")) == content(opened)
    assert record["fingerprint"] == opened.fingerprint
    assert record["counts"] == opened.record["counts"]


def test_of_two_products_with_one_id_the_first_index_counts(
    shop_index: Path, tmp_path: Path, product: Product, photo: Photo
) -> None:
    (tmp_path / "c.bson").write_bytes(bson.encode(product(3, [photo(77)], 2)))
    index([tmp_path / "c.bson"], tmp_path / "other")
    record = merge([tmp_path / "other", shop_index], tmp_path / "both")
    opened = open_index(tmp_path / "both")
    assert record["counts"]["issues"]["duplicate id"] == 1
    assert content(opened)[0] == (3, 2, [photo(77)])
    assert len(opened) == 12


def test_indexes_that_do_not_fit_are_not_merged(
    shop_index: Path, tmp_path: Path, product: Product, photo: Photo
) -> None:
    (tmp_path / "c.bson").write_bytes(bson.encode(product(99, [photo(77)], 2)))
    (tmp_path / "other.csv").write_text(HEADER + "2,MAISON,VERRE,TASSE\n")
    index([tmp_path / "c.bson"], tmp_path / "named", taxonomy=tmp_path / "other.csv")
    with pytest.raises(TaxonomyError, match="before it was MAISON > VERRE > COUPE"):
        merge([shop_index, tmp_path / "named"], tmp_path / "both")
    index([tmp_path / "c.bson"], tmp_path / "md5", hash_name="md5")
    with pytest.raises(CatalogueError, match="different hashes"):
        merge([shop_index, tmp_path / "md5"], tmp_path / "both")


@given(
    st.lists(st.integers(-1, 4), min_size=1, max_size=200),
    st.floats(0.01, 1),
    st.integers(0, 3),
    st.integers(0, 99),
)
def test_every_category_has_its_share_of_a_sample(
    labels: list[int], share: float, at_least: int, seed: int
) -> None:
    given_labels = np.array(labels, np.int32)
    rows = draw(given_labels, share, at_least=at_least, seed=seed)
    sizes, drawn = Counter(labels), Counter(given_labels[rows].tolist())
    assert sorted(set(rows.tolist())) == rows.tolist()
    for label, size in sizes.items():
        assert min(at_least, size) <= drawn[label]
        assert abs(drawn[label] - size * share) <= max(1, at_least)
    if not at_least:
        assert len(rows) == int(np.floor(len(labels) * share + 0.5))


def test_a_sample_has_its_size_and_its_seed(shop_index: Path, tmp_path: Path) -> None:
    record = sample(shop_index, tmp_path / "a", products=6, seed=3)
    sample(shop_index, tmp_path / "b", products=6, seed=3)
    whole = content(open_index(shop_index))
    assert record["counts"]["products"] == 6
    assert tables(tmp_path / "a") == tables(tmp_path / "b")
    assert all(product in whole for product in content(open_index(tmp_path / "a")))


def test_a_sample_without_a_size_is_refused(shop_index: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs its size"):
        sample(shop_index, tmp_path / "a")
    with pytest.raises(ConfigError, match="13 of 12 products cannot be drawn"):
        sample(shop_index, tmp_path / "a", products=13)


def test_a_selection_moves_with_its_catalogue(shop_index: Path, tmp_path: Path) -> None:
    sample(shop_index, tmp_path / "deep/er/some", share=0.5)
    (tmp_path / "deep").rename(tmp_path / "moved")
    assert len(open_index(tmp_path / "moved/er/some")) == 6


def test_the_three_commands_say_what_they_wrote(
    shop_index: Path, tmp_path: Path, etalage: Any
) -> None:
    some, all_of = tmp_path / "some", tmp_path / "all"
    assert etalage("filter", shop_index, "-o", some, "--category", "JEUX", "--json").code == 0
    run = etalage("sample", shop_index, "-o", tmp_path / "lot", "--share", "0.5", "--at-least", "1")
    assert "products" in run.out
    run = etalage("merge", some, tmp_path / "lot", "-o", all_of, "--json")
    assert '"duplicate id"' in run.out
