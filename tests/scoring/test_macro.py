"""Means over categories are scikit-learn's."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support

from etalage.scoring.macro import macro_of
from etalage.scoring.resampling import Units
from scoring.plain import PRODUCTS, TREE, columns, compared, path


@given(products=PRODUCTS)
@settings(max_examples=25)
def test_means_over_categories_are_those_of_scikit_learn(
    products: list[tuple[int, int, int]],
) -> None:
    truth, answer, _ = columns(products)
    found = macro_of(compared(truth, answer), Units(None))
    for level in (1, 2, 3):
        right = ["/".join(path(row, level)) for row in truth]
        said = ["/".join(path(row, level)) for row in answer]
        labels = sorted({*right, *said} - {"nothing"})
        means = precision_recall_fscore_support(
            right, said, labels=labels, average="macro", zero_division=0
        )[:3]
        macro = found[f"level{level}"]
        assert macro is not None
        assert [macro.precision, macro.recall, macro.f1] == pytest.approx(list(means))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # answers of categories that the truth has not
            balanced = balanced_accuracy_score(right, said)
        assert macro.balanced_accuracy == pytest.approx(balanced)
        assert (macro.categories, macro.named) == (len(set(right)), len(labels))


def slow_resamples(
    truth: np.ndarray, answer: np.ndarray, unit: np.ndarray, draws: int
) -> np.ndarray:
    """Return the balanced accuracies of resampled units, drawn one unit at a time."""
    random, units = np.random.default_rng(0), np.unique(unit)
    means = []
    for _ in range(draws):
        drawn = random.choice(units, len(units))
        rows = np.concatenate([np.flatnonzero(unit == each) for each in drawn])
        right = truth[rows] == answer[rows]
        means.append(np.mean([right[truth[rows] == leaf].mean() for leaf in set(truth[rows])]))
    return np.array(means)


@pytest.mark.parametrize("copies", [1, 3])
def test_the_interval_of_balanced_accuracy_is_about_that_of_drawing_units(copies: int) -> None:
    random = np.random.default_rng(1)
    truth = np.repeat(random.integers(0, 4, 150), copies)
    answer = np.where(np.repeat(random.random(150), copies) < 0.7, truth, 5)
    unit = np.repeat(np.arange(150), copies)
    units = Units(None if copies == 1 else unit.astype(np.int32))
    macro = macro_of(compared(truth, answer), units)["level3"]
    ends = np.quantile(slow_resamples(truth, answer, unit, 400), [0.025, 0.975])
    assert macro is not None
    assert list(macro.interval) == pytest.approx(ends.tolist(), abs=0.02)
    assert macro.interval[1] - macro.interval[0] > 0.1


def test_a_flat_taxonomy_has_means_of_leaves_only() -> None:
    from etalage.catalogue.taxonomy import flat_taxonomy

    found = macro_of(compared([0, 1], [0, -1], flat_taxonomy(TREE.ids)), Units(None))
    assert (found["level1"], found["level2"]) == (None, None)
    assert found["level3"] is not None
    assert found["level3"].balanced_accuracy == 0.5
