"""Products by number of images, and copies of images: the article's Table 3 and Figure 4.

An image is told by the hash of its bytes: two images of one hash are copies of one another. The
distribution of copies is drawn on two logarithmic axes, on which the article found a power law.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.reports.numbers import ONE_TWO_FIVE, Bin, log_bins, share


@dataclass(frozen=True)
class ImageCount:
    """How many products have a number of images."""

    images: int
    products: int
    share: float


@dataclass(frozen=True)
class Frequency:
    """``images`` different images occur ``copies`` times each."""

    copies: int
    images: int


@dataclass(frozen=True)
class Copies:
    """How often images occur.

    Attributes:
        images: images of the catalogue, copies counted.
        distinct: different ones.
        once: those that occur once.
        most: occurrences of the most copied one.
        copied_share: share of the catalogue's images of which there is a copy.
        frequencies: how many different images occur how often.
        bins: the same in logarithmic bins; ``total`` counts the images in them with copies.
    """

    images: int
    distinct: int
    once: int
    most: int
    copied_share: float
    frequencies: list[Frequency]
    bins: list[Bin]


@dataclass(frozen=True)
class CopiedImage:
    """An image that occurs often; ``row`` is the first of its rows in the index."""

    row: int
    copies: int
    products: int
    categories: int
    product_id: int | str


def image_counts(image_count: NDArray[np.int32]) -> list[ImageCount]:
    """Count the products by their number of images."""
    counts = np.bincount(image_count) if len(image_count) else np.empty(0, np.int64)
    return [
        ImageCount(images, int(counts[images]), share(counts[images], len(image_count)))
        for images in np.flatnonzero(counts).tolist()
    ]


def copy_counts(image_number: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how often each different image occurs.

    Args:
        image_number: number of the different image of each image row, from 0 without gaps, (I,).
    """
    return np.bincount(image_number).astype(np.int64)


def copy_distribution(copies: NDArray[np.int64]) -> Copies:
    """Return how many different images occur how often.

    Args:
        copies: occurrences of each different image, at least 1 each.
    """
    counts = np.bincount(copies, minlength=2)
    often = np.flatnonzero(counts)
    images = int(copies.sum())
    return Copies(
        images=images,
        distinct=len(copies),
        once=int(counts[1]),
        most=int(copies.max(initial=0)),
        copied_share=share(images - counts[1], images),
        frequencies=[Frequency(number, int(counts[number])) for number in often.tolist()],
        bins=log_bins(copies, ONE_TWO_FIVE),
    )


def most_copied(
    image_number: NDArray[np.int32],
    copies: NDArray[np.int64],
    image_product: NDArray[np.int32],
    labels: NDArray[np.int32],
    product_ids: pa.Array,
    number: int,
) -> list[CopiedImage]:
    """Return the images that occur most often, at least twice."""
    order = np.argsort(-copies, kind="stable")[:number]
    found = []
    for image in order[copies[order] > 1].tolist():
        rows = np.flatnonzero(image_number == image)
        products = np.unique(image_product[rows])
        leaves = np.unique(labels[products])
        first = int(rows[0])
        sizes = (len(rows), len(products), int((leaves >= 0).sum()))
        found.append(CopiedImage(first, *sizes, product_ids[int(image_product[first])].as_py()))
    return found
