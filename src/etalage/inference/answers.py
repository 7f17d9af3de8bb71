"""What a model answers for products: from the pixels of their images, or from embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.batches.loader import Batch, load
from etalage.batches.order import Batches
from etalage.catalogue.index import Index
from etalage.embedding.batches import FeatureBatch, load_features
from etalage.embedding.encoder import Encoder
from etalage.embedding.fit import require_fit
from etalage.embedding.folder import Embeddings
from etalage.models.checkpoint import Answerer, Model
from etalage.models.views import geometric_mean
from etalage.predictions.adjustment import adjust

Answers = NDArray[np.float32]
"""The probabilities of all categories for some products, (P, C)."""


@dataclass(frozen=True, eq=False)
class FromPixels:
    """Answers from pixels.

    Attributes:
        model: whose answers they are.
        index: where the images are.
        max_images: only the first so many of a product, None for all.
        logit_adjustment: strength with which the prior is taken out.
    """

    model: Answerer
    index: Index
    max_images: int | None
    logit_adjustment: float

    def batches(self, order: Batches) -> Iterator[tuple[Batch | FeatureBatch, Answers]]:
        """Yield each batch of products with its answers."""
        for batch in load(self.index, order, size=self.model.size, max_images=self.max_images):
            count = len(batch.rows)
            given = self.model.probabilities(batch.pixels, batch.product, batch.rank, count)
            yield batch, self.adjusted(given)

    def adjusted(self, given: Answers) -> Answers:
        """Return answers with the prior taken out."""
        return adjust(given, self.model.prior, self.logit_adjustment)


@dataclass(frozen=True, eq=False)
class FromSizes(FromPixels):
    """Answers from pixels at several sizes of every image.

    Attributes:
        sizes: the same model at each size.
    """

    sizes: tuple[Answerer, ...]

    def batches(self, order: Batches) -> Iterator[tuple[Batch | FeatureBatch, Answers]]:
        """Yield each batch of products, at the last size, with the mean of its answers."""
        views = [
            FromPixels(model, self.index, self.max_images, 0.0).batches(order)
            for model in self.sizes
        ]
        for found in zip(*views, strict=True):
            given = geometric_mean([answer for _, answer in found])
            yield found[-1][0], self.adjusted(given)


@dataclass(frozen=True, eq=False)
class FromVectors(FromPixels):
    """Answers from the embeddings of the images: nothing is decoded.

    Attributes:
        model: a single network.
        embeddings: of the model's backbone.
    """

    model: Model
    embeddings: Embeddings

    def require_fit(self, rows: NDArray[np.int64]) -> None:
        """Check that they are what the model's backbone would make of these products.

        Raises:
            EmbeddingsError: they are not.
        """
        encoder = Encoder(self.model.network, self.model.architecture, self.model.device)
        require_fit(self.embeddings, encoder, self.index, rows, self.max_images)

    def batches(self, order: Batches) -> Iterator[tuple[Batch | FeatureBatch, Answers]]:
        """Yield each batch of products with its answers."""
        answer, most = self.model.probabilities_of_features, self.max_images
        for batch in load_features(self.index, self.embeddings, order, max_images=most):
            given = answer(batch.features, batch.product, batch.rank, len(batch.rows))
            yield batch, self.adjusted(given)
