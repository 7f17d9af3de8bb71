"""Taking the prior out of answers."""

import numpy as np
import pytest

from etalage.predictions.adjustment import adjust, target_share

PRIOR = np.array([0.7, 0.3, 0.0], np.float32)


def test_a_share_is_blended_as_label_smoothing_blends_targets() -> None:
    assert target_share(PRIOR, 0.3).tolist() == pytest.approx([0.59, 0.31, 0.1])


def test_full_strength_divides_by_the_share() -> None:
    given = np.array([[0.66, 0.3, 0.04]], np.float32)
    ratio = given[0] / (0.9 * PRIOR + 0.1 / 3)
    assert adjust(given, PRIOR, 1.0)[0].tolist() == pytest.approx((ratio / ratio.sum()).tolist())


def test_no_strength_changes_nothing() -> None:
    given = np.array([[0.2, 0.8, 0.0]], np.float32)
    assert adjust(given, PRIOR, 0.0) is given


def test_a_category_that_was_never_a_target_does_not_win_by_noise() -> None:
    prior = np.append(np.full(5269, 1 / 5269), 0).astype(np.float32)
    smoothed = np.full((1, 5270), 0.1 / 5270, np.float32)
    smoothed[0, 7] += 0.9
    assert adjust(smoothed, prior, 1.0).argmax() == 7
