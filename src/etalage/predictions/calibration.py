"""Makes probabilities honest: a temperature fitted on products the model was not trained on."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from etalage.errors import PredictionsError

COLDEST, HOTTEST = 0.05, 20.0
_BLOCK_ELEMENTS = 1 << 22


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the log-loss (Guo et al. 2017, section 4.2).

    Args:
        logits: (n, C).
        targets: the leaf row of each product, (n,).

    Returns:
        What to divide logits by, from 0.05 to 20; 1 when there is nothing to fit on.

    Raises:
        PredictionsError: a logit is no finite number.
    """
    if not len(targets):
        return 1.0
    if not np.isfinite(logits).all():
        raise PredictionsError("a temperature cannot be fitted: a logit is no finite number")
    found = minimize_scalar(
        lambda log_temperature: log_loss(logits, targets, math.exp(log_temperature)),
        bounds=(math.log(COLDEST), math.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(math.exp(found.x))


def log_loss(
    logits: NDArray[np.float32], targets: NDArray[np.int64], temperature: float = 1.0
) -> float:
    """Return the mean negative log-probability of the targets, in nats."""
    scale = np.float32(1 / temperature)
    total = 0.0
    for block in _blocks(logits):
        # Shifted so that the largest is 0: nothing overflows, and the sum is at least 1.
        shifted = (logits[block] - logits[block].max(axis=1, keepdims=True)) * scale
        rows = np.arange(len(shifted))
        log_sums = np.log(np.exp(shifted).sum(axis=1, dtype=np.float64))
        total += float((log_sums - shifted[rows, targets[block]]).sum())
    return total / len(targets)


def _blocks(logits: NDArray[np.float32]) -> Iterator[slice]:
    step = max(1, _BLOCK_ELEMENTS // logits.shape[1])
    for start in range(0, len(logits), step):
        yield slice(start, start + step)
