"""The MODEL artefact: a folder with a trained network and all that is needed to use it.

Schema 2::

    model.safetensors   float32 tensors of the network: backbone.*, feature_mean and
                        feature_scale (what features are standardised by), fusion.*, head.*
    model.json          schema, backbone, backbone_args, fusion, image_size (side the network sees),
                        load_size (side images are loaded at, cropped to image_size in the middle),
                        max_images, mean, std (per channel, of pixels scaled to 0 to 1), precision
                        (auto, bf16 or none), mirror (whether answers are the mean over each image
                        and its mirror image), temperature, categories: a list of {id, path, prior},
                        ascending by id, where prior is the share among the training products
    run.json            how it came to be (the trainer's record; nothing reads it back to predict)
    metrics.jsonl       the course of the training
    calibration.json    optional: a CALIBRATION that predict uses (see etalage.calibration)
    checkpoints/        an unfinished training; gone when it ends

or, of specialists that answer like one::

    parts/NAME/         a MODEL each
    model.json          schema, parts: a list of {name, images, count, weight}, temperature,
                        categories
    run.json            likewise

``model.json`` is written last: a folder without it is an unfinished training.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.files import fingerprint_bytes, read_json, whole_file, write_json
from etalage.models.architecture import Architecture, read_architecture
from etalage.models.network import ProductModel
from etalage.models.specialists import Member
from etalage.models.weights import load_strictly, read_tensors

SCHEMA = 2
WEIGHTS, DESCRIPTION, PARTS = "model.safetensors", "model.json", "parts"
RETRAIN = "train it again with: etalage train INDEX -o MODEL --split SPLIT --yes"
_RESUME = "finish its training with: etalage train INDEX -o MODEL --split SPLIT --resume"


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of ``model.json``.

    Raises:
        ModelError: no model folder, an unfinished training, or another schema.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: is no model folder", hint=RETRAIN)
    if not (folder / DESCRIPTION).is_file():
        if any((folder / name).is_dir() for name in ("checkpoints", PARTS)):
            raise ModelError(f"{folder}: its training has not ended", hint=_RESUME)
        raise ModelError(f"{folder}: holds no {DESCRIPTION}, so it is no model", hint=RETRAIN)
    record = read_json(folder / DESCRIPTION, ModelError, RETRAIN)
    if record.get("schema") != SCHEMA:
        message = f"{folder}: has schema {record.get('schema')}, this version reads {SCHEMA}"
        raise ModelError(message, hint=RETRAIN)
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
    record = {"schema": SCHEMA, **asdict(architecture)}
    write_json(folder / DESCRIPTION, record | _answering(taxonomy, temperature, prior))


def save_specialists(
    folder: Path,
    members: Sequence[Member],
    taxonomy: Taxonomy,
    *,
    temperature: float,
    prior: NDArray[np.float32],
) -> None:
    """Write the description that makes a folder of finished parts one finished model."""
    parts = [
        {"name": member.name, **asdict(member.scope), "weight": member.weight} for member in members
    ]
    record = {"schema": SCHEMA, PARTS: parts}
    write_json(folder / DESCRIPTION, record | _answering(taxonomy, temperature, prior))


def _answering(
    taxonomy: Taxonomy, temperature: float, prior: NDArray[np.float32]
) -> dict[str, Any]:
    categories = zip(taxonomy.ids.tolist(), taxonomy.paths, prior.tolist(), strict=True)
    described = [{"id": leaf, "path": path, "prior": share} for leaf, path, share in categories]
    return {"temperature": temperature, "categories": described}


def save_weights(path: Path, network: ProductModel) -> None:
    """Write the tensors of a network, whole or not at all."""
    tensors = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    with whole_file(path, overwrite=True) as part:
        part.write_bytes(save(tensors))  # not save_file: only its owner could read what it writes


def model_fingerprint(folder: Path) -> str:
    """Return the hash of the weights and the description of a model, of all its parts."""
    description = (folder / DESCRIPTION).read_bytes()
    parts = read_description(folder).get(PARTS)
    if parts is None:
        return fingerprint_bytes((folder / WEIGHTS).read_bytes(), description)
    each = (model_fingerprint(folder / PARTS / part["name"]) for part in parts)
    return fingerprint_bytes(description, *(found.encode() for found in each))


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what reading an incomplete or senseless description raises into a ``ModelError``."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        message = f"{path}: is damaged: {type(error).__name__} {reason}"
        raise ModelError(message, hint=RETRAIN) from error


def described_taxonomy(record: Mapping[str, Any]) -> Taxonomy:
    """Return the categories in a ``model.json`` (KeyError or TypeError: it is damaged)."""
    categories = record["categories"]
    ids = np.array([category["id"] for category in categories], np.int64)
    first, second, third = zip(*(category["path"] for category in categories), strict=True)
    return Taxonomy(ids, tuple(zip(first, second, third, strict=True)))


def described_prior(record: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the prior in a ``model.json`` (KeyError or TypeError: it is damaged)."""
    return np.array([category["prior"] for category in record["categories"]], np.float32)
