"""``train``: an INDEX and a SPLIT go in, a MODEL comes out."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError
from etalage.models.checkpoint import DESCRIPTION
from etalage.models.network import ProductModel
from etalage.models.precision import use_bf16
from etalage.training.board import require_tensorboard
from etalage.training.distributed import Team, joined
from etalage.training.finish import TrainReport, already_finished, finish
from etalage.training.frozen import learns_from_features, open_source
from etalage.training.loop import Job
from etalage.training.memory import foresee as foreseen
from etalage.training.memory import free_memory, require_room
from etalage.training.norms import norms_follow, set_training
from etalage.training.plan import Data, Plan, long_enough, make_plan, select
from etalage.training.portion import portion
from etalage.training.progress import Progress, Report, reporting
from etalage.training.recipe import Recipe
from etalage.training.resume import check_folder, read_checkpoint, start_folder
from etalage.training.settings import find_recipe
from etalage.training.source import PixelSource, Source
from etalage.training.specialists import Whole, train_parts
from etalage.training.start import build, identify, start_loop

log = logging.getLogger(__name__)


def train(
    index: Path,
    output: Path,
    *,
    split: Path,
    recipe: str | Recipe = "standard",
    weights: str = "pretrained",
    settings: Mapping[str, str] | None = None,
    teacher: Path | None = None,
    embeddings: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Report | None = None,
    board: Path | None = None,
) -> TrainReport:
    """Train a product classifier and write the MODEL.

    Started by ``torchrun``, the processes share every batch, and the first one writes.

    Args:
        index: the INDEX.
        output: the MODEL folder to write.
        split: the SPLIT of that index.
        recipe: a name in ``RECIPES``, or a recipe.
        weights: of the backbone to start from: ``pretrained`` (timm's hub), ``none``, a file, or
            another MODEL folder.
        settings: values of the recipe to change, as text.
        teacher: PREDICTIONS of a teacher for the training products, to learn from too.
        embeddings: EMBEDDINGS that a frozen backbone's training reads; made there, of the whole
            index, where there are none.
        seed: of order, crops and first weights.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda``, ``cuda:1``...
        resume: go on with a training that was stopped; begin one where there is none.
        overwrite: start again where a model or half a training stands.
        progress: called after every step; None shows a bar on stderr.
        board: folder for TensorBoard to read while it runs; None for none.

    Raises:
        ConfigError: an unknown recipe, a value out of its range, a batch too small, TensorBoard
            not installed.
        CatalogueError: the index cannot be used, or too many images cannot be read.
        SplitError: the split is one of another index.
        PredictionsError: the teacher's answers cannot be used.
        EmbeddingsError: the embeddings there are do not fit.
        ModelError: a backbone or weights that cannot be had, a batch that does not fit into memory,
            a checkpoint of another training, a loss that is no finite number.
        EngineError: another process of the training has ended.
        OutputError: something stands at ``output``, or it cannot be written.
    """
    with joined() as team:
        chosen = find_recipe(recipe, settings)
        require_tensorboard(board)
        if chosen.parts:
            _refuse_embeddings(chosen, embeddings)
            whole = Whole(index, output, split, chosen, weights, seed, device, teacher, board)
            each = partial(
                train,
                index,
                split=split,
                seed=seed,
                device=device,
                teacher=teacher,
                progress=progress,
            )
            return train_parts(whole, each, team, resume=resume, overwrite=overwrite)
        check_folder(output, resume=resume, overwrite=overwrite)
        place = team.device(device)
        opened = portion(
            open_index(index), chosen.image_ranks, chosen.image_counts, chosen.max_images
        )
        data = select(opened, read_split(split), chosen, teacher)
        chosen = long_enough(chosen, data)
        require_batches(chosen, data, team)
        identity = identify(chosen, opened, split, weights=weights, seed=seed, teacher=teacher)
        if resume and (output / DESCRIPTION).is_file():
            return already_finished(output, identity)
        found = read_checkpoint(output, identity) if resume else None
        torch.manual_seed(seed)
        architecture, network = build(chosen, data, weights, found, place)
        plan = _planned(chosen, data, network, place, team)
        _start(output, network, team, resume=resume)
        with team.in_turn():  # the first embeds, the others find it done
            source = open_source(
                chosen, data, architecture, network, found, output=output, embeddings=embeddings
            )
        source = _shared(source, team)
        job = Job(
            output, data, source, chosen, plan, seed, identity, asdict(architecture), team, board
        )
        loop = start_loop(job, network, found)
        shown = progress if team.first else _silent
        with _threads(plan.threads), reporting(plan.steps, loop.state.step, shown) as report:
            loop.run(report)
            return finish(job, loop, architecture)


def _refuse_embeddings(recipe: Recipe, embeddings: Path | None) -> None:
    if embeddings:
        raise ConfigError(
            f"recipe {recipe.name!r} has parts: they learn from pixels",
            hint="leave out --embeddings, or train one network with --set parts=[]",
        )


def _planned(
    recipe: Recipe, data: Data, network: ProductModel, place: torch.device, team: Team
) -> Plan:
    bf16 = use_bf16(network.backbone, place, recipe.precision)
    plan = make_plan(recipe, data, place, bf16=bf16, processes=team.of)
    plan.tell(recipe)
    foresee(network, data, recipe, plan, team)
    return plan


def _start(output: Path, network: ProductModel, team: Team, *, resume: bool) -> None:
    team.wait()  # all have seen what stands there
    if team.first:
        start_folder(output, resume=resume)
    team.same_start(network)


def _shared(source: Source, team: Team) -> Source:
    """Return a source that leaves the other processes of the machine their cores."""
    return replace(source, threads=team.threads()) if isinstance(source, PixelSource) else source


def require_batches(recipe: Recipe, data: Data, team: Team) -> None:
    """Check that every process has something to learn from, and validation what it needs.

    Raises:
        ConfigError: batches too small, or patience without validation products.
    """
    size, of = recipe.batch_products, team.of
    if size < of:
        raise ConfigError(
            f"{of} processes share batches of {size} products: some of them have none",
            hint=f"use --set batch_products={8 * of}, or fewer processes",
        )
    if len(data.validation):
        return
    if recipe.patience is not None:
        raise ConfigError(
            f"patience is {recipe.patience}, but there are no validation products to judge by",
            hint="make a split with a part validation, or add --set patience=none",
        )
    log.warning("no validation products: the last weights are kept, no temperature is fitted")


def foresee(network: ProductModel, data: Data, recipe: Recipe, plan: Plan, team: Team) -> None:
    """Check that a batch is large enough for batch norms, and small enough for memory.

    Vectors instead of pixels are small, and nothing is normalised over them.

    Raises:
        ConfigError: it leaves a process a single product.
        ModelError: it does not fit; the message says how many products do.
    """
    if learns_from_features(recipe):
        return
    set_training(network, freeze_norm=recipe.freeze_norm)
    size, of = recipe.batch_products, team.of
    if size < 2 * of and norms_follow(network):
        raise ConfigError(
            f"batches of {size} products leave a process one: batch norms have nothing to average",
            hint=f"use --set batch_products={8 * of}, or --set freeze_norm=true",
        )
    if need := foreseen(network, data, recipe, plan):
        require_room(need, free_memory(torch.device(plan.device), team.beside), recipe, plan)


def _silent(_: Progress) -> None:
    """Show nothing: the first process does."""


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch use ``count`` threads on the processor while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
