"""What a confidence is worth: reliability, expected calibration error, log-loss, Brier score.

The expected calibration error (ECE; Guo et al. 2017) is the mean distance of confidence and share
of right answers over bins. Bins have equal numbers of products (Nguyen and O'Connor 2015): at most
15, of at least 5 products. A perfectly calibrated model does not reach 0: in every bin luck alone
moves the share of right answers. How much, the *floor*, is drawn: answers right with just the
probability their confidence says, in the same bins. ECE means something by what it is above that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.evidence import Evidence
from etalage.calibration.noise import Noise, corrected
from etalage.calibration.temperature import log_truth
from etalage.predictions.intervals import clopper_pearson

BINS, LEAST_OF_A_BIN = 15, 5
_DRAWS = 1000
_DRAWN_SINGLY = 5000
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Bin:
    """Products of similar confidence, and how many of their answers are right.

    Attributes:
        products: number of them.
        confidence: their mean confidence.
        accuracy: share right; corrected for noise where that is known.
        low: lower end of its interval of 95 %.
        high: upper end.
    """

    products: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """How honest the probabilities of some predictions are.

    Attributes:
        products: number of them.
        accuracy: share of first answers that are right; corrected for noise where that is known.
        accuracy_interval: of it, 95 %.
        confidence: mean confidence of the first answers.
        ece: expected calibration error.
        ece_interval: what it comes to on other samples of this size, 95 %.
        ece_floor: what it comes to, in the mean, for perfect probabilities of this size.
        ece_floor_high: what 95 of 100 perfect ones stay below.
        log_loss: mean over products, in nats; a truth outside the k has an even share of the rest.
        brier: mean over products of the sum over all categories of squared errors, 0 to 2; the rest
            spread evenly.
        brier_interval: the least and the most it is, however the rest is spread. No confidence.
        bins: the reliability diagram.
    """

    products: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    confidence: float
    ece: float
    ece_interval: tuple[float, float]
    ece_floor: float
    ece_floor_high: float
    log_loss: float
    brier: float
    brier_interval: tuple[float, float]
    bins: tuple[Bin, ...]


def measure(evidence: Evidence, noise: Noise | None = None, seed: int = 0) -> Figures:
    """Measure predictions against their truth.

    With noise, accuracy, bins and ECE are about the real category; log-loss and Brier stay about
    the given labels.

    Args:
        evidence: at least one product.
        noise: of the given labels, where it is known.
        seed: of what is drawn for the intervals.
    """
    right = evidence.right
    error = calibration_error(evidence.confidence, right, noise, seed)
    accuracy, low, high = share_right(int(right.sum()), len(right), noise)
    brier, least, most = brier_scores(evidence)
    return Figures(
        products=len(right),
        accuracy=accuracy,
        accuracy_interval=(low, high),
        confidence=float(evidence.confidence.mean()),
        ece=error.ece,
        ece_interval=error.interval,
        ece_floor=error.floor,
        ece_floor_high=error.floor_high,
        log_loss=float(-log_truth(evidence).mean()),
        brier=brier,
        brier_interval=(least, most),
        bins=reliability(evidence.confidence, right, noise),
    )


def share_right(right: int, products: int, noise: Noise | None) -> tuple[float, float, float]:
    """Return a share with its exact interval, corrected for noise where that is known."""
    low, high = clopper_pearson(right, products)
    found = right / products, float(low), float(high)
    return found if noise is None else corrected(*found, noise)


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], noise: Noise | None = None
) -> tuple[Bin, ...]:
    """Return bins of equal numbers of products, from low to high confidence."""
    order = np.argsort(confidence, kind="stable")
    begins = _begins(len(order))
    products = np.diff(np.append(begins, len(order)))
    means = np.add.reduceat(confidence[order], begins) / products
    hits = np.add.reduceat(right[order].astype(np.int64), begins)
    return tuple(
        Bin(count, mean, *share_right(hit, count, noise))
        for count, mean, hit in zip(products.tolist(), means.tolist(), hits.tolist(), strict=True)
    )


def _begins(products: int) -> NDArray[np.int64]:
    """Return where bins of sorted products begin."""
    bins = max(1, min(BINS, products // LEAST_OF_A_BIN))
    return (np.arange(bins, dtype=np.int64) * products) // bins


@dataclass(frozen=True)
class CalibrationError:
    """ECE, the interval around it, and what perfect probabilities would show."""

    ece: float
    interval: tuple[float, float]
    floor: float
    floor_high: float


def calibration_error(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    noise: Noise | None = None,
    seed: int = 0,
) -> CalibrationError:
    """Return the ECE of the first answers.

    The interval is a bootstrap's: products drawn anew, each as often as a Poisson number of mean 1
    says. Drawing adds noise of its own to every bin, which makes all drawn ECEs too large; they are
    shifted so that their mean is the ECE found. Of more than 5,000 products the sums of bins are
    drawn from normal distributions instead, which they then are.

    Args:
        confidence: of the first categories, (n,), n at least 1.
        right: whether they are right, (n,).
        noise: of the labels; a right one then counts ``1 / (1 - rate)``.
        seed: of what is drawn.
    """
    order = np.argsort(confidence, kind="stable")
    worth = 1 / (1 - (noise.rate if noise else 0))
    sure = confidence[order]
    gaps = sure - worth * right[order]
    begins, count = _begins(len(sure)), len(sure)
    ece = float(np.abs(np.add.reduceat(gaps, begins)).sum() / count)
    random = np.random.default_rng(seed)
    single = count <= _DRAWN_SINGLY
    chance = (sure / worth).clip(0, 1)
    if single:
        again = _summed(begins, count, lambda draws: gaps * random.poisson(1, (draws, count)))
        lucky = _summed(
            begins, count, lambda draws: sure - worth * (random.random((draws, count)) < chance)
        )
    else:
        again = _normal(random, begins, gaps, gaps**2)
        lucky = _normal(random, begins, sure - worth * chance, worth**2 * chance * (1 - chance))
    drawn, floor = (np.abs(sums).sum(axis=1) / count for sums in (again, lucky))
    low, high = np.quantile(drawn - drawn.mean(), (0.025, 0.975)) + ece
    return CalibrationError(
        ece,
        (max(0.0, float(low)), min(1.0, float(high))),
        float(floor.mean()),
        float(np.quantile(floor, 0.95)),
    )


def _summed(
    begins: NDArray[np.int64], count: int, draw: Callable[[int], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Draw gaps of all products many times, and sum each draw up by bins, (draws, bins)."""
    step = max(1, _BLOCK // count)
    pieces = [min(step, _DRAWS - start) for start in range(0, _DRAWS, step)]
    return np.concatenate([np.add.reduceat(draw(size), begins, axis=1) for size in pieces])


def _normal(
    random: np.random.Generator,
    begins: NDArray[np.int64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> NDArray[np.float64]:
    centre = np.add.reduceat(means, begins)
    width = np.sqrt(np.add.reduceat(variances, begins))
    return centre + width * random.standard_normal((_DRAWS, len(begins)))


def brier_scores(evidence: Evidence) -> tuple[float, float, float]:
    """Return the Brier score of a top-k table, and the least and most it can be.

    For one product with probabilities p of all C categories and truth t the score is
    ``sum p_c**2 - 2 p_t + 1``. Of those outside the k only the sum ``r`` is known, and that none
    of the M = C - k is above ``b = min(r, p_k)``. Spread evenly, they add ``r**2 / M`` to the sum
    of squares, and a truth among them has ``p_t = r / M``. However spread, they add from
    ``r**2 / M`` to ``r * b``; with the truth among them the score is least where the truth has all
    it can, ``b``, and the others share ``r - b``, and most where it has nothing. ``r**2 / M`` alone
    for a truth outside, forgetting ``p_t``, would punish it twice; leaving ``r`` out would reward
    a table for being cut.
    """
    rest, count = evidence.rest.astype(np.float64), evidence.probabilities.shape[1]
    others = max(len(evidence.taxonomy) - count, 1)
    inside = np.einsum("nk,nk->n", evidence.probabilities, evidence.probabilities, dtype=np.float64)
    place = evidence.place
    outside = place == count
    rows = np.arange(len(place))
    chosen = evidence.probabilities[rows, place.clip(max=count - 1)].astype(np.float64)
    known = 1 + inside - np.where(outside, 0, 2 * chosen)
    even = rest**2 / others
    score = known + even - np.where(outside, 2 * rest / others, 0)
    if others == 1:
        return (float(score.mean()),) * 3
    bound = np.minimum(rest, evidence.probabilities[:, -1])
    lone = bound**2 - 2 * bound + (rest - bound) ** 2 / (others - 1)
    least, most = known + np.where(outside, lone, even), known + rest * bound
    return float(score.mean()), float(least.mean()), float(most.mean())
