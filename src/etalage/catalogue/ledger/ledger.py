"""Everything that byte-identical images say about a catalogue, found in one go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import (
    MAX_BRANCHES,
    MAX_PRODUCTS,
    MAX_SHARE,
    Groups,
    Sharing,
    connect,
    find_shared,
    is_boilerplate,
)
from etalage.catalogue.index import Index
from etalage.catalogue.ledger.conflicts import (
    Ceiling,
    Conflicts,
    LeafPairs,
    find_ceiling,
    find_conflicts,
    find_leaf_pairs,
)
from etalage.catalogue.ledger.copies import Copies, count_copies


@dataclass(frozen=True, eq=False)
class Ledger:
    """The duplicates of a catalogue.

    Attributes:
        index: the catalogue.
        sharing: which products each shared image is on.
        copies: the distinct images.
        groups: duplicate-connected products, boilerplate and refused joins.
        conflicts: shared images (places in ``sharing.images``) on products of different leaves.
        leaf_pairs: pairs of leaves ranked by the images they share, without boilerplate.
        ceiling: what the conflicts leave to be reached.
    """

    index: Index
    sharing: Sharing
    copies: Copies
    groups: Groups
    conflicts: Conflicts
    leaf_pairs: LeafPairs
    ceiling: Ceiling

    def image_rows(self, shared: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first image row of shared images (places in ``sharing.images``)."""
        return self.sharing.images.row[shared]


def make_ledger(index: Index) -> Ledger:
    """Find the duplicates of an index; images that are not readable are left out."""
    branch = np.append(index.taxonomy.nodes(2), np.int32(-1))[index.labels]
    sharing = find_shared(
        index.image_product, index.hashes, branch, labels=index.labels, readable=index.readable
    )
    pairs = sharing.pairs
    conflicts = find_conflicts(pairs, index.labels[sharing.products])
    ordinary = ~is_boilerplate(sharing.images)[conflicts.image]
    telling = Conflicts(
        *(c[ordinary] for c in (conflicts.image, conflicts.leaf, conflicts.products))
    )
    return Ledger(
        index=index,
        sharing=sharing,
        copies=count_copies(sharing, index.image_product, index.labels),
        groups=connect(
            sharing,
            len(index),
            max_products=MAX_PRODUCTS,
            max_branches=MAX_BRANCHES,
            share=MAX_SHARE,
        ),
        conflicts=conflicts,
        leaf_pairs=find_leaf_pairs(telling, pairs, sharing.products, index.labels),
        ceiling=find_ceiling(sharing, index.image_product, index.labels),
    )
