"""Series of near-identical offers: how long, how many images, which images are shared.

Published for the train file: 12,371,293 images, 7,772,910 distinct; 6.85 million of those occur
once, 600,000 twice, 150,000 three times, 80,000 four times, 60 a hundred times, one or two a
thousand times, the most copied 16,643 times. From five copies on that is a power law with
exponent 2.
"""

import numpy as np
from numpy.typing import NDArray

IMAGE_COUNTS = (4_369_441, 1_128_588, 542_792, 1_029_075)
COPIED = 1 - 7_772_910 / 12_371_293
BOILERPLATES = 12
_IMAGES = 12_371_293
_MOST_COPIES = 16_643
_HEAD = (600_000, 150_000, 80_000)  # occurring twice, three times, four times
_SHARED = 0.9
_RICHER, _MORE_IMAGES = 0.7, 1.18  # offers in a series have that many times the usual images
_BOILERPLATE_SHARE = 0.001  # of all images, for the most frequent one


def series_sizes(products: int, test: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return lengths of series, 1 for an offer that shares nothing, that sum to ``products``."""
    lengths, chances = _copies(products)
    train = lengths * (1 - test)
    # Of m copies (1 - test) m are in the train file, one of which is no copy.
    gain = float((chances * (train - 1 + test**lengths)).sum() / (chances * train).sum())
    inside = min(COPIED / (_SHARED * gain * _MORE_IMAGES), 0.95)
    mean = float((chances * lengths).sum())
    several = (inside / mean) / (inside / mean + 1 - inside)
    draws = int(products / (several * mean + 1 - several) * 1.3) + 1000
    sizes = np.where(rng.random(draws) < several, rng.choice(lengths, draws, p=chances), 1)
    while sizes.sum() < products:
        sizes = np.concatenate([sizes, sizes])
    edges = np.cumsum(sizes)
    last = int(np.searchsorted(edges, products))
    sizes = sizes[: last + 1]
    sizes[-1] -= edges[last] - products
    return sizes


def _copies(products: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the lengths from 2 on and their probabilities."""
    images = products * _IMAGES / sum(IMAGE_COUNTS)
    longest = max(int(_MOST_COPIES * images / _IMAGES), 32)
    lengths = np.arange(2, longest + 1)
    tail = 7_772_910 - 6_850_000 - sum(_HEAD)
    chances = lengths.astype(np.float64) ** -2
    chances[3:] *= tail / chances[3:].sum()
    chances[:3] = _HEAD
    return lengths, chances / chances.sum()


def image_counts(
    leaf: NDArray[np.int32], series: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return how many images each product of a series has, shape (series,).

    The published proportions hold over all products; within them some leaves are richer.
    """
    size = np.bincount(series)
    first = np.cumsum(size) - size
    taste = rng.normal(size=int(leaf.max()) + 1)
    score = taste[leaf[first]] + rng.normal(size=len(size)) + _RICHER * (size > 1)
    order = np.argsort(score)
    place = np.empty(len(size))
    place[order] = (np.cumsum(size[order]) - size[order] / 2) / len(series)
    edges = np.cumsum(IMAGE_COUNTS) / sum(IMAGE_COUNTS)
    return (1 + np.searchsorted(edges[:3], place)).astype(np.uint8)


def shared_ranks(
    series: NDArray[np.int32],
    images: NDArray[np.uint8],
    test: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Choose which ranks the products of a series share, so that 37.2 % of train are copies.

    Returns:
        A bit per rank, shape (series,).
    """
    size = np.bincount(series)
    train = np.bincount(series[~test], minlength=len(size))
    count = images[np.cumsum(size) - size].astype(np.int64)
    owner = np.repeat(np.arange(len(size)), count)
    rank = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
    gain = np.maximum(train[owner] - 1, 0)
    wanted = _copies_wanted(float(images[~test].sum()))
    order = rng.permutation(len(owner))
    reached = np.cumsum(gain[order])
    enough = int(np.searchsorted(reached, wanted)) + 1
    chosen = order[:enough]
    chosen = chosen[size[owner[chosen]] > 1]
    shared = np.zeros(len(size), np.uint8)
    np.bitwise_or.at(shared, owner[chosen], (1 << rank[chosen]).astype(np.uint8))
    return shared


def _copies_wanted(images: float) -> float:
    """Return how many of the train images series copy: boilerplate is copies, too."""
    boilerplate = float(np.floor(_boilerplate_counts(images)).sum())
    return COPIED * images - (1 - COPIED) * boilerplate + BOILERPLATES


def _boilerplate_counts(images: float) -> NDArray[np.float64]:
    return np.asarray(
        images * _BOILERPLATE_SHARE / np.sqrt(np.arange(1, BOILERPLATES + 1)), np.float64
    )


def boilerplate_slots(
    count: NDArray[np.int64], start: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Choose the images that become boilerplate: mostly the last of several, in any branch."""
    per_kind = np.floor(_boilerplate_counts(float(start[-1]))).astype(np.int64)
    kinds = np.repeat(np.arange(BOILERPLATES, dtype=np.int32), per_kind)
    several = np.flatnonzero(count > 1)
    alone = np.flatnonzero(count == 1)
    few = min(len(kinds) // 10, len(alone))
    most = min(len(kinds) - few, len(several))
    products = np.concatenate([
        rng.choice(several, most, replace=False), rng.choice(alone, few, replace=False)
    ])  # fmt: skip
    kinds = rng.permutation(kinds)[: len(products)]
    return start[products + 1] - 1, kinds
