"""What is said of answers to validation products, of which everything is known."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.catalogue.taxonomy import Taxonomy
from etalage.reports.training.answered import Answered
from etalage.reports.training.confidence import measure_confidence
from etalage.reports.training.confusion import OTHERS, find_confusion
from etalage.reports.training.examples import choose_examples
from etalage.reports.training.folder import read_trained
from etalage.reports.training.groups import group_products, rate
from etalage.reports.training.make import describe
from etalage.scoring.score import score
from report.conftest import Made
from report.models import change

TREE = Taxonomy(
    np.arange(10, 50, 10),
    (("A", "a", "x"), ("A", "a", "y"), ("A", "b", "x"), ("B", "a", "x")),
)


def answered(
    truth: list[int], said: list[int], sure: list[float] | None = None, tree: Taxonomy = TREE
) -> Answered:
    """Return products with one answer each."""
    probabilities = np.array(sure or np.linspace(0.9, 0.5, len(truth)), np.float32)[:, None]
    return Answered(
        tree,
        pa.array(range(len(truth))),
        np.array(truth, np.int32),
        np.array(said, np.int32)[:, None],
        probabilities,
        np.ones(len(truth), np.int16),
    )


@pytest.mark.parametrize(
    ("right", "products", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (81, 263, 0.2553, 0.3662)],
)
def test_intervals_are_those_of_wilson(right: int, products: int, low: float, high: float) -> None:
    found = rate(right, products)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


def test_accuracy_is_that_of_score(trained: Made) -> None:
    scored = score(trained.index / "validation", trained.index / "validation.csv").to_json()
    groups = trained.document["groups"]
    found = {group["name"]: group for group in groups["by_images"]}
    for level in ("level1", "level2", "level3"):
        assert groups["every"][level]["share"] == pytest.approx(scored["accuracy"][level], abs=1e-6)
        for group in scored["by_images"]:
            assert found[group["images"]][level]["share"] == pytest.approx(group[level], abs=1e-6)


def test_frequencies_are_those_of_training(trained: Made, model: Path) -> None:
    change(model / "run.json", category_products=None)
    by_prior = describe(read_trained(model)).groups
    assert by_prior
    found = {row["name"]: row["products"] for row in trained.document["groups"]["by_frequency"]}
    assert list(found) == ["1", "2-9", "10-99"]
    assert sum(found.values()) == trained.document["groups"]["every"]["products"]
    assert [row.name for row in by_prior.by_frequency] == ["10-99"]  # a quarter of 56 products each


def test_a_category_that_training_never_saw_is_a_group_of_its_own() -> None:
    groups = group_products(answered([0, 1, 2, 3], [0, 1, 2, 0]), np.array([2, 1, 10, 0]))
    assert [group.name for group in groups.by_frequency] == ["none", "1", "2-9", "10-99"]
    assert [group.level3.right for group in groups.by_frequency] == [0, 1, 1, 1]


def test_the_dearest_pair_comes_first_with_both_directions() -> None:
    truth = [0] * 12 + [1] * 3 + [3] * 5
    said = [1] * 9 + [0] * 3 + [0, 1, 1] + [0] * 4 + [3]
    found = find_confusion(answered(truth, said), None)
    first, second = found.ranked
    assert (first.first_id, first.second_id, first.forth, first.back) == (10, 20, 9, 1)
    assert (first.products, first.parts, first.one_way) == (10, 3, True)
    assert [first.share, first.confused] == pytest.approx([10 / 14, 10 / 15], abs=1e-6)
    assert (second.first_id, second.parts, second.one_way) == (40, 1, False)


def test_pairs_are_ranked_by_share_too() -> None:
    truth = [0] * 100 + [1] * 100 + [2] * 6 + [3] * 6
    said = [1] * 10 + [0] * 90 + [1] * 100 + [3] * 6 + [3] * 6
    found = find_confusion(answered(truth, said), None)
    assert [pair.first_id for pair in found.ranked] == [10, 30]
    assert [(pair.first_id, pair.confused) for pair in found.by_share] == [(30, 0.5), (10, 0.05)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_every_wrong_answer_is_in_one_pair_and_parts_on_one_level(
    pairs: list[tuple[int, int]],
) -> None:
    truth, said = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = find_confusion(answered(truth, said), None)
    wrong = sum(a != b for a, b in pairs)
    assert found.wrong == wrong == sum(pair.products for pair in found.ranked)
    assert sum(parting.products for parting in found.partings) == wrong
    assert all(pair.forth >= pair.back for pair in found.ranked)
    assert found.matrix is None or sum(map(sum, found.matrix.counts)) == len(pairs)


def test_the_matrix_keeps_the_largest_branches_and_adds_up_the_others() -> None:
    tree = Taxonomy(np.arange(60), tuple((f"{at:02}", "a", "x") for at in range(60)))
    truth = [at for at in range(60) for _ in range(1 + at)]
    found = find_confusion(answered(truth, truth, tree=tree), None).matrix
    assert found is not None
    assert (found.names[0], found.names[-1], len(found.names)) == ("59", OTHERS, 25)
    assert (found.counts[0][0], found.counts[-1][-1]) == (60, sum(range(1, 37)))


def test_risk_at_full_coverage_is_the_error() -> None:
    found = measure_confidence(answered([0, 0, 1, 1], [0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6]))
    assert [(point.coverage, point.risk) for point in found.curve] == [
        (0.25, 0.0), (0.5, 0.0), (0.75, pytest.approx(1 / 3, abs=1e-6)), (1.0, 0.25),
    ]  # fmt: skip
    bounds = {bound.risk: bound for bound in found.bounds}
    assert bounds[0.01].coverage == 0.5
    assert bounds[0.01].threshold == pytest.approx(0.8)


def test_no_threshold_parts_equal_confidences() -> None:
    found = measure_confidence(answered([0, 1], [0, 0], [0.7, 0.7]))
    assert all((bound.coverage, bound.threshold) == (0.0, None) for bound in found.bounds)


def test_calibration_error_is_the_distance_of_confidence_and_accuracy() -> None:
    found = measure_confidence(answered([0, 1, 0, 1], [0, 0, 0, 1], [0.75, 0.75, 0.95, 0.95]))
    assert [(row.products, row.accuracy.right) for row in found.reliability] == [(2, 1), (2, 2)]
    assert found.calibration_error == pytest.approx((2 * 0.25 + 2 * 0.05) / 4, abs=1e-6)
    assert sum(column.right for column in found.columns) == 3


def test_examples_are_sorted_by_confidence_and_of_different_labels() -> None:
    truth, said = [0] * 20 + [1] * 20, [0] * 20 + [2] * 20
    found = choose_examples(answered(truth, said), None)
    assert [each.product_id for each in found.right] == list(range(12))
    assert [each.product_id for each in found.wrong][:1] == [20]
    assert [each.product_id for each in found.unsure][:2] == [39, 19]


def test_copies_of_a_product_are_shown_once() -> None:
    found = choose_examples(answered([0, 0, 0], [0, 0, 0], [0.9, 0.9, 0.8]), None)
    assert [each.product_id for each in found.right] == [0, 2]


def test_many_products_are_counted_without_a_loop() -> None:
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 4, (2, 200_000))
    products = answered(truth.tolist(), said.tolist(), rng.random(200_000).tolist())
    assert find_confusion(products, None).pairs == 6
    assert len(measure_confidence(products).curve) == 100
