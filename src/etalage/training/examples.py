"""What an epoch consists of: each distinct product once, with the labels and the weight of all.

Products whose images are the same bytes in the same order are copies of one another, whatever their
labels. They make one example: the first of them stands for all, its target is the histogram of
their given labels, its weight their number. A product that shares only some images with another is
no copy of it: a logo or a colour chart on a thousand products says nothing about any of them.

The mean over an epoch of weight times cross-entropy is the mean over all products of their
cross-entropy, and so is its gradient. An example of thousands of copies would have the weight of
thousands in a single step, where clipping takes most of it away again (or, without clipping, one
step would undo many): it comes once for every ``MOST_COPIES`` copies instead, with its weight dealt
out among these times.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.catalogue.hashes import changes, numbered, words
from etalage.catalogue.index import Index
from etalage.models.precision import to_device

MOST_COPIES = 32
"""Copies that one occurrence of an example stands for at most."""


@dataclass(frozen=True, eq=False)
class Examples:
    """The distinct products of a training part, U of them, with a histogram of labels each.

    Attributes:
        rows: the product row that stands for each example, ascending, (U,).
        copies: training products it stands for, (U,) int32.
        weight: of one occurrence, 1 on average over an epoch, (U,) float32.
        start: where the labels of each begin in ``label``, (U + 1,).
        label: leaf rows, ascending within an example, (E,) int32.
        count: copies with that label, (E,) int32.
    """

    rows: NDArray[np.int64]
    copies: NDArray[np.int32]
    weight: NDArray[np.float32]
    start: NDArray[np.int64]
    label: NDArray[np.int32]
    count: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def products(self) -> int:
        """Number of training products, all copies counted."""
        return int(self.copies.sum(dtype=np.int64))

    def epoch(self) -> NDArray[np.int64]:
        """Return the product rows of an epoch, ascending; one of many copies several times."""
        return np.repeat(self.rows, _times(self.copies))

    def numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the example that each product row stands for."""
        return np.searchsorted(self.rows, rows)

    def weights(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the weights of product rows that stand for examples, (P,)."""
        return self.weight[self.numbers(rows)]

    def targets(self, rows: NDArray[np.int64], classes: int, device: torch.device) -> Tensor:
        """Return the shares of the labels of such product rows, (P, C) float32 on the device."""
        number = self.numbers(rows)
        length = self.start[number + 1] - self.start[number]
        product = np.repeat(np.arange(len(rows)), length)
        entry = np.arange(len(product)) - np.repeat(np.cumsum(length) - length, length)
        entry += np.repeat(self.start[number], length)
        share = (self.count[entry] / self.copies[number][product]).astype(np.float32)
        place = product * classes + self.label[entry]
        dense = torch.zeros(len(rows) * classes, device=device)
        dense[to_device(place, device)] = to_device(share, device)
        return dense.view(len(rows), classes)

    def label_counts(self, classes: int) -> NDArray[np.int64]:
        """Return the number of training products of each category, all copies counted, (C,)."""
        found = np.bincount(self.label, weights=self.count, minlength=classes)
        return found.astype(np.int64)


def find_examples(
    index: Index, rows: NDArray[np.int64], *, max_images: int | None, distinct: bool
) -> Examples:
    """Find the distinct products among labelled ones.

    A product without a readable image is nobody's copy: it teaches nothing, and is counted.

    Args:
        index: the index.
        rows: labelled product rows, ascending.
        max_images: only so many images of a product are used, and compared; None for all.
        distinct: whether to look for copies at all; else every product is an example.
    """
    start, count = index.image_start[rows], index.image_count[rows].astype(np.int64)
    if max_images is not None:
        count = count.clip(max=max_images)
    blank = _without_readable(index.readable, start, count)
    group = np.arange(len(rows))
    if distinct:
        # Read anew, not kept: the hashes of twelve million images are 200 MB.
        number = numbered(words(index.column("images", "hash")))
        sound = ~blank
        group[sound] = len(rows) + same_images(number, start[sound], count[sound])
    return collect(group, rows, index.labels[rows], blank)


def _without_readable(
    readable: NDArray[np.bool_], start: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.bool_]:
    before = np.concatenate([[0], np.cumsum(readable)])
    return np.asarray(before[start + count] == before[start])


def same_images(
    number: NDArray[np.int32], start: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return a number for each product, the same for products of the same images in the same order.

    Rank by rank: products of equal images so far, and more to come, are told apart by the next one.

    Args:
        number: of the content of each image row, (I,).
        start: first image row of each product, (P,).
        count: number of its images, at least 1, (P,).
    """
    group = number[start].astype(np.int64)
    contents = int(number.max(initial=-1)) + 1
    given = contents
    shared = np.bincount(group, minlength=1)[group] > 1
    active = np.flatnonzero(shared & (count > 1))
    rank = 1
    while len(active):
        key = group[active] * contents + number[start[active] + rank]
        _, inverse, copies = np.unique(key, return_inverse=True, return_counts=True)
        group[active] = given + inverse
        given += len(copies)
        rank += 1
        active = active[(copies[inverse] > 1) & (count[active] > rank)]
    return group


def collect(
    group: NDArray[np.int64],
    rows: NDArray[np.int64],
    labels: NDArray[np.int32],
    blank: NDArray[np.bool_],
) -> Examples:
    """Make one example of each group of products.

    Args:
        group: the same number for all products of an example, (N,).
        rows: their product rows, ascending, (N,).
        labels: their leaf rows, none -1, (N,).
        blank: those without a readable image: they do not count in the mean weight, (N,).
    """
    first, example = _in_order_of_first(group)
    copies = np.bincount(example).astype(np.int32)
    classes = int(labels.max(initial=0)) + 1
    pairs, count = np.unique(example * classes + labels, return_counts=True)
    start = np.concatenate([[0], np.cumsum(np.bincount(pairs // classes))])
    return Examples(
        rows=rows[first],
        copies=copies,
        weight=_weights(copies, blank[first]),
        start=start,
        label=(pairs % classes).astype(np.int32),
        count=count.astype(np.int32),
    )


def _in_order_of_first(group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first position of each group, ascending, and each position's group among these."""
    order = np.argsort(group, kind="stable")
    begins = changes(group[order])
    first = order[begins]
    number = np.empty(len(group), np.int64)
    number[order] = np.cumsum(begins) - 1
    sequence = np.argsort(first)
    renumbered = np.empty_like(sequence)
    renumbered[sequence] = np.arange(len(sequence))
    return first[sequence], renumbered[number]


def _times(copies: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return how often each example comes in an epoch."""
    return -(-copies // MOST_COPIES)


def _weights(copies: NDArray[np.int32], blank: NDArray[np.bool_]) -> NDArray[np.float32]:
    times, seen = _times(copies), ~blank
    products = copies[seen].sum(dtype=np.int64)
    scale = times[seen].sum(dtype=np.int64) / products if products else 1.0
    return (copies / times * scale).astype(np.float32)
