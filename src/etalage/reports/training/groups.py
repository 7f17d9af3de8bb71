"""How often the answers are right: on every level, by number of images, by frequency.

Intervals are Wilson's (1927) for a share, 95 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from etalage.reports.numbers import share
from etalage.reports.training.answered import Answered
from etalage.scoring.accuracy import Hits, hits

_IMAGES = ("0", "1", "2", "3", "4+")
_STARTS = (0, 1, 2, 10, 100, 1000)
_FREQUENCIES = ("none", "1", "2-9", "10-99", "100-999", "1000+")


@dataclass(frozen=True)
class Rate:
    """``right`` products are a ``share`` of all, which lies between ``low`` and ``high``."""

    right: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Some products, and how often their answers are right.

    Attributes:
        name: what they have in common.
        products: number of them.
        share: of all products.
        level1: right on level 1; None in a flat taxonomy, as ``level2``.
        level2: right on level 2.
        level3: the leaf is right.
        top5: the leaf is among the first five answers.
    """

    name: str
    products: int
    share: float
    level1: Rate | None
    level2: Rate | None
    level3: Rate
    top5: Rate | None


@dataclass(frozen=True)
class Groups:
    """All products, and divided in two ways.

    Attributes:
        every: all of them.
        by_images: by the number of images the answer rests on.
        by_frequency: by the training products of their category; empty where not known.
    """

    every: Group
    by_images: list[Group]
    by_frequency: list[Group]


def rate(right: int, products: int) -> Rate:
    """Return a share with its interval, of at least one product."""
    interval = binomtest(right, products).proportion_ci(method="wilson")
    low, high = round(float(interval.low), 6), round(float(interval.high), 6)
    return Rate(right, share(right, products), low, high)


def group_products(answered: Answered, trained: NDArray[np.int64] | None) -> Groups:
    """Count right answers.

    Args:
        answered: the products.
        trained: training products of each category, (C,), where known.
    """
    found = hits(answered.taxonomy, answered.truth, answered.categories)
    images = answered.images.clip(0, len(_IMAGES) - 1)
    frequent = []
    if trained is not None:
        bins = np.searchsorted(_STARTS, trained[answered.truth], side="right") - 1
        frequent = _groups(found, _FREQUENCIES, bins)
    every = np.ones(len(answered), np.bool_)
    return Groups(_group("all", found, every), _groups(found, _IMAGES, images), frequent)


def _groups(found: Hits, names: tuple[str, ...], number: NDArray[np.integer]) -> list[Group]:
    members = [(name, number == place) for place, name in enumerate(names)]
    return [_group(name, found, chosen) for name, chosen in members if chosen.any()]


def _group(name: str, found: Hits, chosen: NDArray[np.bool_]) -> Group:
    products = int(chosen.sum())
    rates = [
        None if right is None else rate(int(right[chosen].sum()), products)
        for right in (*found.levels[:2], found.top5)
    ]
    leaf = rate(int(found.levels[2][chosen].sum()), products)
    part = share(products, len(chosen))
    return Group(name, products, part, rates[0], rates[1], leaf, rates[2])
