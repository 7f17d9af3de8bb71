"""A rising map from the confidence of the first category to how often it is right.

Centred isotonic regression (Oron and Flournoy 2017): isotonic regression joins products of similar
confidence into blocks, each of which becomes one point in its centre; between the points the map is
a straight line. So it rises everywhere, and products keep their order. A block in which all are
right, or none, is taken to hold one product more, as right as its confidence says: no finite sample
shows certainty.

The other categories of a product share what the first one leaves, in the proportions they had.
Where the second would overtake the first, both get the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from etalage.calibration.noise import Noise

_TOWARDS_ONE = 0.01


@dataclass(frozen=True)
class Isotonic:
    """The map: a straight line between points (``x``, ``y``), both rising, from 0 to 1 in x."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, confidence: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mapped confidences."""
        return np.interp(confidence.astype(np.float64), self.x, self.y)


def fit_isotonic(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], noise: Noise | None = None
) -> Isotonic:
    """Fit the map on products that the model was not trained on.

    Args:
        confidence: of the first category, (n,), n at least 1.
        right: whether it is the truth, (n,).
        noise: of the given labels, where it is known: shares of right ones are divided by
            ``1 - rate``.
    """
    level, own = np.unique(confidence.astype(np.float64), return_inverse=True)
    products, hits = np.bincount(own), np.bincount(own, weights=right)
    fitted = isotonic_regression(hits / products, sample_weight=products)
    begins = np.flatnonzero(np.append(True, np.diff(fitted) > 0))
    centres = np.add.reduceat(level * products, begins)
    rates = np.add.reduceat(hits, begins)
    products = np.add.reduceat(products, begins)
    centres, rates = centres / products, rates / products
    rates = (rates / (1 - (noise.rate if noise else 0))).clip(max=1)
    return _from_zero_to_one(centres, _never_certain(rates, centres, products))


def _never_certain(
    rates: NDArray[np.float64], centres: NDArray[np.float64], products: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give blocks without a right or a wrong product one more, as right as their confidence."""
    none, every = rates <= 0, rates >= 1
    values = np.where(none | every, (rates * products + centres) / (products + 1), rates)
    if none[0] and len(rates) > 1:
        values[0] = min(values[0], rates[1])
    raised: NDArray[np.float64] = np.maximum.accumulate(values)
    return raised


def _from_zero_to_one(x: NDArray[np.float64], y: NDArray[np.float64]) -> Isotonic:
    """Add the ends: nothing stays nothing, and certainty is next to what was seen last."""
    inner = (x > 0) & (x < 1)
    last = y[-1] + _TOWARDS_ONE * (1 - y[-1])
    xs, ys = [0.0, *x[inner].tolist(), 1.0], [0.0, *y[inner].tolist(), float(last)]
    return Isotonic(tuple(xs), tuple(ys))


def with_isotonic(
    probabilities: NDArray[np.float32], rest: NDArray[np.float32], leaves: int, fitted: Isotonic
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probabilities, descending as before, and the mass outside them.

    Where the first category had everything, what it loses goes to those outside the k.

    Args:
        probabilities: descending, (n, k).
        rest: mass outside, (n,).
        leaves: number of categories C, at least k.
        fitted: the map of the first one.
    """
    first = probabilities[:, 0].astype(np.float64)
    left = probabilities[:, 1:].sum(axis=1, dtype=np.float64) + rest
    second = probabilities[:, 1] if probabilities.shape[1] > 1 else np.zeros(len(first))
    some = left > 0
    tied = np.divide(second, left + second, out=np.zeros_like(first), where=some)
    wanted = np.maximum(fitted(first), tied)
    if leaves == probabilities.shape[1]:
        wanted = np.where(some, wanted, first)
    scale = np.divide(1 - wanted, left, out=np.zeros_like(first), where=some)
    changed = (probabilities * scale[:, None]).astype(np.float32)
    changed[:, 0] = wanted
    outside = np.where(some, rest * scale, 1 - wanted)
    return np.minimum.accumulate(changed, axis=1), outside.clip(0, 1).astype(np.float32)
