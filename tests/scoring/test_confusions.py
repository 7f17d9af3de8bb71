"""What is taken for what costs products times distance in the tree."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.scoring.confusions import find_confusions
from scoring.plain import PRODUCTS, TREE, columns, compared, path


def climb(first: int, second: int) -> int:
    """Return how many levels have to be climbed from two leaves to meet."""
    if first == second:
        return 0
    return 1 + sum(path(first, level) != path(second, level) for level in (1, 2))


@given(products=PRODUCTS)
@settings(max_examples=30)
def test_confusions_are_counted_and_priced_pair_by_pair(
    products: list[tuple[int, int, int]],
) -> None:
    truth, answer, _ = columns(products)
    found = find_confusions(compared(truth, answer))
    pairs = [(one, other) for one, other in zip(truth, answer, strict=True) if other >= 0]
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    cost = {pair: count * climb(*pair) for pair, count in wrong.items()}
    assert {
        (pair.truth_id, pair.answer_id): (pair.products, pair.distance, pair.cost)
        for pair in found.ranked
    } == {
        (int(TREE.ids[one]), int(TREE.ids[other])): (count, climb(one, other), cost[one, other])
        for (one, other), count in wrong.items()
        if len(wrong) <= 30 or (int(TREE.ids[one]), int(TREE.ids[other])) in {
            (pair.truth_id, pair.answer_id) for pair in found.ranked
        }
    }  # fmt: skip
    assert [pair.cost for pair in found.ranked] == sorted(cost.values(), reverse=True)[:30]
    assert (found.wrong, found.pairs, found.cost) == (
        sum(wrong.values()), len(wrong), sum(cost.values())
    )  # fmt: skip
    assert found.by_distance == [sum(climb(*pair) == far for pair in pairs) for far in range(4)]
    if pairs:
        assert found.distance == pytest.approx(np.mean([climb(*pair) for pair in pairs]))


def test_leaves_without_levels_are_one_apart() -> None:
    found = find_confusions(compared([0, 0, 1], [6, 6, 1], flat_taxonomy(TREE.ids)))
    assert [(pair.products, pair.distance, pair.share) for pair in found.ranked] == [(2, 1, 1.0)]


def test_no_answer_at_all_is_no_confusion() -> None:
    found = find_confusions(compared([0, 1], [-1, -1]))
    assert (found.wrong, found.distance, found.ranked) == (0, None, [])
