"""Where the batches of a training come from: the pixels of an index, or cached embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from etalage.batches.loader import Batch, load
from etalage.batches.order import Batches
from etalage.catalogue.index import Index
from etalage.embedding.batches import FeatureBatch, load_features
from etalage.embedding.folder import Embeddings


class Source(Protocol):
    """What the loop needs of one."""

    def batches(self, order: Batches) -> Iterator[Batch | FeatureBatch]:
        """Yield the images of each batch of products, as pixels or as features."""
        ...


@dataclass(frozen=True, eq=False)
class PixelSource:
    """Decodes images as they are needed.

    Attributes:
        index: where they are.
        size: side they are loaded at, in pixels.
        max_images: only the first so many of a product; None for all.
        threads: that decode; None for one on each core.
    """

    index: Index
    size: int
    max_images: int | None = None
    threads: int | None = None

    def batches(self, order: Batches) -> Iterator[Batch]:
        """Yield pixels."""
        most = self.max_images
        return load(self.index, order, size=self.size, max_images=most, threads=self.threads)


@dataclass(frozen=True, eq=False)
class FeatureSource:
    """Reads the vectors that a frozen backbone gave.

    Attributes:
        index: the index whose images were embedded.
        embeddings: their vectors.
        max_images: only the first so many of a product; None for all.
    """

    index: Index
    embeddings: Embeddings
    max_images: int | None = None

    def batches(self, order: Batches) -> Iterator[FeatureBatch]:
        """Yield vectors."""
        return load_features(self.index, self.embeddings, order, max_images=self.max_images)
