"""Groups and the curve of the first k are what counting product by product gives."""

import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions
from etalage.scoring.groups import IMAGES, by_branch, by_decile, by_images, divide
from etalage.scoring.resampling import Units
from etalage.scoring.score import score
from scoring.plain import PRODUCTS, TREE, columns, compared, path

Maker = Callable[..., Predictions]
Write = Callable[..., Path]


@given(products=PRODUCTS, data=st.data())
@settings(max_examples=30)
def test_a_group_has_the_accuracy_of_its_products(
    products: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    truth, answer, unit = columns(products)
    numbers = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(truth),
                                          max_size=len(truth))))  # fmt: skip
    found = compared(truth, answer).hits()
    groups = divide(found, ["a", "b", "c", "d"], numbers, Units(np.array(unit, np.int32)))
    assert [group.name for group in groups] == ["abcd"[number] for number in sorted(set(numbers))]
    for group in groups:
        chosen = np.flatnonzero(numbers == "abcd".index(group.name))
        for level, name in enumerate(("level1", "level2", "level3"), 1):
            right = [path(truth[row], level) == path(answer[row], level) for row in chosen]
            assert getattr(group.accuracy, name) == pytest.approx(np.mean(right))
        assert group.products == len(chosen)
        part = Units(np.array(unit, np.int32)[chosen])
        assert group.interval == part.share(found.levels[2][chosen])


@given(products=PRODUCTS)
@settings(max_examples=30)
def test_a_decile_holds_the_categories_of_a_tenth_of_the_order(
    products: list[tuple[int, int, int]],
) -> None:
    truth, answer, _ = columns(products)
    frequency = np.array([5, 0, 5, 2, 9, 2, 7])
    groups = by_decile(compared(truth, answer).hits(), np.array(truth, np.int32), frequency)
    there = sorted(set(truth))
    expected: dict[int, list[int]] = defaultdict(list)
    for leaf in there:
        rarer = sum(frequency[other] < frequency[leaf] for other in there)
        expected[1 + 10 * int(rarer) // len(there)].append(leaf)
    assert {int(group.name): group.about["categories"] for group in groups} == {
        decile: len(leaves) for decile, leaves in expected.items()
    }
    for group in groups:
        leaves = expected[int(group.name)]
        assert group.products == sum(truth.count(leaf) for leaf in leaves)
        assert group.about["least"] == min(frequency[leaf] for leaf in leaves)


def test_branches_come_in_order_of_their_products() -> None:
    found = compared([0, 3, 3, 6, 6, 6], [0, 3, 4, 0, -1, 6])
    groups = by_branch(found.hits(), TREE, found.truth, Units(None))
    assert [(group.name, group.products, group.accuracy.level1) for group in groups] == [
        ("TOYS", 3, 1 / 3), ("GARDEN", 2, 1.0), ("FOOD", 1, 1.0)
    ]  # fmt: skip


def test_numbers_of_images_have_names() -> None:
    found = compared([0] * 7, [0, 0, 1, 1, 0, 0, 0])
    groups = by_images(found.hits(), np.array([-1, 0, 1, 2, 3, 4, 9]))
    assert [group.name for group in groups] == list(IMAGES)
    assert [group.interval for group in groups] == [None] * 6


def test_the_curve_of_the_first_k_is_that_of_scikit_learn(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    predictions = predict(range(60), k=7)
    right = np.random.default_rng(4).integers(0, 7, 60)
    dense = np.zeros((60, 7))
    np.put_along_axis(dense, predictions.categories, -np.arange(7.0)[None, :].repeat(60, 0), 1)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows: list[Any] = list(enumerate(taxonomy.ids[right].tolist()))
        csv.writer(file).writerows([("_id", "category_id"), *rows])
    found = score(write(tmp_path / "p", predictions, 25), tmp_path / "t.csv")
    assert [point.k for point in found.top] == [1, 2, 3, 4, 5, 6, 7]
    assert found.top[0].accuracy == found.accuracy.level3
    assert found.top[6].accuracy == 1.0
    for point in found.top[:6]:
        known = top_k_accuracy_score(right, dense, k=point.k, labels=range(7))
        assert point.accuracy == pytest.approx(known)
        assert point.interval[0] <= point.accuracy <= point.interval[1]
