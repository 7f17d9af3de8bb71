"""Duplicate groups: products connected by a byte-identical image that is not boilerplate.

Products of one group must not lie on two sides of a split: a model could recognise the picture
instead of the product. But some pictures are on products that have nothing to do with each other (a
logo, an energy label, "no picture") and would glue the catalogue together:

* an image on more than ``max_products`` products, or on products of more than ``max_branches``
  branches of level 2, is boilerplate and connects nothing;
* even then chance meetings percolate, so images join products in an order (Kruskal's): those of the
  fewest categories first, then those of the most products; and a join that would make a group of
  more than ``max_share`` of all products (100 products at least) is refused.

What does not connect is counted and listed, and a split counts what leaks through it. The figures
behind the defaults are in docs/split.md; ``benchmarks/split.py`` makes them.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.hashes import by_content, changes
from etalage.catalogue.index import Index

MAX_PRODUCTS = 20_000
MAX_BRANCHES = 10
MAX_SHARE = 0.005
_ALWAYS_ALLOWED = 100


@dataclass(frozen=True, eq=False)
class SharedImages:
    """Distinct images that are on two or more products; K of them, the most products first.

    Attributes:
        row: first image row with this content, (K,).
        copies: number of image rows with it, (K,).
        products: number of products with it, (K,).
        categories: number of categories these products are labelled with, (K,).
        branches: number of level-2 branches of these, (K,).
    """

    row: NDArray[np.int64]
    copies: NDArray[np.int64]
    products: NDArray[np.int64]
    categories: NDArray[np.int64]
    branches: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def where(self, chosen: NDArray[np.bool_]) -> "SharedImages":
        """Return the chosen images, those on the most products first, then by row."""
        picked = np.flatnonzero(chosen)
        order = picked[np.lexsort((self.row[picked], -self.products[picked]))]
        columns = (self.row, self.copies, self.products, self.categories, self.branches)
        return SharedImages(*(column[order] for column in columns))


@dataclass(frozen=True, eq=False)
class Sharing:
    """Which products each shared image is on.

    Attributes:
        image_number: number of the distinct image of each image row, -1 for one left out, (I,).
        images: the images on two or more products, in order of their number, K of them.
        start: where the products of each of these begin in ``products``, (K + 1,).
        products: their product rows, ascending and different within one image.
    """

    image_number: NDArray[np.int32]
    images: SharedImages
    start: NDArray[np.int64]
    products: NDArray[np.int32]

    @property
    def pairs(self) -> NDArray[np.int64]:
        """The shared image, 0 to K - 1, of each of ``products``."""
        return np.repeat(np.arange(len(self.images)), self.images.products)


@dataclass(frozen=True, eq=False)
class Groups:
    """The duplicate groups of a catalogue.

    Attributes:
        product_group: group of each product, numbered by their first products, (P,).
        sizes: number of products of each group, (G,).
        image_number: number of the distinct image of each image row, -1 for one left out, (I,).
        boilerplate: images on too many products or branches to connect anything.
        refused: images of which a join would have made too large a group.
        refused_joins: number of joins refused.
    """

    product_group: NDArray[np.int32]
    sizes: NDArray[np.int64]
    image_number: NDArray[np.int32]
    boilerplate: SharedImages
    refused: SharedImages
    refused_joins: int


def duplicate_groups(
    index: Index,
    *,
    max_products: int = MAX_PRODUCTS,
    max_branches: int = MAX_BRANCHES,
    max_share: float = MAX_SHARE,
) -> Groups:
    """Return the duplicate groups of an index; unreadable images connect nothing."""
    branch = np.append(index.taxonomy.nodes(2), np.int32(-1))[index.labels]
    return group_products(
        index.image_product,
        index.hashes,
        branch,
        len(index),
        labels=index.labels,
        readable=index.readable,
        max_products=max_products,
        max_branches=max_branches,
        max_share=max_share,
    )


def group_products(
    image_product: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    branch: NDArray[np.int32],
    num_products: int,
    *,
    labels: NDArray[np.int32] | None = None,
    readable: NDArray[np.bool_] | None = None,
    max_products: int = MAX_PRODUCTS,
    max_branches: int = MAX_BRANCHES,
    max_share: float = MAX_SHARE,
) -> Groups:
    """Return the duplicate groups of ``num_products`` products.

    Args:
        image_product: product row of each image, ascending, (I,).
        hashes: 128-bit hash of each image, (I, 2).
        branch: level-2 branch of each product's label, -1 without one, (P,).
        num_products: P.
        labels: leaf row of each product, -1 without one, (P,); the branch where not given.
        readable: images to leave out are false, (I,).
        max_products: an image on more products connects nothing.
        max_branches: an image on products of more branches connects nothing.
        max_share: largest share of all products that one group may hold.
    """
    sharing = find_shared(image_product, hashes, branch, labels=labels, readable=readable)
    return connect(
        sharing, num_products, max_products=max_products, max_branches=max_branches, share=max_share
    )


def find_shared(
    image_product: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    branch: NDArray[np.int32],
    *,
    labels: NDArray[np.int32] | None = None,
    readable: NDArray[np.bool_] | None = None,
) -> Sharing:
    """Find the images that are on two or more products; arguments as ``group_products`` has them.

    Args:
        image_product: product row of each image, ascending, (I,).
        hashes: 128-bit hash of each image, (I, 2).
        branch: level-2 branch of each product's label, -1 without one, (P,).
        labels: leaf row of each product, -1 without one, (P,); the branch where not given.
        readable: images to leave out are false, (I,).
    """
    label = branch if labels is None else labels
    order, first = by_content(hashes)
    if readable is not None and not readable.all():
        order, first = _without(order, first, readable)
    number = np.cumsum(first, dtype=np.int32) - np.int32(1)
    image_number = np.full(len(hashes), -1, np.int32)
    image_number[order] = number
    product = image_product[order]
    once = first.copy()
    once[1:] |= product[1:] != product[:-1]
    total = int(number[-1]) + 1 if len(number) else 0
    products = np.bincount(number[once], minlength=total)
    shared = products > 1
    pair = once & shared[number]
    compact = (np.cumsum(shared) - 1)[number[pair]]
    images = SharedImages(
        row=order[first][shared],
        copies=np.bincount(number, minlength=total)[shared],
        products=products[shared],
        categories=_distinct(compact, label[product[pair]], int(shared.sum())),
        branches=_distinct(compact, branch[product[pair]], int(shared.sum())),
    )
    start = np.concatenate([[0], np.cumsum(images.products)])
    return Sharing(image_number, images, start, product[pair])


def _without(
    order: NDArray[np.int64], first: NDArray[np.bool_], readable: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    kept = readable[order]
    number = np.cumsum(first, dtype=np.uint64)[kept]
    return order[kept], changes(number)


def _distinct(image: NDArray[np.int64], node: NDArray[np.int32], images: int) -> NDArray[np.int64]:
    """Return the number of different nodes of each image; products without one do not count."""
    known = node >= 0
    width = int(node.max(initial=0)) + 1
    pairs = np.unique(image[known] * width + node[known])
    return np.bincount(pairs // width, minlength=images)


def connect(
    sharing: Sharing, num_products: int, *, max_products: int, max_branches: int, share: float
) -> Groups:
    """Join the products of every image that is no boilerplate, unless a group became too large."""
    images = sharing.images
    common = is_boilerplate(images, max_products=max_products, max_branches=max_branches)
    joining = np.flatnonzero(~common)
    order = joining[np.lexsort((-images.products[joining], images.categories[joining]))]
    limit = max(int(share * num_products), _ALWAYS_ALLOWED)
    group, refused = _join(order, sharing.start, sharing.products, num_products, limit)
    return Groups(
        product_group=group,
        sizes=np.bincount(group),
        image_number=sharing.image_number,
        boilerplate=images.where(common),
        refused=images.where(refused > 0),
        refused_joins=int(refused.sum()),
    )


def is_boilerplate(
    images: SharedImages, *, max_products: int = MAX_PRODUCTS, max_branches: int = MAX_BRANCHES
) -> NDArray[np.bool_]:
    """Tell which images are on too many products or branches to say what a product is, (K,)."""
    return (images.products > max_products) | (images.branches > max_branches)


@njit(cache=True)
def _join(
    order: NDArray[np.int64],
    start: NDArray[np.int64],
    products: NDArray[np.int32],
    num_products: int,
    limit: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Union-find by size; return each product's group and each image's number of refused joins."""
    parent = np.arange(num_products)
    size = np.ones(num_products, np.int64)
    refused = np.zeros(len(start) - 1, np.int64)
    for image in order:
        here = _root(parent, products[start[image]])
        for at in range(start[image] + 1, start[image + 1]):
            other = _root(parent, products[at])
            if other == here:
                continue
            small, large = (here, other) if size[here] < size[other] else (other, here)
            if size[small] + size[large] > limit:
                refused[image] += 1
                here = small
            else:
                parent[small] = large
                size[large] += size[small]
                here = large
    return _numbered(parent), refused


@njit(cache=True)
def _root(parent: NDArray[np.int64], product: int) -> int:
    while parent[product] != product:
        parent[product] = parent[parent[product]]
        product = parent[product]
    return product


@njit(cache=True)
def _numbered(parent: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the group of each product, groups numbered in the order of their first products."""
    number = np.full(len(parent), -1, np.int32)
    group = np.empty(len(parent), np.int32)
    found = 0
    for product in range(len(parent)):
        root = _root(parent, product)
        if number[root] < 0:
            number[root] = found
            found += 1
        group[product] = number[root]
    return group
