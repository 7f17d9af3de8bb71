"""What a level answers is the sum of its leaves, and every score is its formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.simulated import tree
from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.selective.curve import area, best_score, curve, risks
from etalage.selective.levels import answer_level, levels_of
from selective.invented import invent


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_answers_the_category_with_the_largest_sum(level: int) -> None:
    made = invent(50, leaves=30, k=12)
    table = made.predictions
    nodes = made.taxonomy.nodes(level)
    dense = np.zeros((50, nodes.max() + 1))
    rows = np.arange(50)[:, None]
    np.add.at(dense, (rows, nodes[table.categories]), table.probabilities.astype(np.float64))
    found = answer_level(made.taxonomy, level, table.categories, table.probabilities, table.rest)
    ordered = np.sort(dense, axis=1)[:, ::-1]
    assert (found.nodes == dense.argmax(axis=1)).all()
    assert found.confidence == pytest.approx(ordered[:, 0], abs=1e-6)
    assert found.score("margin") == pytest.approx(ordered[:, 0] - ordered[:, 1], abs=1e-6)
    assert found.score("p-norm") == pytest.approx(np.sqrt((dense**2).sum(axis=1)), abs=1e-6)


def test_entropy_counts_the_rest_as_spread_over_the_categories_not_seen() -> None:
    even = np.full((1, 2), 0.25, np.float32)
    found = answer_level(
        tree(4), 3, np.array([[2, 1]], np.int32), even, np.array([0.5], np.float32)
    )
    assert found.score("entropy")[0] == pytest.approx(-np.log(4))


def test_a_flat_taxonomy_has_only_leaves_to_answer() -> None:
    assert levels_of(flat_taxonomy(np.arange(5))) == (3,)
    assert levels_of(tree()) == (3, 2, 1)
    assert levels_of(tree(), back_off=False) == (3,)


ANSWERS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


@given(ANSWERS, st.integers(0, 99))
@settings(max_examples=50)
def test_risk_of_equal_scores_is_the_mean_over_their_orders(
    answers: list[tuple[int, bool]], seed: int
) -> None:
    scores = np.array([score for score, _ in answers], np.float32)
    wrong = np.array([error for _, error in answers])
    shuffled = np.random.default_rng(seed).permutation(len(answers))
    assert risks(scores, wrong) == pytest.approx(risks(scores[shuffled], wrong[shuffled]))
    assert risks(scores, wrong)[-1] == pytest.approx(wrong.mean())
    assert area(scores, wrong).excess >= 0


def test_the_area_is_the_mean_risk_and_the_best_order_has_no_excess() -> None:
    scores, wrong = np.array([4, 3, 2, 1], np.float32), np.array([False, True, False, True])
    assert area(scores, wrong).aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, abs=1e-6)
    assert area(scores, np.sort(wrong)).excess == 0
    assert [point.coverage for point in curve(scores, wrong, 2)] == [0.25, 1.0]


def test_another_score_is_taken_where_it_is_clearly_better_only() -> None:
    good, wrong = np.arange(200, 0, -1, dtype=np.float32), np.arange(200) > 150
    nearly = good.copy()
    nearly[[150, 151]] = nearly[[151, 150]]
    assert best_score({"first": -good, "other": good}, wrong) == "other"
    assert best_score({"first": nearly, "other": good}, wrong) == "first"
