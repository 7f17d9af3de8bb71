"""A portion of an index: what a network that learns from some products or ranks only is shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.models.scope import Scope


class Portion(Index):
    """An index with fewer images, its other products without a label: so nobody learns from them.

    Rows, ids and fingerprint are those of the index; nothing is copied but three columns.

    Args:
        index: the whole one.
        scope: which products and images to keep. A product is kept by the number of its images
            that are readable by their headers, and when one of the images to keep is.
        most: images of a product that are used, None for all.
    """

    def __init__(self, index: Index, scope: Scope, most: int | None) -> None:
        super().__init__(index.folder, index.record, index.sources)
        self._made_from = (index, scope, most)
        start, count = index.image_start, index.image_count.astype(np.int64)
        used = count if most is None else count.clip(max=most)
        readable = np.concatenate([[0], np.cumsum(index.readable)])
        fits = scope.products(readable[start + used] - readable[start])
        hidden = np.minimum(scope.first_rank, used)
        kept = used - hidden
        if scope.images == "first":
            kept = kept.clip(max=1)
        self.image_start = start + hidden
        self.image_count = kept.astype(np.int32)
        fits &= readable[self.image_start + kept] > readable[self.image_start]
        self.labels = np.where(fits, index.labels, np.int32(-1))

    def __reduce__(self) -> tuple[Any, ...]:
        return Portion, self._made_from


def portion(index: Index, ranks: str, counts: str, most: int | None) -> Index:
    """Return what a recipe's ``image_ranks`` and ``image_counts`` leave of an index."""
    scope = Scope(ranks, counts)
    return index if scope.everything else Portion(index, scope, most)


def learnable(index: Index, rows: NDArray[np.int64]) -> bool:
    """Whether there is a labelled product among ``rows``."""
    return bool((index.labels[rows] >= 0).any())
