"""The frozen road: every distinct image is embedded once, then the head learns from vectors.

The vectors lie in ``checkpoints/embeddings`` of the MODEL to be, and go with the checkpoints, or in
a folder of the user's choice, where they stay. What is trained is fusion and head, on features that
are standardised by the mean and deviation of the training images; both are part of the network, so
that the MODEL answers from pixels like any other.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from etalage.batches.order import in_order
from etalage.embedding.distinct import images_of
from etalage.embedding.encoder import Encoder
from etalage.embedding.fit import require_fit
from etalage.embedding.folder import MANIFEST, Embeddings, read_embeddings
from etalage.embedding.write import Wanted, write_embeddings
from etalage.errors import ConfigError
from etalage.models.checkpoint import Architecture
from etalage.models.fusion import Places, prepare
from etalage.models.network import ProductModel
from etalage.training.plan import Data
from etalage.training.recipe import Recipe
from etalage.training.resume import CHECKPOINTS
from etalage.training.source import FeatureSource, PixelSource, Source
from etalage.training.start import has_learned

_ENOUGH = 100_000
"""Images from which mean and deviation are taken: more would change the fourth digit."""
_PREPARE_FROM = 10_000
"""Training products whose images a fusion is prepared from."""
_BLOCK = 4096
_PENALTY_OF = 10_000
"""Training products that ``head_penalty`` is given for."""


def learns_from_features(recipe: Recipe) -> bool:
    """Whether the features of an image never change while such a recipe trains."""
    return recipe.freeze_backbone and recipe.fusion != "collage" and not recipe.cutmix


def open_source(
    recipe: Recipe,
    data: Data,
    architecture: Architecture,
    network: ProductModel,
    checkpoint: dict[str, Any] | None,
    *,
    output: Path,
    embeddings: Path | None,
) -> Source:
    """Return where the batches of a training come from, embedding its images where need be.

    A head that has learned nothing yet gets standardised features.

    Args:
        recipe: what is trained, and how.
        data: the products.
        architecture: of the network.
        network: on its device, with its first weights.
        checkpoint: what is gone on from.
        output: the MODEL to be.
        embeddings: where the vectors lie, or will; None for the checkpoints.

    Raises:
        ConfigError: embeddings for a recipe that learns from pixels.
        EmbeddingsError: those there were made otherwise, or not of all images.
    """
    network.dropout = recipe.feature_dropout
    penalise(network, recipe, products=len(data.train))
    if not learns_from_features(recipe):
        if embeddings is not None:
            raise ConfigError(
                f"recipe {recipe.name!r} learns from pixels, embeddings are of no use to it",
                hint="use --recipe frozen, or leave --embeddings out",
            )
        return PixelSource(data.index, recipe.load_size, recipe.max_images)
    if checkpoint:
        network.load_state_dict(checkpoint["network"])
    device = network.feature_mean.device
    training = network.training
    encoder = Encoder(network.eval(), architecture, device)
    found = _embeddings(encoder, recipe, data, output, embeddings)
    if not checkpoint and not has_learned(network, data, recipe):
        mean, deviation = statistics(found, images_of(data.index, data.train, recipe.max_images)[0])
        network.standardise(torch.from_numpy(mean), torch.from_numpy(deviation))
        _prepare_fusion(network, FeatureSource(data.index, found, recipe.max_images), data.train)
    network.train(training)
    return FeatureSource(data.index, found, recipe.max_images)


def _embeddings(
    encoder: Encoder, recipe: Recipe, data: Data, output: Path, given: Path | None
) -> Embeddings:
    """Return the vectors of the training's images, computed unless they are there."""
    rows = np.concatenate([data.train, data.validation])
    folder = given or output / CHECKPOINTS / "embeddings"
    if not (folder / MANIFEST).is_file():
        # What stays serves other splits and predictions too: it is of the whole index.
        wanted = Wanted(np.arange(len(data.index)))
        if given is None:
            wanted = Wanted(np.sort(rows), "train and validation", recipe.max_images)
        write_embeddings(encoder, data.index, wanted, folder)
        encoder.network.engine = None
    found = read_embeddings(folder)
    require_fit(found, encoder, data.index, rows, recipe.max_images)
    return found


@torch.no_grad()
def _prepare_fusion(network: ProductModel, source: FeatureSource, rows: NDArray[np.int64]) -> None:
    """Let the fusion see how the images of evenly spaced training products differ."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _PREPARE_FROM)).astype(np.int64)]
    batch = next(source.batches(in_order(np.unique(chosen), len(chosen))))
    present, product = np.unique(batch.product, return_inverse=True)
    features = torch.from_numpy(batch.features).to(network.feature_mean.device)
    places = Places(torch.from_numpy(product), torch.from_numpy(batch.rank), len(present))
    if len(present) and isinstance(network.fusion, nn.Module):
        standard = (features - network.feature_mean) * network.feature_scale
        prepare(network.fusion, standard, places.to(features.device))


def penalise(network: ProductModel, recipe: Recipe, *, products: int) -> None:
    """Let every gradient of the head's weights draw them to 0, by the recipe's ``head_penalty``.

    A recipe's decay does something else: it does not follow the number of products, and AdamW's is
    a share of each step whatever the loss.
    """
    strength = recipe.head_penalty * _PENALTY_OF / max(1, products) / recipe.accumulate
    weight = network.head.weight
    if strength:
        weight.register_hook(lambda gradient: gradient + strength * weight.detach())  # type: ignore[no-untyped-call]


def statistics(
    embeddings: Embeddings, images: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and deviation of the features of images, (F,) both.

    A feature that hardly varies is not blown up: no deviation is below a hundredth of the mean one.
    """
    images = images[embeddings.has(images)]
    if len(images) > _ENOUGH:
        images = images[np.linspace(0, len(images) - 1, _ENOUGH).astype(np.int64)]
    total, squares = np.zeros(embeddings.width), np.zeros(embeddings.width)
    for start in range(0, len(images), _BLOCK):
        vectors = embeddings.vectors(images[start : start + _BLOCK]).astype(np.float64)
        total += vectors.sum(axis=0)
        squares += np.square(vectors).sum(axis=0)
    count = max(1, len(images))
    mean = total / count
    deviation = np.sqrt((squares / count - mean**2).clip(min=0))
    floor = max(float(deviation.mean()) / 100, 1e-6)
    return mean.astype(np.float32), deviation.clip(min=floor).astype(np.float32)
