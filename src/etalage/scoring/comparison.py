"""Two files of answers to the same products: is one really better?

Products that both answer rightly or both wrongly say nothing; of the others, McNemar's test (1947)
asks how likely so uneven a division is if each goes either way with the same chance: exactly
(binomial, both tails), and as mid-p, which is less cautious (Fagerland et al. 2013). It takes
products for independent, which copies are not: where duplicate groups are known, the same question
is asked of groups, by changing the signs of their differences by lot. Beside it stands the paired
bootstrap of the difference, groups drawn together.

A difference is called real only when both say so: p is below 0.05 (of groups where they are known,
else McNemar's exact one), and the interval of the difference leaves out 0.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from etalage.scoring.accuracy import Accuracy, Interval
from etalage.scoring.answers import Compared
from etalage.scoring.resampling import Units

ALPHA = 0.05


@dataclass(frozen=True)
class Paired:
    """How two answers differ on one level, or among the first five.

    Attributes:
        both: products both have right.
        only_first: products only the first has right.
        only_second: products only the second has right.
        neither: products both have wrong.
        difference: accuracy of the first less that of the second.
        interval: of the difference.
        p_exact: of McNemar's exact test, two-sided.
        p_mid: its mid-p.
        p_units: of the test by duplicate groups; None where these are not known.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    interval: Interval
    p_exact: float
    p_mid: float
    p_units: float | None

    @property
    def p(self) -> float:
        """The p that decides: of groups where they are known, else McNemar's exact one."""
        return self.p_exact if self.p_units is None else self.p_units

    @property
    def is_real(self) -> bool:
        """Whether test and interval both say that there is a difference."""
        low, high = self.interval
        return self.p < ALPHA and not low <= 0 <= high


@dataclass(frozen=True)
class Comparison:
    """The scored answers (the first) against other ones (the second).

    Attributes:
        against: the file of the second.
        accuracy: of the second.
        missing: products of the truth that the second does not answer.
        extra: answers of the second to other products.
        levels: by the names that ``Accuracy`` has; None where one of both has no such figure.
        real: whether the leaf accuracies really differ.
        better: "first" or "second" when they do, else None.
    """

    against: str
    accuracy: Accuracy
    missing: int
    extra: int
    levels: dict[str, Paired | None]
    real: bool
    better: str | None

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object."""
        return asdict(self)


def mcnemar(only_first: int, only_second: int) -> tuple[float, float]:
    """Return the two-sided p of McNemar's test, exact and as mid-p."""
    trials, least = only_first + only_second, min(only_first, only_second)
    tail = float(binom.cdf(least, trials, 0.5))
    exact = min(1.0, 2 * tail)
    if only_first == only_second:
        # Both tails hold the middle: half of its probability is left out once.
        return exact, 1 - float(binom.pmf(least, trials, 0.5)) / 2
    return exact, 2 * tail - float(binom.pmf(least, trials, 0.5))


def compare_pairs(first: Compared, second: Compared, units: Units, against: str) -> Comparison:
    """Compare two files of answers on the products of one truth."""
    one, other = first.hits().named(), second.hits().named()
    levels = {name: _paired(one[name], other[name], units) for name in one}
    leaf = levels["level3"]
    real = leaf is not None and leaf.is_real
    better = "first" if leaf is not None and leaf.difference > 0 else "second"
    return Comparison(
        against=against,
        accuracy=second.hits().accuracy(),
        missing=len(second) - second.answered,
        extra=second.extra,
        levels=levels,
        real=real,
        better=better if real else None,
    )


def _paired(
    one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None, units: Units
) -> Paired | None:
    if one is None or other is None:
        return None
    both, first = int((one & other).sum()), int((one & ~other).sum())
    second = int((other & ~one).sum())
    exact, mid = mcnemar(first, second)
    return Paired(
        both=both,
        only_first=first,
        only_second=second,
        neither=len(one) - both - first - second,
        difference=(first - second) / len(one),
        interval=units.difference(one, other),
        p_exact=exact,
        p_mid=mid,
        p_units=units.sign_flip(one, other),
    )
