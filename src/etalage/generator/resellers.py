"""Resellers: a few large, a long tail of small ones, some careful with their labels, some not.

Number 0 is the shop's own catalogue: 200,000 of 7 million products, careful. The others sell mostly
in one to three level-1 branches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy

OWN = "Étalage"
_RESELLERS = 10_000
_AT_PRODUCTS = 7_069_896
_OWN_SHARE = 200_000 / 7_000_000
_OWN_ERRORS = 0.02
_MIXED = 0.1  # series that several resellers offer
_AWAY = 0.2  # offers outside a reseller's own branches
_SYLLABLES = (
    "ba",
    "co",
    "di",
    "fé",
    "go",
    "la",
    "mar",
    "ni",
    "or",
    "pla",
    "ri",
    "sol",
    "tek",
    "vi",
)
_ENDINGS = ("shop", "store", " France", " Direct", " Discount", "-Pro", " & Cie", "tech", "Market")


@dataclass(frozen=True, eq=False)
class Resellers:
    """The resellers by number.

    Attributes:
        names: as the ``reseller`` column has them.
        care: relative frequency of wrong labels, shape (R,); scaled to the catalogue's rate later.
    """

    names: tuple[str, ...]
    care: NDArray[np.float64]


def sellers(
    taxonomy: Taxonomy, leaf: NDArray[np.int32], series: NDArray[np.int32], rng: np.random.Generator
) -> tuple[Resellers, NDArray[np.int32]]:
    """Draw the resellers and who offers each product, shape (P,)."""
    count = int(np.clip(_RESELLERS * (len(leaf) / _AT_PRODUCTS) ** 0.6, 12, _RESELLERS))
    sizes = np.arange(1, count, dtype=np.float64) ** -1.1
    branch = taxonomy.nodes(1)[leaf]
    homes = rng.random((count - 1, int(branch.max()) + 1)) < 2 / (int(branch.max()) + 1)
    size = np.bincount(series)
    first = np.cumsum(size) - size
    seller = _draw(branch[first], homes, sizes, rng)[series]
    mixed = (rng.random(len(size)) < _MIXED)[series]
    seller[mixed] = _draw(branch[mixed], homes, sizes, rng)
    care = np.concatenate([[_OWN_ERRORS / 0.1], rng.gamma(0.9, 1.0, count - 1) + 0.1])
    return Resellers(_names(count, rng), care), seller


def _draw(
    branch: NDArray[np.int32],
    homes: NDArray[np.bool_],
    sizes: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    chosen = _by_size(sizes, len(branch), rng)
    at_home = rng.random(len(branch)) >= _AWAY
    for node in range(homes.shape[1]):
        here = np.flatnonzero((branch == node) & at_home)
        if homes[:, node].any():
            chosen[here] = _by_size(np.where(homes[:, node], sizes, 0.0), len(here), rng)
    chosen[rng.random(len(branch)) < _OWN_SHARE] = 0
    return chosen


def _by_size(sizes: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.int32]:
    edges = np.cumsum(sizes)
    found = np.searchsorted(edges, rng.random(draws) * edges[-1], side="right")
    return np.asarray(1 + np.minimum(found, len(sizes) - 1), np.int32)


def _names(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    names = [OWN]
    seen = {OWN}
    while len(names) < count:
        stem = "".join(rng.choice(_SYLLABLES, int(rng.integers(2, 5)))).capitalize()
        name = stem + str(rng.choice(_ENDINGS))
        if name not in seen:
            seen.add(name)
            names.append(name)
    return tuple(names)
