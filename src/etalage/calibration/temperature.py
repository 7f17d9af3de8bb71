"""Makes probabilities honest: a temperature fitted on products the model was not trained on.

On a top-k table nothing is known of the C - k categories outside but the mass they have together.
It is taken to be spread evenly over them: each has rest / (C - k), is raised to the power 1 / T
like the k others, and all C are divided by their sum. The same spread says what probability a
category outside the k has. As a sum of float32 numbers cannot tell it from nothing, that mass is
taken to be at least 1e-7.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from etalage.calibration.evidence import Evidence
from etalage.calibration.noise import Noise
from etalage.errors import PredictionsError

COLDEST, HOTTEST = 0.05, 20.0
LEAST_REST = 1e-7
_MOST_FITTED = 300_000
"""Products a temperature is fitted on, evenly spaced: its error is some 0.1 % then."""
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
    return _least(lambda temperature: log_loss(logits, targets, temperature))


def _least(loss: Callable[[float], float]) -> float:
    found = minimize_scalar(
        lambda log_temperature: loss(math.exp(log_temperature)),
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


def fit_on_top(evidence: Evidence, noise: Noise | None = None) -> float:
    """Return the temperature that minimises the log-loss of a top-k table.

    With noise the labels are taken as a mixture: a share ``rate`` of them is any category, and the
    likelihood of a label is ``(1 - rate) * p + rate / C``. So probabilities become those of the
    real category, not of the label.

    Args:
        evidence: products with their truth; of more than 300,000 evenly spaced ones count.
        noise: of the given labels, where it is known.
    """
    if len(evidence) > _MOST_FITTED:
        evidence = evidence.take(np.linspace(0, len(evidence) - 1, _MOST_FITTED).astype(np.int64))
    table = _Table.of(evidence.probabilities, evidence.rest, len(evidence.taxonomy))
    place = evidence.place
    rate = 0.0 if noise is None else noise.rate

    def loss(temperature: float) -> float:
        found = np.exp(table.truth(place, temperature))
        return float(-np.log((1 - rate) * found + max(rate / table.leaves, 1e-300)).mean())

    return _least(loss)


def with_temperature(
    probabilities: NDArray[np.float32], rest: NDArray[np.float32], leaves: int, temperature: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the probabilities and the mass outside them at another temperature.

    Args:
        probabilities: descending, (n, k).
        rest: mass outside, (n,).
        leaves: number of categories C, at least k.
        temperature: above 1 makes answers less sure.
    """
    if temperature == 1:
        return probabilities, rest
    table = _Table.of(probabilities, rest, leaves, least=0.0)
    powers, total = table.powers(temperature)
    warmed = powers / total[:, None].astype(np.float32)
    outside = table.others * np.exp(table.outside / temperature) / total
    # Powers of nearly equal numbers may come out in the other order by a rounding.
    return np.minimum.accumulate(warmed, axis=1), outside.clip(0, 1).astype(np.float32)


def log_truth(evidence: Evidence) -> NDArray[np.float64]:
    """Return the logarithm of the probability of each truth, (N,), as ``fit_on_top`` takes it."""
    table = _Table.of(evidence.probabilities, evidence.rest, len(evidence.taxonomy))
    return table.truth(evidence.place, 1.0)


@dataclass(frozen=True, eq=False)
class _Table:
    """Logarithms, relative to that of the most probable category: no power overflows.

    Attributes:
        inside: of the k, (n, k) float32.
        outside: of each category outside, (n,) float64.
        leaves: number of categories C.
    """

    inside: NDArray[np.float32]
    outside: NDArray[np.float64]
    leaves: int

    @staticmethod
    def of(
        probabilities: NDArray[np.float32],
        rest: NDArray[np.float32],
        leaves: int,
        least: float = LEAST_REST,
    ) -> "_Table":
        others = leaves - probabilities.shape[1]
        each = rest.astype(np.float64).clip(min=least) / max(others, 1)
        most = np.maximum(probabilities[:, 0], each)
        with np.errstate(divide="ignore"):
            inside = np.log(probabilities / most[:, None].astype(np.float32))
            outside = np.log(each / most)
        return _Table(inside, outside, leaves)

    @property
    def others(self) -> int:
        """The number of categories outside."""
        return self.leaves - int(self.inside.shape[1])

    def powers(self, temperature: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the k to the power 1 / temperature, (n, k), and the sum of all C, (n,)."""
        powers = np.exp(self.inside * np.float32(1 / temperature))
        total = powers.sum(axis=1, dtype=np.float64)
        if self.others:
            total += self.others * np.exp(self.outside / temperature)
        return powers, total

    def truth(self, place: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
        """Return the log-probability of the category at ``place``; k is one outside, (n,)."""
        _, total = self.powers(temperature)
        last = self.inside.shape[1] - 1
        within = self.inside[np.arange(len(place)), place.clip(max=last)].astype(np.float64)
        chosen = np.where(place > last, self.outside, within.clip(min=_LEAST_LOG))
        return chosen / temperature - np.log(total)


_LEAST_LOG = -70.0  # of a probability of 0 among the k: about that of the smallest float32
