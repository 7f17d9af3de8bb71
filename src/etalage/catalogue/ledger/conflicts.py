"""Label conflicts: one image on products of different leaves, and the ceiling they set.

Two products of which nothing differs but the label cannot both be answered rightly from their
images. Of all products with the same images the most that any rule can have right are those of
their most common label: summed up, that is a ceiling for the accuracy against these labels.
Products without a label conflict with nothing and are not counted.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Sharing
from etalage.catalogue.hashes import by_content

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Conflicts:
    """Images on labelled products of two or more leaves: R rows, by image, then by leaf.

    Attributes:
        image: the image's number, (R,); a shared image's place where ``find_conflicts`` was given
            ``Sharing.pairs``.
        leaf: a leaf row it is on, (R,).
        products: number of its products with this label, (R,).
    """

    image: Ints
    leaf: Ints
    products: Ints

    @property
    def images(self) -> int:
        """Number of different images."""
        return len(np.unique(self.image))


@dataclass(frozen=True, eq=False)
class LeafPairs:
    """Pairs of leaves that have images in common, the most images first.

    Attributes:
        first: a leaf row, (N,).
        second: another, larger one, (N,).
        images: number of distinct images that are on products of both, (N,).
        products: number of products of either that show one of these, (N,).
    """

    first: Ints
    second: Ints
    images: Ints
    products: Ints

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Ceiling:
    """The most that can be right of what is labelled; shares are None where nothing is.

    Attributes:
        products: number of labelled products.
        same_images: highest accuracy of a rule that sees a product's set of distinct images.
        same_sequence: the same of one that also sees their order and repetitions.
        images: number of distinct images of labelled products, once for each product.
        single_image: highest accuracy of a rule that answers from one image, on these.
    """

    products: int
    same_images: float | None
    same_sequence: float | None
    images: int
    single_image: float | None


def find_conflicts(image: Ints, label: NDArray[np.int32]) -> Conflicts:
    """Find the images on products of different leaves.

    Args:
        image: number of the image of each pair of an image and a product, (N,).
        label: leaf row of the product, -1 without one, (N,).
    """
    known = label >= 0
    leaves = int(label.max(initial=0)) + 1
    keys, products = np.unique(image[known] * leaves + label[known], return_counts=True)
    there = keys // leaves
    several = np.bincount(there)[there] > 1
    return Conflicts(there[several], keys[several] % leaves, products[several])


def find_leaf_pairs(
    conflicts: Conflicts, image: Ints, product: NDArray[np.int32], labels: NDArray[np.int32]
) -> LeafPairs:
    """Rank the pairs of leaves by the images they share.

    Args:
        conflicts: the images that count; leave boilerplate out, it pairs everything.
        image: number of the image of each pair of an image and a product, (N,).
        product: its product row, none twice with one image, (N,).
        labels: leaf row of each product, -1 without one, (P,).
    """
    if not len(conflicts.image):
        none = np.zeros(0, np.int64)
        return LeafPairs(none, none, none, none)
    numbers, compact = np.unique(conflicts.image, return_inverse=True)
    start = np.append(np.searchsorted(compact, np.arange(len(numbers))), len(compact))
    place = np.searchsorted(numbers, image).clip(max=len(numbers) - 1)
    chosen = np.flatnonzero((numbers[place] == image) & (labels[product] >= 0))
    chosen = chosen[np.lexsort((product[chosen], labels[product[chosen]]))]
    found = _meetings(
        int(labels.max()) + 1,
        start,
        conflicts.leaf,
        np.argsort(conflicts.leaf, kind="stable"),
        compact,
        labels[product[chosen]],
        product[chosen],
        place[chosen],
    )
    return _both_ways(found)


@njit(cache=True)
def _meetings(
    leaves: int,
    start: Ints,
    leaf: Ints,
    by_leaf: Ints,
    image: Ints,
    near_leaf: NDArray[np.int32],
    near_product: NDArray[np.int32],
    near_image: Ints,
) -> Ints:
    """Return (leaf, other leaf, images both have, products of the first that show one), (M, 4).

    Args:
        leaves: number of leaves.
        start: where the leaves of each image begin in ``leaf``.
        leaf: the leaves of each image.
        by_leaf: rows of ``leaf`` in ascending order of leaf.
        image: the image of each row of ``leaf``.
        near_leaf: label of each pair of a product and an image, ascending.
        near_product: its product, ascending within a label.
        near_image: its image.
    """
    found = np.empty((1024, 4), np.int64)
    total, at, near = 0, 0, 0
    images, products = np.zeros(leaves, np.int64), np.zeros(leaves, np.int64)
    counted = np.full(leaves, -1, np.int64)
    for here in range(leaves):
        first = at
        while at < len(by_leaf) and leaf[by_leaf[at]] == here:
            number = image[by_leaf[at]]
            for row in range(start[number], start[number + 1]):
                images[leaf[row]] += 1
            at += 1
        while near < len(near_leaf) and near_leaf[near] == here:
            for row in range(start[near_image[near]], start[near_image[near] + 1]):
                # A product that shows several images of the other leaf counts once.
                products[leaf[row]] += counted[leaf[row]] != near_product[near]
                counted[leaf[row]] = near_product[near]
            near += 1
        images[here] = 0
        for number in image[by_leaf[first:at]]:
            found, total = _move(
                found, total, here, leaf[start[number] : start[number + 1]], images, products
            )
        products[here] = 0
    return found[:total]


@njit(cache=True)
def _move(
    found: Ints, total: int, here: int, others: Ints, images: Ints, products: Ints
) -> tuple[Ints, int]:
    """Move the counts of some other leaves to the rows found, growing these where needed."""
    if total + len(others) > len(found):
        grown = np.empty((2 * (total + len(others)), 4), np.int64)
        grown[:total] = found[:total]
        found = grown
    for other in others:
        if images[other] > 0:
            found[total, 0], found[total, 1] = here, other
            found[total, 2], found[total, 3] = images[other], products[other]
            images[other] = products[other] = 0
            total += 1
    return found, total


def _both_ways(found: Ints) -> LeafPairs:
    """Add up a pair's two rows and rank the pairs."""
    low, high = found[:, :2].min(axis=1), found[:, :2].max(axis=1)
    order = np.lexsort((high, low))
    first, second = order[::2], order[1::2]
    products = found[first, 3] + found[second, 3]
    ranked = np.lexsort((high[first], low[first], -products, -found[first, 2]))
    first, products = first[ranked], products[ranked]
    return LeafPairs(low[first], high[first], found[first, 2], products)


def find_ceiling(
    sharing: Sharing, image_product: NDArray[np.int32], labels: NDArray[np.int32]
) -> Ceiling:
    """Return what label conflicts leave to be reached.

    Args:
        sharing: which images are the same; those left out of it show nothing.
        image_product: product row of each image, ascending, (I,).
        labels: leaf row of each product, -1 without one, (P,).
    """
    products = int((labels >= 0).sum())
    same_images, same_sequence = (
        _most_common(_same_shown(sharing.image_number, image_product, len(labels), kept), labels)
        for kept in (False, True)
    )
    on_one, all_pairs = _images_of_one_product(sharing, image_product, labels)
    right = on_one + _most_common(sharing.pairs, labels[sharing.products])
    return Ceiling(
        products=products,
        same_images=same_images / products if products else None,
        same_sequence=same_sequence / products if products else None,
        images=all_pairs,
        single_image=right / all_pairs if all_pairs else None,
    )


def _images_of_one_product(
    sharing: Sharing, image_product: NDArray[np.int32], labels: NDArray[np.int32]
) -> tuple[int, int]:
    """Return how many images are on one labelled product only, and of pairs with any of these."""
    numbers = sharing.image_number
    labelled = (numbers >= 0) & (labels[image_product] >= 0)
    shared = np.zeros(int(numbers.max(initial=-1)) + 1, np.bool_)
    shared[numbers[sharing.images.row]] = True
    alone = np.zeros(len(shared), np.bool_)
    alone[numbers[labelled]] = True
    alone &= ~shared
    count = int(alone.sum())
    return count, count + int((labels[sharing.products] >= 0).sum())


def _most_common(unit: Ints, label: NDArray[np.int32]) -> int:
    """Return the sum over units of how often its most common label occurs."""
    known = label >= 0
    if not known.any():
        return 0
    leaves = int(label.max()) + 1
    keys, count = np.unique(unit[known] * leaves + label[known], return_counts=True)
    starts = np.flatnonzero(np.diff(keys // leaves, prepend=-1))
    return int(np.maximum.reduceat(count, starts).sum())


def _same_shown(
    image_number: NDArray[np.int32],
    image_product: NDArray[np.int32],
    num_products: int,
    in_sequence: bool,
) -> Ints:
    """Return a number for each product, equal for those that show the same images, (P,)."""
    keys = _shown(image_number, image_product, num_products, in_sequence)
    order, first = by_content(keys)
    unit = np.empty(num_products, np.int64)
    unit[order] = np.cumsum(first)
    return unit


@njit(cache=True)
def _shown(
    image_number: NDArray[np.int32],
    image_product: NDArray[np.int32],
    num_products: int,
    in_sequence: bool,
) -> NDArray[np.uint64]:
    """Return 128 bits mixed from the numbers of each product's images, (P, 2)."""
    keys = np.zeros((num_products, 2), np.uint64)
    at = 0
    for product in range(num_products):
        end = at
        while end < len(image_product) and image_product[end] == product:
            end += 1
        shown = image_number[at:end] if in_sequence else np.unique(image_number[at:end])
        for number in shown:
            if number >= 0:
                _mix(keys[product], number)
        at = end
    return keys


@njit(cache=True)
def _mix(key: NDArray[np.uint64], number: int) -> None:
    """Fold a number into two words by the finaliser of SplitMix64 (Steele et al., 2014)."""
    for word, seed in enumerate((np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03))):
        mixed = (key[word] + np.uint64(number)) + seed
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key[word] = mixed ^ (mixed >> np.uint64(31))
