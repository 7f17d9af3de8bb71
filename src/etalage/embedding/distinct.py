"""Which images are embedded: of those with the same bytes one, in the order of the files."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.hashes import by_content
from etalage.catalogue.index import Index

UNREADABLE, NOT_WANTED = -1, -2
"""In place of the row of a vector: there is none, and why."""


@dataclass(frozen=True, eq=False)
class Distinct:
    """The distinct readable images among those asked for.

    Attributes:
        images: image row of the first of each, in the order of the files, (V,).
        vector: for each image row of the index the position in ``images`` of one with the same
            bytes; UNREADABLE or NOT_WANTED where there is none, (I,).
    """

    images: NDArray[np.int64]
    vector: NDArray[np.int64]


def find_distinct(index: Index, wanted: NDArray[np.bool_]) -> Distinct:
    """Return the distinct readable images among those where ``wanted`` (I,) is true."""
    vector = np.where(wanted, UNREADABLE, NOT_WANTED).astype(np.int64)
    images = _in_file_order(index, np.flatnonzero(wanted & index.readable))
    order, first = by_content(index.hashes[images])
    content = np.empty(len(images), np.int64)
    content[order] = np.cumsum(first) - 1
    # Sorted stably, each content begins with the one that comes first in the files.
    firsts = np.sort(order[first])
    number = np.empty(len(firsts), np.int64)
    number[content[firsts]] = np.arange(len(firsts))
    vector[images] = number[content]
    return Distinct(images[firsts], vector)


def _in_file_order(index: Index, images: NDArray[np.int64]) -> NDArray[np.int64]:
    file, offset = (index.column("images", name).to_numpy() for name in ("file", "offset"))
    return images[np.lexsort((offset[images], file[images]))]


def images_of(
    index: Index, rows: NDArray[np.int64], max_images: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the image rows of some products, the position of each one's product, and its rank.

    Args:
        index: the index.
        rows: product rows, (P,).
        max_images: only the first so many images of a product; None for all.
    """
    counts = index.image_count[rows].astype(np.int64)
    if max_images is not None:
        counts = counts.clip(max=max_images)
    product = np.repeat(np.arange(len(rows)), counts)
    rank = np.arange(len(product)) - np.repeat(np.cumsum(counts) - counts, counts)
    return index.image_start[rows][product] + rank, product, rank


class SingleImages(Index):
    """An index of which each image is a product: what loads products then loads images."""

    @classmethod
    def of(cls, index: Index) -> "SingleImages":
        """Return ``index`` seen so."""
        return cls(index.folder, index.record, index.sources)

    def __reduce__(self) -> tuple[Any, ...]:
        return SingleImages, (self.folder, self.record, self.sources)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.readable)

    @cached_property
    def image_start(self) -> NDArray[np.int64]:
        """The image itself, (I,)."""
        return np.arange(len(self))

    @cached_property
    def image_count(self) -> NDArray[np.int32]:
        """One, (I,)."""
        return np.ones(len(self), np.int32)
