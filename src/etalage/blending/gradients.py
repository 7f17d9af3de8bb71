"""Log-loss of a weighted mean and its gradient by the weights, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.blending.kernels import LEAST, backward, forward, gather_union


@njit(cache=True, nogil=True)
def log_loss_and_gradient(
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    fill: NDArray[np.float64],
    kept: NDArray[np.int64],
    truth: NDArray[np.int32],
    weights: NDArray[np.float64],
    exponent: float,
    leaves: int,
    gradient: NDArray[np.float64],
) -> float:
    """Return the sum of the log-losses of products; add its gradient to ``gradient``, (M,).

    With s = sum of w f(p) and v = f^-1(s) of each category, the loss is log(sum of v) - log v of
    the true one; categories that no model names have one v together.
    """
    members, products, most = categories.shape
    where = np.full(leaves, -1, np.int32)
    union = np.empty(members * most, np.int32)
    sums, pull = np.empty(members * most + 1), np.empty(members * most + 1)
    listed = np.empty((members, members * most + 1))
    loss = 0.0
    for product in range(products):
        count = gather_union(categories, kept, product, where, union)
        sums[: count + 1] = 0.0
        for member in range(members):
            listed[member, : count + 1] = forward(fill[member, product], exponent)
            for place in range(kept[member]):
                at = where[categories[member, product, place]]
                listed[member, at] = forward(probabilities[member, product, place], exponent)
            for at in range(count + 1):
                sums[at] += weights[member] * listed[member, at]
        right = count if where[truth[product]] < 0 else where[truth[product]]
        loss += _pull(sums, pull, count, leaves, right, exponent)
        for member in range(members):
            for at in range(count + 1):
                gradient[member] += pull[at] * listed[member, at]
        for at in range(count):
            where[union[at]] = -1
    return loss


@njit(cache=True, nogil=True)
def _pull(
    sums: NDArray[np.float64],
    pull: NDArray[np.float64],
    count: int,
    leaves: int,
    right: int,
    exponent: float,
) -> float:
    """Return the log-loss of a product; fill in its derivative by each of its sums.

    The last sum is that of each of the categories that no model names.
    """
    total = 0.0
    for at in range(count + 1):
        many = 1 if at < count else leaves - count
        if exponent == 1.0:
            sums[at] = max(sums[at], LEAST)
        pull[at] = many * backward(sums[at], exponent)
        total += pull[at]
    for at in range(count + 1):
        share = pull[at] / total - (1.0 if at == right else 0.0)
        pull[at] = share if exponent == 0.0 else share / (exponent * sums[at])
    return float(np.log(total) - np.log(backward(sums[right], exponent)))
