"""Who sells what: every number of a generated catalogue before a single image is drawn.

Products come in series: near-identical offers of one reseller in one leaf, which share some or all
of their images. All byte-identical copies but a few boilerplate images lie within a series, wrong
labels mostly fall on a whole series, and a series has one number of images per product.
Published figures: the articles and shared kernels of the Cdiscount 2017 challenge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.generator.labels import wrong_labels
from etalage.generator.resellers import Resellers, sellers
from etalage.generator.series import (
    BOILERPLATES,
    boilerplate_slots,
    image_counts,
    series_sizes,
    shared_ranks,
)
from etalage.generator.taxonomy import Tree, leaf_sizes

_ID_GAP = 2.67  # 23,620,445 is the last of 8,838,078 published ids


@dataclass(frozen=True, eq=False)
class Plan:
    """A catalogue without its images, products in ascending order of id.

    Attributes:
        ids: shape (P,).
        test: whether the product is in the test file, shape (P,).
        leaf: the true leaf row, shape (P,).
        given: the leaf row the catalogue says, shape (P,).
        reseller: who sells it, shape (P,).
        series: the series it belongs to, shape (P,).
        start: first image of every product, and the number of images last, shape (P + 1,).
        picture: which picture an image is; equal pictures are equal bytes, shape (I,).
        pictures: how many numbers of pictures there are; the first ``BOILERPLATES`` belong to no
            product.
        shared: a bit for each rank whose picture the whole series shares, shape (series,).
        resellers: the resellers by number.
    """

    ids: NDArray[np.int32]
    test: NDArray[np.bool_]
    leaf: NDArray[np.int32]
    given: NDArray[np.int32]
    reseller: NDArray[np.int32]
    series: NDArray[np.int32]
    start: NDArray[np.int64]
    picture: NDArray[np.int32]
    pictures: int
    shared: NDArray[np.uint8]
    resellers: Resellers

    def __len__(self) -> int:
        return len(self.ids)


def make_plan(tree: Tree, products: int, test: float, seed: int) -> Plan:
    """Return the plan of a catalogue; memory is some sixty bytes a product."""
    rng = np.random.default_rng((seed, 1))
    sizes = leaf_sizes(tree.weights, products)
    leaf = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    in_test = _test_products(leaf, sizes, test, rng)
    series = _number_series(series_sizes(products, test, rng), sizes, products)
    resellers, seller = sellers(tree.taxonomy, leaf, series, rng)
    images = image_counts(leaf, series, rng)[series]
    shared = shared_ranks(series, images, in_test, rng)
    given = wrong_labels(tree.taxonomy, leaf, series, shared, in_test, resellers.care[seller], rng)
    order = rng.permutation(products)
    start = np.concatenate([[0], np.cumsum(images[order], dtype=np.int64)])
    picture, pictures = _pictures(series[order], start, shared, rng)
    gaps = rng.geometric(1 / _ID_GAP, products)
    return Plan(
        np.cumsum(gaps).astype(np.int32), in_test[order], leaf[order], given[order],
        seller[order], series[order], start, picture, pictures, shared, resellers,
    )  # fmt: skip


def _test_products(
    leaf: NDArray[np.int32], sizes: NDArray[np.int64], test: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw the test products leaf by leaf; every leaf keeps one product to train on."""
    first = np.cumsum(sizes) - sizes
    order = np.lexsort((rng.random(len(leaf)), leaf))
    rank = np.arange(len(leaf)) - first[leaf]
    offset = rng.random(len(sizes))[leaf]
    chosen = np.floor((rank + 1) * test + offset) > np.floor(rank * test + offset)
    in_test = np.zeros(len(leaf), np.bool_)
    in_test[order] = chosen & (rank > 0)
    return in_test


def _number_series(
    lengths: NDArray[np.int64], leaves: NDArray[np.int64], products: int
) -> NDArray[np.int32]:
    starts = np.zeros(products, np.bool_)
    starts[0] = True
    starts[np.cumsum(lengths)[:-1]] = True
    starts[np.cumsum(leaves)[:-1]] = True
    return (np.cumsum(starts) - 1).astype(np.int32)


def _pictures(
    series: NDArray[np.int32],
    start: NDArray[np.int64],
    shared: NDArray[np.uint8],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], int]:
    """Number the pictures: boilerplate, then those series share, then one product's own."""
    count = np.diff(start)
    product = np.repeat(np.arange(len(series)), count)
    rank = np.arange(start[-1]) - start[product]
    mask = shared[series[product]].astype(np.int64)
    common = ((mask >> rank) & 1).astype(np.bool_)
    before = np.bitwise_count(mask & ((1 << rank) - 1))
    per_series = np.bitwise_count(shared).astype(np.int64)
    base = BOILERPLATES + np.cumsum(per_series) - per_series
    own = BOILERPLATES + int(per_series.sum()) - 1 + np.cumsum(~common)
    picture = np.where(common, base[series[product]] + before, own).astype(np.int32)
    pictures = int(own[-1]) + 1
    slots, kinds = boilerplate_slots(count, start, rng)
    picture[slots] = kinds
    return picture, pictures
