"""``train``: an INDEX and a SPLIT go in, a MODEL comes out.

``run.json`` of the MODEL: run (command, versions, machine, time), identity (recipe with all its
values, seed, weights, fingerprints of index, split and taxonomy: what a resumed run must have in
common), architecture, plan (what was derived: steps, warm-up, classes...), report (the result).
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.files import fingerprint, fingerprint_bytes, read_json, run_record, write_json
from etalage.models.backbone import Backbone, create_backbone
from etalage.models.checkpoint import (
    DESCRIPTION,
    Architecture,
    read_architecture,
    read_description,
    save_model,
)
from etalage.models.network import ProductModel
from etalage.models.precision import pick_device, use_bf16
from etalage.predictions.calibration import fit_temperature, log_loss
from etalage.training.evaluate import Evaluation, answers, evaluate
from etalage.training.loop import Job, Loop
from etalage.training.plan import Data, make_plan, select
from etalage.training.progress import Report, reporting
from etalage.training.recipe import Recipe, describe, find_recipe
from etalage.training.resume import (
    RUN,
    State,
    check_folder,
    drop_checkpoints,
    read_checkpoint,
    require_same,
    restore_best,
    start_folder,
)
from etalage.training.schedule import create_optimiser

log = logging.getLogger(__name__)

_RETRAIN = "train it again with --yes"
_ENOUGH_TO_FIT = 50
"""Validation products that a temperature can be fitted on; from fewer it is noise."""


@dataclass(frozen=True)
class TrainReport:
    """What came out of a training.

    Attributes:
        model: the MODEL folder.
        recipe: name of the recipe.
        epochs: epochs trained.
        steps: steps trained.
        best_step: the step whose weights were kept.
        train_products: products learned from.
        images: images of them.
        unreadable: images of them that cannot be read.
        without_images: products among them without a readable image, left out.
        validation: the kept weights on the validation products, None without such.
        temperature: what logits are divided by.
        calibrated_log_loss: log-loss on the validation products with that temperature.
        seconds: spent on it, over all runs.
    """

    model: Path
    recipe: str
    epochs: int
    steps: int
    best_step: int
    train_products: int
    images: int
    unreadable: int
    without_images: int
    validation: Evaluation | None
    temperature: float
    calibrated_log_loss: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self) | {"model": str(self.model)}


def train(
    index: Path,
    output: Path,
    *,
    split: Path,
    recipe: str | Recipe = "standard",
    weights: str = "pretrained",
    settings: Mapping[str, str] | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Report | None = None,
) -> TrainReport:
    """Train a product classifier and write the MODEL.

    Args:
        index: the INDEX.
        output: the MODEL folder to write.
        split: the SPLIT of that index.
        recipe: a name in ``RECIPES``, or a recipe.
        weights: of the backbone to start from: ``pretrained`` (timm's hub), ``none``, a file, or
            another MODEL folder.
        settings: values of the recipe to change, as text.
        seed: of order, crops and first weights.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda``, ``cuda:1``...
        resume: go on with a training that was stopped; begin one where there is none.
        overwrite: start again where a model or half a training stands.
        progress: called after every step; None shows a bar on stderr.

    Raises:
        ConfigError: an unknown recipe, a value out of its range.
        CatalogueError: the index cannot be used, or too many images cannot be read.
        SplitError: the split is one of another index.
        ModelError: a backbone or weights that cannot be had, a checkpoint of another training, a
            loss that is no finite number.
        OutputError: something stands at ``output``, or it cannot be written.
    """
    chosen = find_recipe(recipe, settings)
    check_folder(output, resume=resume, overwrite=overwrite)
    place = pick_device(device)
    opened = open_index(index)
    data = select(opened, read_split(split), chosen.validation_products)
    identity = _identity(chosen, opened, split, weights=weights, seed=seed)
    if resume and (output / DESCRIPTION).is_file():
        return _finished(output, identity)
    found = read_checkpoint(output, identity) if resume else None
    torch.manual_seed(seed)
    architecture, network = _network(chosen, data, weights, found, place)
    start_folder(output, resume=resume)
    plan = make_plan(chosen, data, place, bf16=use_bf16(network.backbone, place, chosen.precision))
    plan.tell(chosen)
    job = Job(output, data, chosen, plan, seed, identity, asdict(architecture))
    loop = _loop(job, network, found)
    with reporting(plan.steps, loop.state.step, progress) as report:
        loop.run(report)
    return _finish(job, loop, architecture)


def _identity(
    recipe: Recipe, index: Index, split: Path, *, weights: str, seed: int
) -> dict[str, Any]:
    return {
        "recipe": describe(recipe),
        "seed": seed,
        "weights": weights,
        "taxonomy": _taxonomy_fingerprint(index.taxonomy),
        "index": index.fingerprint,
        "split": fingerprint(split),
    }


def _taxonomy_fingerprint(taxonomy: Taxonomy) -> str:
    names = json.dumps(taxonomy.paths, ensure_ascii=False).encode()
    return fingerprint_bytes(taxonomy.ids.astype("<i8").tobytes(), names)


def _network(
    recipe: Recipe,
    data: Data,
    weights: str,
    checkpoint: dict[str, Any] | None,
    device: torch.device,
) -> tuple[Architecture, ProductModel]:
    backbone = create_backbone(
        recipe.backbone,
        recipe.backbone_args,
        size=recipe.image_size,
        weights="none" if checkpoint else weights,
    )
    if checkpoint:
        architecture = read_architecture(json.loads(checkpoint["architecture"]))
    else:
        architecture = _architecture(recipe, backbone, weights)
    network = architecture.assemble(backbone, data.classes)
    if recipe.freeze_backbone:
        network.freeze_backbone()
    return architecture, network.to(device)


def _architecture(recipe: Recipe, backbone: Backbone, weights: str) -> Architecture:
    mean, std = backbone.mean, backbone.std
    if (Path(weights) / DESCRIPTION).is_file():
        before = read_architecture(read_description(Path(weights)))
        mean, std = before.mean, before.std
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
    )


def _loop(job: Job, network: ProductModel, checkpoint: dict[str, Any] | None) -> Loop:
    optimiser = create_optimiser(network, job.recipe)
    state = State()
    if checkpoint:
        network.load_state_dict(checkpoint["network"])
        optimiser.load_state_dict(checkpoint["optimiser"])
        state = State(**checkpoint["state"])
        log.info("resumed at step %d of %d", state.step, job.plan.steps)
    return Loop(job, network, optimiser, state)


def _finish(job: Job, loop: Loop, architecture: Architecture) -> TrainReport:
    """Calibrate the best weights and write the MODEL, its description last."""
    network, data, state = loop.network, job.data, loop.state
    restore_best(job.folder, network)
    validation = evaluate(network, data, job.recipe, job.plan)
    temperature, calibrated = _calibrate(network, job)
    report = TrainReport(
        model=job.folder,
        recipe=job.recipe.name,
        epochs=job.recipe.epochs,
        steps=state.step,
        best_step=state.best_step,
        train_products=len(data.train),
        images=state.images,
        unreadable=state.unreadable,
        without_images=state.without_images,
        validation=validation,
        temperature=temperature,
        calibrated_log_loss=calibrated,
        seconds=round(state.seconds, 1),
    )
    record = {
        "run": run_record(),
        "identity": job.identity,
        "architecture": job.architecture,
        "plan": job.plan.record(),
        "report": report.to_json(),
    }
    write_json(job.folder / RUN, record)
    save_model(
        job.folder,
        network,
        architecture,
        data.index.taxonomy,
        temperature=temperature,
        prior=data.prior(),
    )
    drop_checkpoints(job.folder)
    return report


def _calibrate(network: ProductModel, job: Job) -> tuple[float, float | None]:
    """Return the temperature, and the log-loss with it (None without validation products)."""
    batches = list(answers(network, job.data, job.recipe, job.plan))
    if not batches:
        return 1.0, None
    logits = np.concatenate([logits for logits, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])
    temperature = fit_temperature(logits, targets) if len(targets) >= _ENOUGH_TO_FIT else 1.0
    return temperature, log_loss(logits, targets, temperature)


def _finished(folder: Path, identity: dict[str, Any]) -> TrainReport:
    record = read_json(folder / RUN, ModelError, _RETRAIN)
    require_same(folder / RUN, record["identity"], identity)
    log.info("%s: its training has ended already", folder)
    values = record["report"]
    validation = Evaluation(**values["validation"]) if values["validation"] else None
    return TrainReport(**values | {"model": folder, "validation": validation})
