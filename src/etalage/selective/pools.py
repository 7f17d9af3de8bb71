"""Groups of products with a promise of their own, and pools of those that are too few for one.

A product belongs to the group of its most probable leaf. With few labelled products a leaf cannot
keep a promise of its own: it is pooled with the other such leaves of its level-2 category, these,
where still too few, with those of the level-1 category, and the last ones with each other. Which
are enough goes by the products that choose, never by those that test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.errors import ConfigError

ALL, LEVEL1, CATEGORY = "all", "level1", "category"
BY = (ALL, LEVEL1, CATEGORY)
_FROM = {ALL: 0, LEVEL1: 1, CATEGORY: LEVELS}


@dataclass(frozen=True, eq=False)
class Pool:
    """Leaves whose products share a promise.

    Attributes:
        name: the path they have in common.
        level: of that path: 3 a leaf, 2 and 1 a branch or what is left of it, 0 all or what is.
        rest: whether other leaves of that path have groups of their own.
        leaves: their rows.
    """

    name: str
    level: int
    rest: bool
    leaves: NDArray[np.int64]


def pool_leaves(
    taxonomy: Taxonomy, products: NDArray[np.float64], by: str, enough: float
) -> list[Pool]:
    """Return the pools: every leaf is in exactly one.

    Args:
        taxonomy: the tree.
        products: how many testing products are expected for each leaf, (C,).
        by: "all", "level1" or "category".
        enough: expected products from which on a group has a promise of its own.

    Raises:
        ConfigError: ``by`` is something else, or branches are asked for in a flat taxonomy.
    """
    _refuse(taxonomy, by)
    left = np.ones(len(taxonomy), np.bool_)
    pools: list[Pool] = []
    for level in range(_FROM[by], 0, -1):
        if taxonomy.is_flat and level < LEVELS:
            break
        nodes = taxonomy.nodes(level)
        held = np.bincount(nodes[left], products[left], minlength=int(nodes.max()) + 1)
        for node in np.flatnonzero(held >= enough).tolist():
            within = nodes == node
            pools.append(_pool(taxonomy, level, within, left))
            left &= ~within
    if left.any():
        name = "all" if not pools else "all others"
        pools.append(Pool(name, 0, bool(pools), np.flatnonzero(left)))
    return pools


def _refuse(taxonomy: Taxonomy, by: str) -> None:
    if by not in BY:
        raise ConfigError(f"--by {by}: expected one of {', '.join(BY)}")
    if by == LEVEL1 and taxonomy.is_flat:
        raise ConfigError(
            f"--by {by}: the taxonomy of {len(taxonomy):,} categories has no levels above the leaf",
            hint="use --by category or --by all",
        )


def _pool(
    taxonomy: Taxonomy, level: int, within: NDArray[np.bool_], left: NDArray[np.bool_]
) -> Pool:
    leaves = np.flatnonzero(within & left)
    return Pool(
        node_label(taxonomy, level, int(leaves[0])), level, len(leaves) < int(within.sum()), leaves
    )


def node_label(taxonomy: Taxonomy, level: int, leaf: int) -> str:
    """Return the path of the category of ``level`` above a leaf row, to show to a person."""
    if level == LEVELS:
        return taxonomy.label(leaf)
    return " > ".join(name.strip() for name in taxonomy.paths[leaf][:level])


def group_of_leaves(pools: list[Pool], leaves: int) -> NDArray[np.int32]:
    """Return the number of the pool of each leaf, (leaves,)."""
    group = np.empty(leaves, np.int32)
    for number, pool in enumerate(pools):
        group[pool.leaves] = number
    return group
