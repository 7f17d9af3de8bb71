"""Opening a MODEL folder: a network, or specialists that answer like one, ready to predict.

What the folder holds is told, written and read in ``folder``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.models.answer import Answerer
from etalage.models.architecture import Architecture, read_architecture
from etalage.models.backbone import create_backbone
from etalage.models.folder import (
    DESCRIPTION,
    PARTS,
    WEIGHTS,
    damage_named,
    described_prior,
    described_taxonomy,
    model_fingerprint,
    read_description,
    save_model,
    save_specialists,
    save_weights,
    start_from,
)
from etalage.models.fusion import Places
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import autocast, pick_device, use_bf16
from etalage.models.runtimes import Runtime, use_runtime
from etalage.models.scope import Scope
from etalage.models.specialists import Member, Specialists
from etalage.models.weights import load_strictly, read_tensors

__all__ = [
    "DESCRIPTION",
    "PARTS",
    "WEIGHTS",
    "Answerer",
    "Architecture",
    "Model",
    "Specialists",
    "described_taxonomy",
    "open_model",
    "open_network",
    "open_parts",
    "read_architecture",
    "read_description",
    "save_model",
    "save_specialists",
    "save_weights",
    "start_from",
]


class Model:
    """A trained network on its device, ready to answer.

    Attributes:
        network: in evaluation mode.
        architecture: what it is made of.
        taxonomy: the categories; class c is its row c.
        temperature: what logits are divided by.
        prior: share of each category among the training products, (C,) float32.
        fingerprint: of weights and description: what predictions record.
        device: where the network lies.
    """

    def __init__(
        self,
        network: ProductModel,
        architecture: Architecture,
        taxonomy: Taxonomy,
        *,
        temperature: float,
        prior: NDArray[np.float32],
        fingerprint: str,
        device: torch.device,
    ) -> None:
        self.network = network.to(device).eval()
        self.architecture = architecture
        self.taxonomy = taxonomy
        self.temperature = temperature
        self.prior = prior
        self.fingerprint = fingerprint
        self.device = device
        self._bf16 = use_bf16(network.backbone, device, architecture.precision)

    @property
    def size(self) -> int:
        """Side of the images that ``probabilities`` wants, in pixels: load them at this size."""
        return self.architecture.load_size

    @property
    def max_images(self) -> int | None:
        """How many images of a product it uses, None for all."""
        return self.architecture.max_images

    def use_runtime(self, name: str, *, images: int | None = None) -> Runtime:
        """Let a runtime compute the features of images from now on: see ``models.runtimes``."""
        return use_runtime(
            self.network,
            name,
            device=self.device,
            precision=self.architecture.precision,
            images=images,
        )

    def probabilities(
        self,
        pixels: NDArray[np.uint8],
        product: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.float32]:
        """Return the probability of each category for some products.

        Args:
            pixels: RGB, (N, size, size, 3).
            product: for each image the position of its product, never falling, (N,).
            rank: of each image within its product, (N,).
            count: number of products P.

        Returns:
            (P, C), each row adding up to 1; the prior for a product without images.

        Raises:
            ModelError: pixels of another size.
        """
        if pixels.shape[1:] != (self.size, self.size, 3):
            shape = "x".join(map(str, pixels.shape[1:]))
            raise ModelError(f"images of {shape} given, {self.size}x{self.size}x3 expected")
        images = centre_crop(torch.from_numpy(pixels), self.architecture.image_size)
        with torch.inference_mode(), autocast(self.device, bf16=self._bf16):
            places = Places(torch.from_numpy(product), torch.from_numpy(rank), count)
            return self._answer(
                self.network(images.to(self.device), places.to(self.device)), places
            )

    def probabilities_of_features(
        self,
        features: NDArray[np.float32],
        product: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.float32]:
        """Return what ``probabilities`` does, from the features of the images, (N, F)."""
        places = Places(torch.from_numpy(product), torch.from_numpy(rank), count)
        with torch.inference_mode():
            vectors = torch.from_numpy(features).to(self.device)
            return self._answer(self.network.classify(vectors, places.to(self.device)), places)

    def _answer(self, logits: Tensor, places: Places) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = (logits / self.temperature).softmax(1).cpu().numpy()
        answer[(places.images() == 0).numpy()] = self.prior
        return answer


def open_model(folder: Path, *, device: str = "auto") -> Model | Specialists:
    """Open a finished MODEL folder.

    Args:
        folder: the MODEL.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``...

    Raises:
        ModelError: absent, unfinished, of another schema, or damaged.
    """
    place = pick_device(device)
    record = read_description(folder)
    with damage_named(folder / DESCRIPTION):
        taxonomy, prior = described_taxonomy(record), described_prior(record)
        temperature = float(record["temperature"])
    if PARTS in record:
        return Specialists(
            open_parts(folder, record[PARTS], device=device),
            taxonomy,
            temperature=temperature,
            prior=prior,
            fingerprint=model_fingerprint(folder),
            device=place,
        )
    with damage_named(folder / DESCRIPTION):
        architecture = read_architecture(record)
    return Model(
        _read_network(folder, architecture, len(taxonomy)),
        architecture,
        taxonomy,
        temperature=temperature,
        prior=prior,
        fingerprint=model_fingerprint(folder),
        device=place,
    )


def open_network(folder: Path, *, device: str = "auto") -> Model:
    """Open a finished MODEL folder of a single network: see ``open_model``.

    Raises:
        ModelError: it is one of several networks, too.
    """
    opened = open_model(folder, device=device)
    if not isinstance(opened, Model):
        raise ModelError(
            f"{folder}: is made of several networks that answer like one, a single one is needed",
            hint=f"name one of {folder / PARTS}",
        )
    return opened


def open_parts(folder: Path, parts: list[dict[str, Any]], *, device: str) -> list[Member]:
    """Open the parts of a MODEL, each a MODEL of its own, as they are described.

    Raises:
        ModelError: a part that is absent or damaged.
    """
    members = []
    for part in parts:
        with damage_named(folder / DESCRIPTION):
            name, weight = str(part["name"]), float(part["weight"])
            scope = Scope(part["images"], part["count"])
        members.append(
            Member(name, scope, weight, open_model(folder / PARTS / name, device=device))
        )
    return members


def _read_network(folder: Path, architecture: Architecture, classes: int) -> ProductModel:
    backbone = create_backbone(
        architecture.backbone, architecture.backbone_args, size=architecture.image_size
    )
    network = architecture.assemble(backbone, classes)
    load_strictly(network, read_tensors(folder / WEIGHTS), folder / WEIGHTS)
    return network
