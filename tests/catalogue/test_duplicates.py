"""Duplicate groups: what connects, what does not."""

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import bson
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from etalage.catalogue.build import index
from etalage.catalogue.duplicates import (
    Groups,
    connect,
    duplicate_groups,
    find_shared,
    group_products,
)
from etalage.catalogue.index import open_index


def hashes(contents: list[int]) -> NDArray[np.uint64]:
    """Return hashes of which the first word is often the same for different contents."""
    return np.array([(content // 3, content) for content in contents], np.uint64).reshape(-1, 2)


def group(
    products: list[list[int]], branch: list[int] | None = None, **rule: float
) -> tuple[list[int], Groups]:
    """Group products given as lists of image contents."""
    rows = [row for row, images in enumerate(products) for _ in images]
    contents = [content for images in products for content in images]
    branches = np.array(branch or [0] * len(products), np.int32)
    groups = group_products(
        np.array(rows, np.int32),
        hashes(contents),
        branches,
        len(products),
        max_products=int(rule.get("max_products", 1000)),
        max_branches=int(rule.get("max_branches", 1000)),
        max_share=rule.get("max_share", 1.0),
    )
    return groups.product_group.tolist(), groups


def naive(
    products: list[list[int]], branch: list[int], max_products: int, max_branches: int
) -> list[int]:
    """Return the group of each product by relabelling until nothing changes."""
    holders: dict[int, set[int]] = defaultdict(set)
    for row, images in enumerate(products):
        for content in images:
            holders[content].add(row)
    label = list(range(len(products)))
    for _ in products:
        for rows in holders.values():
            branches = {branch[row] for row in rows} - {-1}
            if len(rows) <= max_products and len(branches) <= max_branches:
                lowest = min(label[row] for row in rows)
                for row in rows:
                    label[row] = lowest
    numbers = {first: number for number, first in enumerate(dict.fromkeys(label))}
    return [numbers[first] for first in label]


@settings(max_examples=200, deadline=None)
@given(
    products=st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=12),
    branch=st.lists(st.integers(-1, 3), min_size=12, max_size=12),
    max_products=st.integers(1, 5),
    max_branches=st.integers(1, 4),
)
def test_groups_are_those_of_a_naive_union_find(
    products: list[list[int]], branch: list[int], max_products: int, max_branches: int
) -> None:
    branch = branch[: len(products)]
    found, _ = group(products, branch, max_products=max_products, max_branches=max_branches)
    assert found == naive(products, branch, max_products, max_branches)


def test_an_image_on_too_many_products_connects_nothing_and_is_listed() -> None:
    logo, vase = 1, 2
    products = [[logo, vase], [logo], [logo], [logo, vase]]
    found, groups = group(products, max_products=3)
    assert found == [0, 1, 2, 0]
    assert (groups.boilerplate.products.tolist(), groups.boilerplate.row.tolist()) == ([4], [0])


def test_an_image_over_too_many_branches_connects_nothing_and_is_listed() -> None:
    energy_label, vase = 1, 2
    products = [[energy_label, vase], [energy_label], [energy_label], [vase]]
    found, groups = group(products, [0, 1, 2, 1], max_branches=2)
    assert found == [0, 1, 2, 0]
    assert groups.boilerplate.branches.tolist() == [3]


def test_products_without_a_label_add_no_branch() -> None:
    found, groups = group([[1], [1], [1]], [-1, 0, -1], max_branches=1)
    assert found == [0, 0, 0]
    assert len(groups.boilerplate) == 0


def test_the_same_image_twice_in_a_product_is_one_product_with_two_copies() -> None:
    found, groups = group([[7, 7], [7]], max_products=1)
    assert found == [0, 1]
    assert (groups.boilerplate.products[0], groups.boilerplate.copies[0]) == (2, 3)


def test_two_images_that_differ_in_the_second_word_only_do_not_connect() -> None:
    found, _ = group([[3], [4], [5], [3]])
    assert found == [0, 1, 2, 0]


def test_a_join_that_makes_a_group_too_large_is_refused_and_counted() -> None:
    chain = [[row, row + 1] for row in range(250)]
    found, groups = group(chain, max_share=0.01)
    assert groups.sizes.max() <= 100
    assert groups.refused_joins == len(groups.sizes) - 1 == len(groups.refused)
    assert len(set(found)) == len(groups.sizes)


def test_joins_are_refused_last_to_the_images_of_one_category() -> None:
    products = [[1] for _ in range(60)] + [[2] for _ in range(60)]
    products[0].append(3)
    products[60].append(3)
    _, groups = group(products, [0] * 60 + [1] * 60, max_share=0.01)
    assert groups.sizes.tolist() == [60, 60]
    assert groups.refused.branches.tolist() == [2]


def test_an_unreadable_image_connects_nothing() -> None:
    product, branch = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
    empty = np.array([False, False, True, True])
    sharing = find_shared(product, hashes([1, 1, 2, 2]), branch, readable=empty)
    groups = connect(sharing, 4, max_products=9, max_branches=9, share=1.0)
    assert groups.product_group.tolist() == [0, 1, 2, 2]
    assert groups.image_number.tolist() == [-1, -1, 0, 0]


def test_a_catalogue_without_images_has_one_group_per_product() -> None:
    found, groups = group([[], [], []])
    assert found == [0, 1, 2]
    assert groups.sizes.tolist() == [1, 1, 1]


def test_both_hashes_give_the_same_groups(tmp_path: Path, photo: Any, product: Any) -> None:
    drawn = np.random.default_rng(0).integers(0, 90, (60, 2)).tolist()
    products = [product(row, [photo(seed) for seed in seeds], 1) for row, seeds in enumerate(drawn)]
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, products)))
    found = []
    for name in ("xxh3", "md5"):
        index([tmp_path / "c.bson"], tmp_path / name, hash_name=name)
        found.append(duplicate_groups(open_index(tmp_path / name)))
    assert found[0].product_group.tolist() == found[1].product_group.tolist()
    assert 1 < len(found[0].sizes) < 60


def test_md5_is_the_key_that_others_use(tmp_path: Path, photo: Any, product: Any) -> None:
    (tmp_path / "c.bson").write_bytes(bson.encode(product(1, [photo(1), photo(2)], 1)))
    index([tmp_path / "c.bson"], tmp_path / "x", hash_name="md5")
    kept = open_index(tmp_path / "x").column("images", "hash").to_pylist()
    assert kept == [hashlib.md5(photo(seed)).digest() for seed in (1, 2)]
