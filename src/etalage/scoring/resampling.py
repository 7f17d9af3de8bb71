"""Intervals by resampling: how far a figure may be from that of other products like these.

What is drawn, with replacement, is a unit: a product, or all products of one duplicate group, which
are answered alike because they show the same picture (the cluster bootstrap; Field and Welsh 2007).
Units of the same size with as many right answers are interchangeable, so a resample is one draw of
how often each kind of unit comes (a multinomial): exactly the bootstrap (Efron 1979), at any
size. Ends are the 2.5th and the 97.5th percentile of 2,000 resamples.

Where all units agree, resampling says nothing: all right is not certainty; and of a few units it
says too little. There, and for shares of fewer than 30 units, the interval is that of Clopper and
Pearson, of as many trials as there are units.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.predictions.intervals import clopper_pearson
from etalage.scoring.accuracy import Interval

RESAMPLES = 2000
FEW = 30
_FLIPS = 9999
_PERCENTILES = (0.025, 0.975)
_NORMAL = 1.959963984540054
_BLOCK_ELEMENTS = 1 << 20


@dataclass(frozen=True, eq=False)
class Kinds:
    """Kinds of units: ``count`` units have ``size`` products whose values add up to ``total``."""

    size: NDArray[np.int64]
    total: NDArray[np.int64]
    count: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn together, and from which seed.

    Attributes:
        unit: number of each product's unit, (P,); None: each product is one.
        seed: of every interval; the same values give the same interval.
    """

    unit: NDArray[np.int32] | None
    seed: int = 0

    @property
    def number(self) -> int | None:
        """How many units there are; None where each product is one."""
        return None if self.unit is None else int(np.count_nonzero(np.bincount(self.unit)))

    def take(self, rows: NDArray[np.int64]) -> "Units":
        """Return the units of some products."""
        return Units(None if self.unit is None else self.unit[rows], self.seed)

    def share(
        self, right: NDArray[np.bool_], rows: NDArray[np.int64] | slice = slice(None)
    ) -> Interval:
        """Return the interval of the share of right answers among some products, at least one."""
        return self._mean(right[rows], rows, signed=False)

    def difference(self, right: NDArray[np.bool_], other: NDArray[np.bool_]) -> Interval:
        """Return the interval of how much larger the first share is, on the same products."""
        return self._mean(right.astype(np.int8) - other, slice(None), signed=True)

    def sign_flip(self, right: NDArray[np.bool_], other: NDArray[np.bool_]) -> float | None:
        """Return how likely so large a difference is if no unit prefers either answers.

        Each unit's difference keeps its size and gets its sign by lot (a randomisation test, valid
        for any number of units; where every product is a unit it is McNemar's exact test).

        Returns:
            The two-sided p, at least 0.0001 since there are 9,999 lots; None where products are
            units.
        """
        if self.unit is None:
            return None
        sums = np.bincount(self.unit, weights=right.astype(np.int8) - other).astype(np.int64)
        sizes, counts = np.unique(np.abs(sums[sums != 0]), return_counts=True)
        signs = np.random.default_rng(self.seed).binomial(counts, 0.5, (_FLIPS, len(counts)))
        drawn = np.abs((2 * signs - counts) @ sizes)
        return float((1 + (drawn >= abs(sums.sum())).sum()) / (1 + _FLIPS))

    def _mean(
        self,
        values: NDArray[np.bool_] | NDArray[np.int8],
        rows: NDArray[np.int64] | slice,
        *,
        signed: bool,
    ) -> Interval:
        kinds = _kinds(values, None if self.unit is None else self.unit[rows])
        return _interval(kinds, self.seed, signed=signed)

    def linearised(self, value: float, influence: NDArray[np.float64]) -> Interval:
        """Return the interval of a figure that is no share of products, from 0 to 1.

        Args:
            value: the figure.
            influence: what it changes by when one more of a product is drawn, (P,). The sum of the
                squares over units is the variance under resampling to first order (the
                infinitesimal jackknife; Jaeckel 1972, Efron 1982).
        """
        together = influence
        if self.unit is not None:
            together = np.bincount(self.unit, weights=influence).astype(np.float64)
        return normal(value, float(np.square(together).sum()))


def normal(value: float, variance: float) -> Interval:
    """Return the interval of a figure from 0 to 1 as if it were normally distributed."""
    reach = _NORMAL * variance**0.5
    return max(0.0, value - reach), min(1.0, value + reach)


def of_counts(right: int, products: int, seed: int) -> Interval:
    """Return what ``Units.share`` does where each product is a unit, from the counts alone."""
    counts = np.array([products - right, right], np.int64)
    there = counts > 0
    ones, total = np.ones(2, np.int64), np.arange(2)
    return _interval(Kinds(ones[there], total[there], counts[there]), seed, signed=False)


def _kinds(values: NDArray[np.bool_] | NDArray[np.int8], unit: NDArray[np.int32] | None) -> Kinds:
    if unit is None:
        counts = np.array([np.count_nonzero(values == each) for each in (-1, 0, 1)], np.int64)
        there = counts > 0
        return Kinds(np.ones(3, np.int64)[there], np.arange(-1, 2)[there], counts[there])
    size = np.bincount(unit)
    total = np.bincount(unit, weights=values).astype(np.int64)[size > 0]
    size = size[size > 0]
    width = 2 * int(size.max()) + 1
    keys, counts = np.unique(size * width + total + size, return_counts=True)
    return Kinds(keys // width, keys % width - keys // width, counts)


def _interval(kinds: Kinds, seed: int, *, signed: bool) -> Interval:
    units = int(kinds.count.sum())
    means = kinds.total / kinds.size
    if (means == means[0]).all() or (units < FEW and not signed):
        mean = float((kinds.total @ kinds.count) / (kinds.size @ kinds.count))
        return _exact(units, mean, signed=signed)
    return _bootstrap(kinds, seed)


def _bootstrap(kinds: Kinds, seed: int) -> Interval:
    random = np.random.default_rng(seed)
    units = int(kinds.count.sum())
    step = max(1, _BLOCK_ELEMENTS // len(kinds.count))
    means = []
    for start in range(0, RESAMPLES, step):
        drawn = random.multinomial(units, kinds.count / units, size=min(step, RESAMPLES - start))
        means.append((drawn @ kinds.total) / (drawn @ kinds.size))
    low, high = np.quantile(np.concatenate(means), _PERCENTILES).tolist()
    return low, high


def _exact(units: int, mean: float, *, signed: bool) -> Interval:
    """Return the interval of Clopper and Pearson, of a mean from -1 to 1 where ``signed``."""
    ends = clopper_pearson(units * abs(mean), units)
    low, high = float(ends[0]), float(ends[1])
    if mean < 0:
        return -high, -low
    return (-high if signed and not mean else low), high
