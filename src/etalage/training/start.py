"""Where a training starts: its identity, its network, its first or resumed state."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.files import fingerprint, fingerprint_bytes
from etalage.models.backbone import Backbone, create_backbone
from etalage.models.checkpoint import (
    DESCRIPTION,
    Architecture,
    described_taxonomy,
    read_architecture,
    read_description,
    start_from,
)
from etalage.models.network import ProductModel
from etalage.predictions.manifest import NAME as MANIFEST
from etalage.training.average import Average
from etalage.training.loop import Job, Loop
from etalage.training.plan import Data
from etalage.training.recipe import Recipe, describe
from etalage.training.resume import State
from etalage.training.schedule import create_optimiser

log = logging.getLogger(__name__)


def identify(
    recipe: Recipe,
    index: Index,
    split: Path,
    *,
    weights: str,
    seed: int,
    teacher: Path | None = None,
) -> dict[str, Any]:
    """Return what a training must have in common with another to go on with it."""
    return {
        "recipe": describe(recipe),
        "seed": seed,
        "weights": weights,
        "taxonomy": _taxonomy_fingerprint(index.taxonomy),
        "index": index.fingerprint,
        "split": fingerprint(split),
        "teacher": fingerprint(teacher / MANIFEST) if teacher else None,
    }


def _taxonomy_fingerprint(taxonomy: Taxonomy) -> str:
    names = json.dumps(taxonomy.paths, ensure_ascii=False).encode()
    return fingerprint_bytes(taxonomy.ids.astype("<i8").tobytes(), names)


def build(
    recipe: Recipe,
    data: Data,
    weights: str,
    checkpoint: dict[str, Any] | None,
    device: torch.device,
) -> tuple[Architecture, ProductModel]:
    """Create the network of a training, with its first weights unless a checkpoint has others.

    Raises:
        ModelError: a backbone or weights that cannot be had.
    """
    backbone = create_backbone(
        recipe.backbone,
        recipe.backbone_args,
        size=recipe.image_size,
        weights="none" if checkpoint else weights,
    )
    before = _description(weights)
    if checkpoint:
        architecture = read_architecture(json.loads(checkpoint["architecture"]))
    else:
        architecture = _architecture(recipe, backbone, before)
    network = architecture.assemble(backbone, data.classes)
    expect_prior(network, data, recipe)
    if before and not checkpoint and described_taxonomy(before) == data.index.taxonomy:
        start_from(Path(weights), network, architecture)
    if recipe.freeze_backbone:
        network.freeze_backbone()
    return architecture, network.to(device)


def expect_prior(network: ProductModel, data: Data, recipe: Recipe) -> None:
    """Let the head begin with how often each category is the target, whatever the picture.

    Else the first epochs go to unlearning categories that have no training product.
    """
    with torch.no_grad():
        network.head.bias.copy_(_prior_bias(data, recipe))


def _prior_bias(data: Data, recipe: Recipe) -> Tensor:
    share = data.constants(torch.device("cpu"), recipe.label_smoothing).log_share
    return (1 - recipe.logit_adjustment) * share


def _description(weights: str) -> dict[str, Any] | None:
    """Return the description of a MODEL to start from, None when the weights are none."""
    folder = Path(weights)
    return read_description(folder) if (folder / DESCRIPTION).is_file() else None


def _architecture(
    recipe: Recipe, backbone: Backbone, before: dict[str, Any] | None
) -> Architecture:
    mean, std = backbone.mean, backbone.std
    if before:
        mean, std = tuple(before["mean"]), tuple(before["std"])
    return Architecture(
        backbone=recipe.backbone,
        backbone_args=dict(recipe.backbone_args),
        fusion=recipe.fusion,
        image_size=recipe.image_size,
        load_size=recipe.load_size,
        max_images=recipe.max_images,
        mean=recipe.mean or mean,
        std=recipe.std or std,
        precision=recipe.precision,
        mirror=recipe.mirror,
    )


def start_loop(job: Job, network: ProductModel, checkpoint: dict[str, Any] | None) -> Loop:
    """Return the training at its beginning, or where a checkpoint left it."""
    optimiser = create_optimiser(network, job.recipe)
    state = State()
    if checkpoint:
        network.load_state_dict(checkpoint["network"])
    average = Average(network, job.recipe.ema) if job.recipe.ema else None
    if checkpoint:
        optimiser.load_state_dict(checkpoint["optimiser"])
        state = State(**checkpoint["state"])
        if average:
            average.load_state_dict(checkpoint["average"])
        log.info("resumed at step %d of %d", state.step, job.plan.steps)
    return Loop(job, network, optimiser, state, average)
