"""The MODEL artefact: a folder with a trained network and all that is needed to use it.

Schema 1::

    model.safetensors   float32 tensors of the network: backbone.*, feature_mean and
                        feature_scale (what features are standardised by), fusion.*, head.*
    model.json          schema, backbone, backbone_args, fusion, image_size (side the network sees),
                        load_size (side images are loaded at, cropped to image_size in the middle),
                        max_images, mean, std (per channel, of pixels scaled to 0 to 1), precision
                        (auto, bf16 or none), mirror (whether answers are the mean over each image
                        and its mirror image; false where absent), temperature, categories: a list
                        of {id, path, prior}, ascending by id, where prior is the share among the
                        training products
    run.json            how it came to be (the trainer's record; nothing reads it back to predict)
    metrics.jsonl       the course of the training
    checkpoints/        an unfinished training; gone when it ends

``model.json`` is written last: a folder without it is an unfinished training.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.files import fingerprint_bytes, read_json, whole_file, write_json
from etalage.models.backbone import Backbone, create_backbone
from etalage.models.fusion import Places, create_fusion
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import autocast, pick_device, use_bf16
from etalage.models.runtimes import Runtime, use_runtime
from etalage.models.weights import load_strictly, read_tensors

SCHEMA = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_RESUME = "finish its training with: etalage train INDEX -o MODEL --split SPLIT --resume"
_RETRAIN = "train it again with: etalage train INDEX -o MODEL --split SPLIT --yes"


@dataclass(frozen=True)
class Architecture:
    """What makes a network, apart from its weights and categories.

    Attributes:
        backbone: timm's name.
        backbone_args: its further arguments.
        fusion: how the images of a product become one vector.
        image_size: side of the images the network sees, in pixels.
        load_size: side they are loaded at, at least ``image_size``.
        max_images: images of a product that are used, None for all.
        mean: of each channel, of pixels scaled to 0 to 1.
        std: likewise.
        precision: of the backbone: ``auto``, ``bf16`` or ``none``.
        mirror: whether answers are the mean over each image and its mirror image.
    """

    backbone: str
    backbone_args: Mapping[str, Any]
    fusion: str
    image_size: int
    load_size: int
    max_images: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str
    mirror: bool = False

    def assemble(self, backbone: Backbone, classes: int) -> ProductModel:
        """Put fusion and head on a backbone made by ``create_backbone``."""
        fusion = create_fusion(self.fusion, backbone.features)
        network = ProductModel(
            backbone.network, fusion, classes, self.mean, self.std, features=backbone.features
        )
        network.mirror = self.mirror
        return network


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
        """Let a runtime compute features from now on: see ``models.runtimes.use_runtime``."""
        precision = self.architecture.precision
        return use_runtime(
            self.network, name, device=self.device, precision=precision, images=images
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


def open_model(folder: Path, *, device: str = "auto") -> Model:
    """Open a finished MODEL folder.

    Args:
        folder: the MODEL.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``...

    Raises:
        ModelError: absent, unfinished, of another schema, or damaged.
    """
    place = pick_device(device)
    record = read_description(folder)
    path = folder / WEIGHTS
    try:
        architecture, taxonomy = read_architecture(record), described_taxonomy(record)
        prior = np.array([category["prior"] for category in record["categories"]], np.float32)
        temperature = float(record["temperature"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{folder / DESCRIPTION}: is damaged: {type(error).__name__} {error}"
        raise ModelError(message, hint=_RETRAIN) from error
    backbone = create_backbone(
        architecture.backbone, architecture.backbone_args, size=architecture.image_size
    )
    network = architecture.assemble(backbone, len(taxonomy))
    load_strictly(network, read_tensors(path), path)
    return Model(
        network,
        architecture,
        taxonomy,
        temperature=temperature,
        prior=prior,
        fingerprint=model_fingerprint(folder),
        device=place,
    )


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of ``model.json``.

    Raises:
        ModelError: no model folder, an unfinished training, or another schema.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: is no model folder", hint=_RETRAIN)
    if not (folder / DESCRIPTION).is_file():
        if (folder / "checkpoints").is_dir():
            raise ModelError(f"{folder}: its training has not ended", hint=_RESUME)
        raise ModelError(f"{folder}: holds no {DESCRIPTION}, so it is no model", hint=_RETRAIN)
    record = read_json(folder / DESCRIPTION, ModelError, _RETRAIN)
    if record.get("schema") != SCHEMA:
        message = f"{folder}: has schema {record.get('schema')}, this version reads {SCHEMA}"
        raise ModelError(message, hint=_RETRAIN)
    return record


def start_from(folder: Path, network: ProductModel, architecture: Architecture) -> None:
    """Load all tensors of another model, for the same categories, into ``network``."""
    before = read_architecture(read_description(folder))
    if before.fusion == architecture.fusion:
        load_strictly(network, read_tensors(folder / WEIGHTS), folder / WEIGHTS)


def save_model(
    folder: Path,
    network: ProductModel,
    architecture: Architecture,
    taxonomy: Taxonomy,
    *,
    temperature: float,
    prior: NDArray[np.float32],
) -> None:
    """Write the weights, then the description that makes ``folder`` a finished model."""
    save_weights(folder / WEIGHTS, network)
    categories = zip(taxonomy.ids.tolist(), taxonomy.paths, prior.tolist(), strict=True)
    record = {
        "schema": SCHEMA,
        **asdict(architecture),
        "temperature": temperature,
        "categories": [
            {"id": leaf, "path": path, "prior": share} for leaf, path, share in categories
        ],
    }
    write_json(folder / DESCRIPTION, record)


def save_weights(path: Path, network: ProductModel) -> None:
    """Write the tensors of a network, whole or not at all."""
    tensors = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    with whole_file(path, overwrite=True) as part:
        part.write_bytes(save(tensors))  # not save_file: only its owner could read what it writes


def model_fingerprint(folder: Path) -> str:
    """Return the hash of the weights and the description of a model."""
    return fingerprint_bytes(*((folder / name).read_bytes() for name in (WEIGHTS, DESCRIPTION)))


def read_architecture(record: Mapping[str, Any]) -> Architecture:
    """Return the architecture in a record such as ``model.json`` (KeyError: it is incomplete)."""
    record = {"mirror": False} | dict(record)
    values = {field.name: record[field.name] for field in fields(Architecture)}
    return Architecture(**values | {"mean": tuple(record["mean"]), "std": tuple(record["std"])})


def described_taxonomy(record: Mapping[str, Any]) -> Taxonomy:
    """Return the categories in a ``model.json`` (KeyError or TypeError: it is damaged)."""
    categories = record["categories"]
    ids = np.array([category["id"] for category in categories], np.int64)
    first, second, third = zip(*(category["path"] for category in categories), strict=True)
    return Taxonomy(ids, tuple(zip(first, second, third, strict=True)))
