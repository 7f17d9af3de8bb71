"""Example products drawn from the catalogue itself: the article's Figure 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import LEVELS

_IMAGES = (4, 3, 2, 1)
_OF_EACH = 3
_TRIES = 60


@dataclass(frozen=True)
class Example:
    """A product to show, and its image rows by rank."""

    product_id: int | str
    category: str
    images: int
    rows: list[int]


def draw_examples(index: Index, seed: int) -> list[Example]:
    """Draw products of four, three, two and one images, from different categories where possible.

    Args:
        index: the catalogue.
        seed: same seed, same products.
    """
    nodes = index.taxonomy.nodes(LEVELS if index.taxonomy.is_flat else 1)
    branches = np.append(nodes, np.int32(-1))
    rng = np.random.default_rng(seed)
    return [
        _example(index, product)
        for images in _IMAGES
        for product in _draw(index.image_count, index.labels, branches, images, rng)
    ]


def _draw(
    image_count: NDArray[np.int32],
    labels: NDArray[np.int32],
    branches: NDArray[np.int32],
    images: int,
    rng: np.random.Generator,
) -> list[int]:
    there = np.flatnonzero(image_count == images)
    tried = rng.choice(there, min(_TRIES, len(there)), replace=False)
    _, first = np.unique(branches[labels[tried]], return_index=True)
    order = [*np.sort(first).tolist(), *np.setdiff1d(np.arange(len(tried)), first).tolist()]
    return [int(tried[at]) for at in order[:_OF_EACH]]


def _example(index: Index, product: int) -> Example:
    start = int(index.image_start[product])
    images, label = int(index.image_count[product]), int(index.labels[product])
    return Example(
        product_id=index.product_ids[product].as_py(),
        category=index.taxonomy.label(label) if label >= 0 else "",
        images=images,
        rows=list(range(start, start + images)),
    )
