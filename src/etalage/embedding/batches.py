"""Batches of products as vectors: what the loader is to pixels, this is to embeddings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.embedding.distinct import images_of
from etalage.embedding.folder import Embeddings


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """The vectors of the images of some products.

    Attributes:
        rows: product rows in the order asked, shape (P,).
        features: shape (N, F), in product order, then by rank.
        product: position in ``rows`` of each image, shape (N,), never falling; a product whose
            images are all unreadable does not occur.
        rank: rank of each image within its product, shape (N,).
        unreadable: image rows left out because they have no vector.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    product: NDArray[np.int64]
    rank: NDArray[np.int64]
    unreadable: NDArray[np.int64]


def load_features(
    index: Index,
    embeddings: Embeddings,
    batches: Iterable[NDArray[np.int64]],
    *,
    max_images: int | None = None,
) -> Iterator[FeatureBatch]:
    """Yield the vectors of each batch of products.

    Args:
        index: the index the rows are of, and the embeddings.
        embeddings: the vectors.
        batches: product rows, one array a batch.
        max_images: use only the first so many images of a product (by rank); None for all.

    Raises:
        EmbeddingsError: while iterating, when a part is missing or damaged.
    """
    for rows in batches:
        images, product, rank = images_of(index, rows, max_images)
        has = embeddings.has(images)
        vectors = embeddings.vectors(images[has])
        yield FeatureBatch(rows, vectors, product[has], rank[has], images[~has])
