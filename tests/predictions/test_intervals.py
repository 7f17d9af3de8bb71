"""An interval of a share holds the share as often as it says."""

import numpy as np
import pytest
from scipy.stats import binomtest

from etalage.predictions.intervals import clopper_pearson


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (3, 50), (147, 149)])
def test_it_is_the_exact_interval(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(0.9, method="exact")
    low, high = clopper_pearson(hits, trials, 0.9)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high))


def test_nothing_seen_says_nothing() -> None:
    low, high = clopper_pearson([0, 1], [0, 1])
    np.testing.assert_allclose(low, [0, 0.025])
    np.testing.assert_allclose(high, [1, 1])
