"""Pairs of leaves whose products share byte-identical images, with these images to be shown.

Either one of the products has the wrong label, or nobody can tell the two leaves apart by a
picture. Boilerplate (a logo, an energy label) says nothing about any two leaves: the rule of
``etalage.catalogue.duplicates`` leaves it out, and it is counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Sharing, is_boilerplate
from etalage.catalogue.ledger.conflicts import (
    Conflicts,
    LeafPairs,
    find_conflicts,
    find_leaf_pairs,
)
from etalage.catalogue.taxonomy import Taxonomy

_PICTURES = 4


@dataclass(frozen=True)
class Pair:
    """Two leaves that share images.

    Attributes:
        first: path of the one.
        second: path of the other.
        first_id: id of the first leaf.
        second_id: id of the second.
        images: number of different images on products of both.
        products: products of either that show one of these.
        rows: image rows of some of these images, those on the fewest leaves first.
    """

    first: str
    second: str
    first_id: int
    second_id: int
    images: int
    products: int
    rows: list[int]


@dataclass(frozen=True)
class LeafConflicts:
    """Images on products of several leaves.

    Attributes:
        images: number of different ones.
        products: number of labelled products that show one.
        boilerplate: how many of these images are boilerplate, and left out below.
        pairs: number of pairs of leaves that share another one.
        ranked: the pairs with the most common images, then the most products.
    """

    images: int
    products: int
    boilerplate: int
    pairs: int
    ranked: list[Pair]


def rank_pairs(
    sharing: Sharing,
    labels: NDArray[np.int32],
    readable: NDArray[np.bool_],
    taxonomy: Taxonomy,
    *,
    number: int,
) -> LeafConflicts:
    """Rank pairs of leaves by the images they share.

    Args:
        sharing: which products each shared image is on.
        labels: leaf row of each product, -1 without one, (P,).
        readable: whether each image can be read, (I,); what cannot shows nothing.
        taxonomy: the leaves.
        number: how many pairs to return.
    """
    images = sharing.images
    shown = readable[images.row]
    contested = (images.categories > 1) & shown
    touched = sharing.products[contested[sharing.pairs]]
    common = is_boilerplate(images)
    counted = (shown & ~common)[sharing.pairs]
    image, product = sharing.pairs[counted], sharing.products[counted]
    conflicts = find_conflicts(image, labels[product])
    pairs = find_leaf_pairs(conflicts, image, product, labels)
    return LeafConflicts(
        images=int(contested.sum()),
        products=len(np.unique(touched[labels[touched] >= 0])),
        boilerplate=int((contested & common).sum()),
        pairs=len(pairs),
        ranked=[
            _pair(sharing, conflicts, pairs, at, taxonomy) for at in range(min(number, len(pairs)))
        ],
    )


def _pair(
    sharing: Sharing, conflicts: Conflicts, pairs: LeafPairs, at: int, taxonomy: Taxonomy
) -> Pair:
    first, second = int(pairs.first[at]), int(pairs.second[at])
    on_first, on_second = (conflicts.image[conflicts.leaf == leaf] for leaf in (first, second))
    common = np.intersect1d(on_first, on_second)
    images = sharing.images
    # What is on few leaves tells more about these two than a banner that many show.
    order = np.lexsort((common, -images.products[common], images.categories[common]))
    return Pair(
        first=taxonomy.label(first),
        second=taxonomy.label(second),
        first_id=int(taxonomy.ids[first]),
        second_id=int(taxonomy.ids[second]),
        images=int(pairs.images[at]),
        products=int(pairs.products[at]),
        rows=images.row[common[order[:_PICTURES]]].tolist(),
    )
