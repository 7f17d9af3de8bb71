"""Pairs of leaves whose products share byte-identical images: where labels contradict each other.

Either one of the products has the wrong label, or nobody can tell the two leaves apart by a
picture. Images on products of many leaves (a logo, an energy label) say nothing about any two of
them: they are left out, and counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import SharedImages, Sharing
from etalage.catalogue.taxonomy import Taxonomy

MOST_LEAVES = 20
_PICTURES = 4

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two leaves that share images.

    Attributes:
        first: path of the leaf of the two with more of these products.
        second: path of the other.
        first_id: id of the first leaf.
        second_id: id of the second.
        images: number of different images on products of both.
        first_products: products of the first leaf with such an image.
        second_products: products of the second leaf with such an image.
        rows: image rows of some of them, those on the most products first.
    """

    first: str
    second: str
    first_id: int
    second_id: int
    images: int
    first_products: int
    second_products: int
    rows: list[int]


@dataclass(frozen=True)
class Conflicts:
    """Images on products of several leaves.

    Attributes:
        images: number of different ones.
        products: number of labelled products that have one.
        left_out: of these images those on more than ``most_leaves`` leaves.
        most_leaves: see there.
        pairs: number of pairs of leaves that share one that is not left out.
        ranked: the pairs with the most products, see ``Pair``.
    """

    images: int
    products: int
    left_out: int
    most_leaves: int
    pairs: int
    ranked: list[Pair]


def rank_pairs(
    sharing: Sharing, labels: NDArray[np.int32], taxonomy: Taxonomy, *, number: int
) -> Conflicts:
    """Rank pairs of leaves by the products that share an image across them.

    Args:
        sharing: which products each shared image is on.
        labels: leaf row of each product, -1 without one, (P,).
        taxonomy: the leaves.
        number: how many pairs to return.
    """
    images = sharing.images
    contested = images.categories > 1
    common = images.categories > MOST_LEAVES
    cells = _cells(sharing, labels, contested & ~common)
    here, there = _meetings(cells.image)
    key = cells.leaf[here] * len(taxonomy) + cells.leaf[there]
    pairs, pair = np.unique(key, return_inverse=True)
    sides = [_products(cells, side, pair, len(pairs), len(labels)) for side in (here, there)]
    shared = np.bincount(pair, minlength=len(pairs))
    order = np.lexsort((pairs, -shared, -(sides[0] + sides[1])))[:number]
    image = np.repeat(np.arange(len(images)), images.products)
    touched = sharing.products[contested[image]]
    return Conflicts(
        images=int(contested.sum()),
        products=len(np.unique(touched[labels[touched] >= 0])),
        left_out=int(common.sum()),
        most_leaves=MOST_LEAVES,
        pairs=len(pairs),
        ranked=[
            _pair(
                taxonomy,
                int(pairs[at]),
                int(shared[at]),
                [int(side[at]) for side in sides],
                images.row[_top(images, cells.image[here[pair == at]])],
            )
            for at in order.tolist()
        ],
    )


@dataclass(frozen=True, eq=False)
class _Cells:
    """One row for each image and each leaf it is on, by image, then leaf."""

    image: Ints
    leaf: Ints
    start: Ints
    size: Ints
    products: Ints


def _cells(sharing: Sharing, labels: NDArray[np.int32], chosen: NDArray[np.bool_]) -> _Cells:
    image = np.repeat(np.arange(len(sharing.images)), sharing.images.products)
    leaf = labels[sharing.products].astype(np.int64)
    kept = chosen[image] & (leaf >= 0)
    image, leaf, products = image[kept], leaf[kept], sharing.products[kept].astype(np.int64)
    order = np.lexsort((products, leaf, image))
    image, leaf, products = image[order], leaf[order], products[order]
    first = np.ones(len(image), np.bool_)
    first[1:] = (image[1:] != image[:-1]) | (leaf[1:] != leaf[:-1])
    start = np.flatnonzero(first)
    size = np.diff(np.append(start, len(image)))
    return _Cells(image[start], leaf[start], start, size, products)


def _meetings(image: Ints) -> tuple[Ints, Ints]:
    """Return every two cells of one image, the one of the lower leaf first."""
    end = np.searchsorted(image, image, side="right")
    following = end - np.arange(len(image)) - 1
    here = np.repeat(np.arange(len(image)), following)
    return here, here + 1 + _within(following)


def _within(sizes: Ints) -> Ints:
    """Return 0, 1, ... size - 1 for each size, one after the other."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _products(cells: _Cells, side: Ints, pair: Ints, pairs: int, products: int) -> Ints:
    """Return the number of different products of each pair on one side."""
    size = cells.size[side]
    at = np.repeat(cells.start[side], size) + _within(size)
    key = np.unique(np.repeat(pair, size) * products + cells.products[at])
    return np.bincount(key // max(products, 1), minlength=pairs)


def _top(images: SharedImages, chosen: Ints) -> Ints:
    order = np.lexsort((chosen, -images.products[chosen]))
    return chosen[order[:_PICTURES]]


def _pair(taxonomy: Taxonomy, key: int, images: int, products: list[int], rows: Ints) -> Pair:
    sides = sorted(zip((-n for n in products), divmod(key, len(taxonomy)), strict=True))
    (first_products, first), (second_products, second) = sides
    return Pair(
        first=taxonomy.label(first),
        second=taxonomy.label(second),
        first_id=int(taxonomy.ids[first]),
        second_id=int(taxonomy.ids[second]),
        images=images,
        first_products=-first_products,
        second_products=-second_products,
        rows=rows.tolist(),
    )
