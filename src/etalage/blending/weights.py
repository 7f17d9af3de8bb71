"""Weights of a mean, fitted on products whose category is known: least log-loss on the simplex."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from etalage.blending.gradients import log_loss_and_gradient
from etalage.blending.means import Mean, Stack, make_mean

DIGITS = 4
"""Weights are rounded to so many: finer is noise, and the same on every machine so."""


def fit_weights(given: Stack, truth: NDArray[np.int32], start: Mean) -> Mean:
    """Return the mean with the weights of least log-loss, none negative, adding up to 1.

    For the arithmetic and the geometric mean the log-loss has one minimum.

    Args:
        given: what the models say of n products, each from at least one image.
        truth: leaf row of each product, (n,).
        start: which mean, and the weights to begin with.
    """
    members, products = given.categories.shape[:2]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        return log_loss(given, truth, start.exponent, weights)

    begin = np.full(members, 1 / members)
    found = minimize(
        loss,
        begin,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * members,
        constraints={
            "type": "eq",
            "fun": lambda weights: weights.sum() - 1,
            "jac": lambda weights: np.ones(members),
        },
        options={"maxiter": 200, "ftol": 1e-9},
    )
    best = begin if not np.isfinite(found.fun) else np.clip(found.x, 0, 1).round(DIGITS)
    power = start.exponent if start.name == "power" else None
    return make_mean(start.name, members, best.tolist(), power)


def log_loss(
    given: Stack, truth: NDArray[np.int32], exponent: float, weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean log-loss of a weighted mean, in nats, and its gradient, (M,)."""
    gradient = np.zeros(len(weights))
    total = log_loss_and_gradient(
        given.categories,
        given.probabilities,
        given.fill,
        given.kept,
        truth,
        weights,
        exponent,
        given.leaves,
        gradient,
    )
    return total / len(truth), gradient / len(truth)
