"""The threshold of one score whose share of errors is below a target, with a stated chance to err.

Learn then test (Angelopoulos, Bates, Candès, Jordan and Lei 2021) with a fixed sequence: the
labelled products are divided by lot. One part, for choosing, says which thresholds are tried, from
which on, in which order (strict to lax). The other, for testing, only answers yes or no: of the m
products at or over a threshold E are wrong, and the exact binomial p-value that the share of errors
is above the target is P(Bin(m, target) <= E). The first threshold with a p-value over the chance
ends the sequence; the one before it is taken. That a threshold with too many errors is taken has
at most that chance, whatever the scores are worth: only the division by lot must be fair and the
products a random sample.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binom

from etalage.predictions.intervals import clopper_pearson
from etalage.selective.order import descending, keys

CANDIDATES = 200
_HOPELESS = 0.1  # below this predicted chance to pass, the lowest bound is looked for instead
_HALF = 0.5  # Jeffreys' prior for a share


@dataclass(frozen=True, eq=False)
class Sample:
    """Products of one part: how sure their answers are, (P,) float, and which are wrong, (P,)."""

    scores: NDArray[np.float32]
    wrong: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)

    def counts(
        self, thresholds: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many products are at or over each threshold, and how many of them wrong."""
        ordered, errors = descending(self.scores, self.wrong)
        held = len(self) - np.searchsorted(ordered[::-1], keys(thresholds), side="left")
        counted = np.append(0, np.cumsum(errors))[held]
        return held.astype(np.int64), counted.astype(np.int64)


@dataclass(frozen=True)
class Found:
    """Where a sequence of tests ended.

    Attributes:
        threshold: the laxest that passed; None when the first one failed or none was tried.
        ceiling: products with a lower score have not been looked at; None where none passed.
        best: where the first one failed: that threshold, at which ``risk`` holds.
        risk: the share of errors that holds with the chance: the target where it is met, else the
            one-sided Clopper-Pearson bound at ``best``.
        tested: products of the testing part at or over the threshold (or ``best``).
        errors: how many of them are wrong.
        p_value: of the threshold, or of ``best``.
    """

    threshold: float | None
    ceiling: float | None
    best: float | None
    risk: float
    tested: int
    errors: int
    p_value: float


_NOTHING = Found(None, None, None, 1.0, 0, 0, 1.0)


def least_products(target: float, chance: float) -> int:
    """Return how many products without an error a promise takes: 149 for 0.02 and 0.05."""
    return math.ceil(math.log(chance) / math.log1p(-target))


def likely_share(choosing: Sample, target: float) -> float:
    """Return the largest share of products with no more errors than the target: a guess."""
    if not len(choosing):
        return 0.0
    held, errors = choosing.counts(_candidates(choosing.scores))
    kept = held[errors <= target * held]
    return float(kept.max(initial=0)) / len(choosing)


def find_threshold(choosing: Sample, testing: Sample, target: float, chance: float) -> Found:
    """Return the laxest threshold that passes the sequence of tests.

    Args:
        choosing: says what is tried.
        testing: drawn from the same products, independently.
        target: share of errors among the answers at or over the threshold, at most.
        chance: that the threshold returned does not keep to it, at most.
    """
    if not len(choosing) or not len(testing):
        return _NOTHING
    tried = _candidates(choosing.scores)
    tried = tried[_start(choosing, len(testing), tried, target, chance) :]
    held, errors = testing.counts(tried)
    p_values = binom.cdf(errors, held, target)
    failed = np.flatnonzero(p_values > chance)
    stop = int(failed[0]) if len(failed) else len(tried)
    last = max(0, stop - 1)
    counted = int(held[last]), int(errors[last]), float(p_values[last])
    at = float(tried[last])
    if not stop:
        bound = float(clopper_pearson(errors[0], held[0], 1 - 2 * chance)[1])
        return Found(None, None, at, bound, *counted)
    return Found(at, float(tried[min(stop, len(tried) - 1)]), None, target, *counted)


def _candidates(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return different scores, the highest first, about as many products between each two."""
    ordered = np.sort(scores)[::-1]
    places = np.linspace(0, len(ordered) - 1, min(CANDIDATES, len(ordered))).round()
    return np.unique(ordered[places.astype(np.int64)])[::-1]


def _start(
    choosing: Sample, testing: int, tried: NDArray[np.float32], target: float, chance: float
) -> int:
    """Return the threshold most likely to pass, or, where none is, that of the lowest bound."""
    held, errors = choosing.counts(tried)
    expected = np.floor(testing * held / len(choosing))
    share = (errors + _HALF) / (held + 2 * _HALF)
    most = binom.ppf(chance, expected, target) - 1  # errors with which the test is passed
    # What the choosing part predicts for the testing part, beta-binomial, nearly normal.
    spread = expected * share * (1 - share) * (1 + expected / (held + 2))
    power = np.where(
        most < 0, 0.0, ndtr((most + _HALF - expected * share) / np.sqrt(spread + 1e-9))
    )
    if power.max() >= _HOPELESS:
        # Of equally good ones the laxest: fewer tests are left to fail.
        return int(np.flatnonzero(power >= power.max() - 1e-6)[-1])
    bound = clopper_pearson(np.floor(expected * share), expected, 1 - 2 * chance)[1]
    return int(bound.argmin())
