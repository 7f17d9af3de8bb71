"""Which categories are taken for one another: pairs of leaves, and the branches of level 1.

What a confusion costs is the number of validation products it answers wrongly.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.reports.numbers import share
from etalage.reports.training.answered import Answered, Shown, show, without_copies

_RANKED = 20
_ENOUGH = 5
"""Confused products of a pair whose share among the products of both leaves says something."""
_CHANCE = 0.05
_PICTURED = 6
_PRODUCTS = 3
_BRANCHES = 24
OTHERS = "all others"


@dataclass(frozen=True)
class Pair:
    """Two leaves that are taken for one another.

    Attributes:
        first: path of the leaf whose products are more often taken for the other.
        second: path of the other.
        first_id: id of the first.
        second_id: id of the second.
        parts: level on which they part: 1, 2 or 3.
        products: products of either taken for the other.
        share: of all products with a wrong answer.
        confused: share of the products of both leaves.
        forth: products of the first taken for the second.
        back: products of the second taken for the first.
        one_way: ``forth`` and ``back`` differ by more than chance: exact binomial test at 5 %.
        shown: some of these products, the most confident answers first.
    """

    first: str
    second: str
    first_id: int
    second_id: int
    parts: int
    products: int
    share: float
    confused: float
    forth: int
    back: int
    one_way: bool
    shown: list[Shown] = field(default_factory=list)


@dataclass(frozen=True)
class Parting:
    """Wrong answers whose branch is right down to the level above ``level``."""

    level: int
    products: int
    share: float


@dataclass(frozen=True)
class Matrix:
    """Products by the branch of level 1 of their label (row) and of their answer (column)."""

    names: list[str]
    counts: list[list[int]]


@dataclass(frozen=True)
class Confusion:
    """What is taken for what.

    Attributes:
        wrong: products with a wrong answer.
        pairs: pairs of leaves that are taken for one another.
        partings: wrong answers by the level on which they go wrong.
        ranked: the pairs that cost most products.
        by_share: the pairs with the highest share of confused products, of those that cost at
            least five.
        matrix: None in a flat taxonomy, or one with a single branch.
    """

    wrong: int
    pairs: int
    partings: list[Parting]
    ranked: list[Pair]
    by_share: list[Pair]
    matrix: Matrix | None


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of leaf rows, ``first`` below ``second``, and products taken for the other, (n,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    forth: NDArray[np.int64]
    back: NDArray[np.int64]

    @property
    def products(self) -> NDArray[np.int64]:
        return self.forth + self.back


def find_confusion(answered: Answered, index: Index | None) -> Confusion:
    """Rank the pairs of leaves that are taken for one another.

    Args:
        answered: the products.
        index: where pictures are, if there is one.
    """
    leaves = len(answered.taxonomy)
    sizes = np.bincount(answered.truth, minlength=leaves)
    found = _find_pairs(answered, leaves)
    held = sizes[found.first] + sizes[found.second]
    confused = found.products / np.maximum(1, held)
    dearest = np.lexsort((-confused, -found.products))
    densest = np.lexsort((-found.products, -confused))
    densest = densest[found.products[densest] >= _ENOUGH]
    wrong = int((~answered.right).sum())
    return Confusion(
        wrong=wrong,
        pairs=len(found.first),
        partings=_partings(answered, wrong),
        ranked=[
            _pair(answered, found, at, wrong, index, shown=place < _PICTURED)
            for place, at in enumerate(dearest[:_RANKED].tolist())
        ],
        by_share=[
            _pair(answered, found, at, wrong, None, shown=False)
            for at in densest[:_RANKED].tolist()
        ],
        matrix=_matrix(answered),
    )


def _find_pairs(answered: Answered, leaves: int) -> _Pairs:
    wrong = ~answered.right
    given = answered.truth[wrong].astype(np.int64)
    said = answered.answer[wrong].astype(np.int64)
    key = np.minimum(given, said) * leaves + np.maximum(given, said)
    keys, number = np.unique(key, return_inverse=True)
    forth = np.bincount(number[given < said], minlength=len(keys))
    back = np.bincount(number[given > said], minlength=len(keys))
    return _Pairs(keys // max(1, leaves), keys % max(1, leaves), forth, back)


def _pair(
    answered: Answered, found: _Pairs, at: int, wrong: int, index: Index | None, *, shown: bool
) -> Pair:
    first, second = int(found.first[at]), int(found.second[at])
    forth, back = int(found.forth[at]), int(found.back[at])
    if back > forth:
        first, second, forth, back = second, first, back, forth
    taxonomy = answered.taxonomy
    held = int(np.isin(answered.truth, (first, second)).sum())
    return Pair(
        first=taxonomy.label(first),
        second=taxonomy.label(second),
        first_id=int(taxonomy.ids[first]),
        second_id=int(taxonomy.ids[second]),
        parts=int(_parting(taxonomy, np.array([first]), np.array([second]))[0]),
        products=forth + back,
        share=share(forth + back, wrong),
        confused=share(forth + back, held),
        forth=forth,
        back=back,
        one_way=bool(binomtest(forth, forth + back).pvalue < _CHANCE),
        shown=_shown(answered, first, second, index) if shown else [],
    )


def _shown(answered: Answered, first: int, second: int, index: Index | None) -> list[Shown]:
    chosen = []
    for given, said in ((first, second), (second, first)):
        rows = np.flatnonzero((answered.truth == given) & (answered.answer == said))
        surest = np.argsort(-answered.confidence[rows], kind="stable")
        chosen.append(without_copies(answered, rows[surest])[:_PRODUCTS])
    return show(answered, np.concatenate(chosen), index)


def _parting(
    taxonomy: Taxonomy, first: NDArray[np.integer], second: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return the first level on which two leaves differ."""
    level = np.full(len(first), LEVELS, np.int64)
    for above in (2, 1):
        nodes = taxonomy.nodes(above)
        level[nodes[first] != nodes[second]] = above
    return level


def _partings(answered: Answered, wrong: int) -> list[Parting]:
    missed = ~answered.right
    level = _parting(answered.taxonomy, answered.truth[missed], answered.answer[missed])
    counts = np.bincount(level, minlength=LEVELS + 1).tolist()
    first = LEVELS if answered.taxonomy.is_flat else 1
    return [Parting(at, counts[at], share(counts[at], wrong)) for at in range(first, LEVELS + 1)]


def _matrix(answered: Answered) -> Matrix | None:
    taxonomy = answered.taxonomy
    if taxonomy.is_flat:
        return None
    names = sorted({path[0] for path in taxonomy.paths})
    nodes = taxonomy.nodes(1)
    given, said = nodes[answered.truth], nodes[answered.answer]
    seen = np.bincount(given, minlength=len(names)) + np.bincount(said, minlength=len(names))
    order = np.argsort(-np.bincount(given, minlength=len(names)), kind="stable")
    order = order[seen[order] > 0]
    if len(order) < 2:
        return None
    kept, others = order[:_BRANCHES], order[_BRANCHES:]
    place = np.full(len(names), len(kept))
    place[kept] = np.arange(len(kept))
    side = len(kept) + bool(len(others))
    counts = np.bincount(place[given] * side + place[said], minlength=side * side)
    shown = [names[node].strip() for node in kept.tolist()] + [OTHERS] * bool(len(others))
    return Matrix(shown, counts.reshape(side, side).tolist())
