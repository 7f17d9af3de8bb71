"""How products lie in the tree of categories: the article's Tables 1 and 2, Figures 2 and 3.

"The article" is Bellétoile et al., "Large e-retailer image dataset for visual search and product
classification" (2019), which describes the catalogue of the 2017 competition. Every function takes
arrays: labels are rows of the taxonomy, -1 without one.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.reports.numbers import ONE_TWO_FIVE, Bin, log_bins, share

_TENTH = 0.1
_THREE_QUARTERS = 0.75
_CURVE_POINTS = 100


@dataclass(frozen=True, eq=False)
class LeafCounts:
    """Number of products and of images of each leaf, both (C,)."""

    products: NDArray[np.int64]
    images: NDArray[np.int64]


@dataclass(frozen=True)
class Branch:
    """A category of level 1; ``running`` adds up the products of it and of all larger ones."""

    name: str
    translation: str
    categories: int
    products: int
    images: int
    share: float
    running: int
    running_share: float


@dataclass(frozen=True)
class Level:
    """One level of the tree.

    Attributes:
        level: 1, 2 or 3; level 3 are the leaves.
        categories: number of them, told apart by their path (leaves by their id).
        used: number of those that have products.
        names: number of different names, byte for byte.
        homonyms: number of names that more than one category has.
        median: products of the category in the middle, of those that have products.
        most: products of the largest.
    """

    level: int
    categories: int
    used: int
    names: int
    homonyms: int
    median: float
    most: int


@dataclass(frozen=True)
class Homonym:
    """One of the categories that bear one name."""

    level: int
    name: str
    path: str
    products: int


@dataclass(frozen=True)
class LevelBins:
    """Categories of a level by their number of products."""

    level: int
    bins: list[Bin]


@dataclass(frozen=True)
class Point:
    """``products`` of all lie in the largest ``categories`` of all, as shares."""

    categories: float
    products: float


@dataclass(frozen=True)
class Concentration:
    """How unevenly products lie in the leaves that have any; all numbers are shares.

    Attributes:
        largest_tenth: products in the largest 10 % of the categories.
        smallest_three_quarters: products in the smallest 75 % of the categories.
        holding_three_quarters: the fewest categories that hold 75 % of the products.
        holding_half: the fewest categories that hold half the products.
        curve: products against categories, the largest first.
    """

    largest_tenth: float
    smallest_three_quarters: float
    holding_three_quarters: float
    holding_half: float
    curve: list[Point]


@dataclass(frozen=True)
class Leaf:
    """A leaf and what lies in it."""

    category_id: int
    path: str
    products: int
    images: int
    images_per_product: float


def count_leaves(
    labels: NDArray[np.int32], image_count: NDArray[np.int32], leaves: int
) -> LeafCounts:
    """Count the labelled products, and their images, of each of ``leaves`` leaves."""
    labelled = labels >= 0
    rows = labels[labelled]
    images = np.bincount(rows, weights=image_count[labelled], minlength=leaves)
    return LeafCounts(np.bincount(rows, minlength=leaves), images.astype(np.int64))


def node_counts(taxonomy: Taxonomy, values: NDArray[np.int64], level: int) -> NDArray[np.int64]:
    """Add up a number of each leaf over the nodes of a level."""
    return np.bincount(taxonomy.nodes(level), weights=values).astype(np.int64)


def level1_table(
    taxonomy: Taxonomy, counts: LeafCounts, translations: dict[str, str] | None = None
) -> list[Branch]:
    """Return the categories of level 1, the most products first; none of a flat taxonomy."""
    if taxonomy.is_flat or not len(taxonomy):
        return []
    names = sorted({path[0] for path in taxonomy.paths})
    products = node_counts(taxonomy, counts.products, 1)
    images = node_counts(taxonomy, counts.images, 1)
    leaves = np.bincount(taxonomy.nodes(1))
    order = np.argsort(-products, kind="stable")
    running = np.cumsum(products[order])
    every = int(products.sum())
    known = {name.strip(): text for name, text in (translations or {}).items()}
    return [
        Branch(
            name=names[node],
            translation=known.get(names[node].strip(), ""),
            categories=int(leaves[node]),
            products=int(products[node]),
            images=int(images[node]),
            share=share(products[node], every),
            running=int(running[place]),
            running_share=share(running[place], every),
        )
        for place, node in enumerate(order.tolist())
    ]


def levels_of(taxonomy: Taxonomy) -> range:
    """Return the levels there are: only the leaves of a flat taxonomy."""
    return range(LEVELS if taxonomy.is_flat else 1, LEVELS + 1)


def levels_table(taxonomy: Taxonomy, counts: LeafCounts) -> list[Level]:
    """Return the number of categories and of names on each level."""
    return [_level(taxonomy, counts, level) for level in levels_of(taxonomy)]


def _level(taxonomy: Taxonomy, counts: LeafCounts, level: int) -> Level:
    products = node_counts(taxonomy, counts.products, level)
    used = products[products > 0]
    nodes = _nodes_by_name(taxonomy, level)
    return Level(
        level=level,
        categories=len(products),
        used=len(used),
        names=len(nodes),
        homonyms=sum(len(same) > 1 for same in nodes.values()),
        median=float(np.median(used)) if len(used) else 0.0,
        most=int(products.max(initial=0)),
    )


def _nodes_by_name(taxonomy: Taxonomy, level: int) -> dict[str, list[int]]:
    """Return for each name of a level a leaf row of every node that bears it."""
    nodes = taxonomy.nodes(level)
    _, rows = np.unique(nodes, return_index=True)
    named: dict[str, list[int]] = defaultdict(list)
    for row in rows.tolist():
        if name := taxonomy.paths[row][level - 1]:
            named[name].append(row)
    return named


def homonyms(taxonomy: Taxonomy, counts: LeafCounts) -> list[Homonym]:
    """Return the categories whose name is not theirs alone, by level and name."""
    return [
        homonym for level in levels_of(taxonomy) for homonym in _homonyms(taxonomy, counts, level)
    ]


def _homonyms(taxonomy: Taxonomy, counts: LeafCounts, level: int) -> list[Homonym]:
    nodes = taxonomy.nodes(level)
    products = node_counts(taxonomy, counts.products, level)
    return [
        Homonym(level, name, " > ".join(taxonomy.paths[row][:level]), int(products[nodes[row]]))
        for name, rows in sorted(_nodes_by_name(taxonomy, level).items())
        if len(rows) > 1
        for row in rows
    ]


def category_bins(taxonomy: Taxonomy, counts: LeafCounts) -> list[LevelBins]:
    """Count the categories of each level by their number of products, in logarithmic bins."""
    return [
        LevelBins(level, log_bins(node_counts(taxonomy, counts.products, level), ONE_TWO_FIVE))
        for level in levels_of(taxonomy)
    ]


def concentration(products: NDArray[np.int64]) -> Concentration | None:
    """Return how uneven the numbers of products of categories are; None where all are empty."""
    sizes = np.sort(products[products > 0])[::-1]
    if not len(sizes):
        return None
    held = np.cumsum(sizes) / sizes.sum()
    last = len(sizes) - 1
    places = np.unique(np.linspace(0, last, _CURVE_POINTS).round().astype(np.int64))
    return Concentration(
        largest_tenth=share(held[_rows(_TENTH, len(sizes)) - 1], 1),
        smallest_three_quarters=share(
            sizes[::-1][: _rows(_THREE_QUARTERS, len(sizes))].sum(), sizes.sum()
        ),
        holding_three_quarters=share(_holding(held, _THREE_QUARTERS), len(sizes)),
        holding_half=share(_holding(held, 0.5), len(sizes)),
        curve=[Point(share(at + 1, len(sizes)), share(held[at], 1)) for at in places.tolist()],
    )


def _rows(part: float, of: int) -> int:
    return max(1, round(part * of))


def _holding(held: NDArray[np.float64], part: float) -> int:
    return min(int(np.searchsorted(held, part)) + 1, len(held))


def largest_leaves(taxonomy: Taxonomy, counts: LeafCounts, number: int) -> list[Leaf]:
    """Return the leaves with the most products."""
    order = np.argsort(-counts.products, kind="stable")[:number]
    return _leaves(taxonomy, counts, order)


def smallest_leaves(taxonomy: Taxonomy, counts: LeafCounts, number: int) -> list[Leaf]:
    """Return the leaves with the fewest products, of those that have any."""
    order = np.argsort(counts.products, kind="stable")
    return _leaves(taxonomy, counts, order[counts.products[order] > 0][:number])


def _leaves(taxonomy: Taxonomy, counts: LeafCounts, rows: NDArray[np.int64]) -> list[Leaf]:
    return [
        Leaf(
            category_id=int(taxonomy.ids[row]),
            path=taxonomy.label(row),
            products=int(counts.products[row]),
            images=int(counts.images[row]),
            images_per_product=share(counts.images[row], counts.products[row]),
        )
        for row in rows.tolist()
        if counts.products[row] > 0
    ]
