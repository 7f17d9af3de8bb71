"""Distinct products: what an epoch consists of, and that it asks what the full set asks."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index
from etalage.training.examples import MOST_COPIES, Examples, collect, find_examples, same_images
from etalage.training.plan import Data

CPU = torch.device("cpu")
Catalogue = Callable[..., Path]
PRODUCTS = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=4), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def examples_of(products: list[tuple[list[int], int]]) -> Examples:
    """Return the examples of products, each a list of contents and a label; rows count by two."""
    count = np.array([len(images) for images, _ in products])
    number = np.array([each for images, _ in products for each in images], np.int32)
    group = same_images(number, np.cumsum(count) - count, count)
    labels = np.array([label for _, label in products], np.int32)
    return collect(group, 2 * np.arange(len(products)), labels, np.zeros(len(products), np.bool_))


@settings(deadline=None)
@given(PRODUCTS)
def test_examples_are_those_of_a_dictionary(products: list[tuple[list[int], int]]) -> None:
    expected: dict[tuple[int, ...], tuple[int, Counter[int]]] = {}
    for row, (images, label) in enumerate(products):
        expected.setdefault(tuple(images), (2 * row, Counter()))[1][label] += 1
    found = examples_of(products)
    assert found.rows.tolist() == [row for row, _ in expected.values()]
    assert found.copies.tolist() == [labels.total() for _, labels in expected.values()]
    shares = found.targets(found.rows, 4, CPU).tolist()
    for share, (_, labels) in zip(shares, expected.values(), strict=True):
        assert share == pytest.approx([labels[row] / labels.total() for row in range(4)])


@settings(deadline=None)
@given(PRODUCTS)
def test_the_mean_gradient_of_an_epoch_is_that_of_all_products(
    products: list[tuple[list[int], int]],
) -> None:
    products = products + [([0, 1], 2)] * (2 * MOST_COPIES + 3)
    features = torch.tensor([[sum(p == 0 for p in x), len(x), x[-1]] for x, _ in products])
    labels, head = torch.tensor([label for _, label in products]), torch.zeros(3, 4)
    head[0, 1] = 0.5
    head.requires_grad_()
    (full,) = torch.autograd.grad(cross_entropy(features.float() @ head, labels), head)
    found = examples_of(products)
    rows = found.epoch()
    loss = cross_entropy(
        features[rows // 2].float() @ head, found.targets(rows, 4, CPU), reduction="none"
    )
    (own,) = torch.autograd.grad((torch.from_numpy(found.weights(rows)) * loss).mean(), head)
    assert torch.allclose(own, full, atol=1e-5)


def test_an_example_of_very_many_copies_comes_several_times_with_a_bounded_weight() -> None:
    found = examples_of([([0], 0)] * 1000 + [([1], row % 4) for row in range(7)] + [([2], 1)])
    assert found.epoch().tolist() == [0] * 32 + [2000, 2014]
    assert found.weight.tolist() == pytest.approx(
        [copies * 34 / 1008 for copies in (1000 / 32, 7, 1)]
    )
    assert found.products == 1008


@pytest.fixture
def shop(catalogue: Catalogue, photo: Any, product: Any, tmp_path: Path) -> Index:
    """Seven products: the third copies the first, the fourth has another second image."""
    one, two, three = photo(1), photo(2), photo(3)
    pictures = [[one, two], [one], [one, two], [one, three], [], [], [b"no image"]]
    labels = [1, 2, 3, 1, 1, 2, 2]
    products = [
        product(row, images, label)
        for row, (images, label) in enumerate(zip(pictures, labels, strict=True))
    ]
    index([catalogue(*map(bson.encode, products))], tmp_path / "index")
    return open_index(tmp_path / "index")


def test_copies_have_the_same_images_in_the_same_order(shop: Index) -> None:
    found = find_examples(shop, np.arange(7), max_images=None, distinct=True)
    assert found.rows.tolist() == [0, 1, 3, 4, 5, 6]
    assert found.targets(np.array([0, 1]), 3, CPU).tolist() == [[0.5, 0, 0.5], [0, 1, 0]]


def test_only_the_images_that_are_used_are_compared(shop: Index) -> None:
    found = find_examples(shop, np.arange(7), max_images=1, distinct=True)
    assert found.rows.tolist() == [0, 4, 5, 6]
    assert found.copies.tolist() == [4, 1, 1, 1]


def test_products_without_an_image_have_no_part_in_the_mean_weight(shop: Index) -> None:
    found = find_examples(shop, np.arange(7), max_images=None, distinct=True)
    assert found.weights(np.array([0, 1, 3])).tolist() == pytest.approx([1.5, 0.75, 0.75])


def test_only_labels_of_the_training_part_are_looked_at(shop: Index) -> None:
    found = find_examples(shop, np.array([0, 1]), max_images=None, distinct=True)
    assert found.targets(np.array([0]), 3, CPU).tolist() == [[1, 0, 0]]


def test_the_plain_road_sees_every_product_with_its_own_label(shop: Index) -> None:
    found = find_examples(shop, np.arange(7), max_images=None, distinct=False)
    assert found.epoch().tolist() == list(range(7))
    assert found.weight.tolist() == [1] * 7
    assert found.targets(np.array([2, 0]), 3, CPU).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_the_prior_counts_copies_and_leaves_no_category_at_nothing(
    make_data: Callable[..., Data],
) -> None:
    data = make_data([0, 0, 2], [("", "", "")] * 4)
    assert data.prior().tolist() == pytest.approx([2.25 / 4, 0.25 / 4, 1.25 / 4, 0.25 / 4])
