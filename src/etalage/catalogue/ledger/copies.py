"""Which distinct images a catalogue has, how many copies of each, and who shows the same ones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Sharing


@dataclass(frozen=True, eq=False)
class Copies:
    """The D distinct readable images of a catalogue, by their number in ``Sharing.image_number``.

    Attributes:
        row: first image row with this content, (D,).
        copies: number of image rows with it, (D,).
        products: number of products with it, (D,).
        categories: number of leaves these are labelled with, (D,).
    """

    row: NDArray[np.int64]
    copies: NDArray[np.int64]
    products: NDArray[np.int64]
    categories: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def histogram(self) -> dict[int, int]:
        """Return how many images have how many copies, fewest copies first."""
        images = np.bincount(self.copies)
        return {int(copies): int(images[copies]) for copies in np.flatnonzero(images)}


def count_copies(
    sharing: Sharing, image_product: NDArray[np.int32], labels: NDArray[np.int32]
) -> Copies:
    """Count the copies of every distinct image.

    Args:
        sharing: which products each shared image is on.
        image_product: product row of each image, (I,).
        labels: leaf row of each product, -1 without one, (P,).
    """
    rows = np.flatnonzero(sharing.image_number >= 0)
    number = sharing.image_number[rows]
    copies = np.bincount(number)
    row = np.empty(len(copies), np.int64)
    row[number[::-1]] = rows[::-1]  # the last write wins: the first row
    products = np.ones(len(copies), np.int64)
    categories = (labels[image_product[row]] >= 0).astype(np.int64)
    shared = sharing.image_number[sharing.images.row]
    products[shared], categories[shared] = sharing.images.products, sharing.images.categories
    return Copies(row, copies, products, categories)


def showing_the_same(
    sharing: Sharing, others: NDArray[np.bool_], images: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Tell which products have an image that is on one of the others too, (P,).

    Args:
        sharing: which products each shared image is on.
        others: the products to compare with, (P,); what is said of these themselves means nothing.
        images: which shared images count, (K,); all where not given.
    """
    pairs = sharing.pairs
    there = np.zeros(len(sharing.images), np.bool_)
    there[pairs[others[sharing.products]]] = True
    if images is not None:
        there &= images
    found = np.zeros(len(others), np.bool_)
    found[sharing.products[there[pairs]]] = True
    return found
