"""``train``: an INDEX and a SPLIT go in, a MODEL comes out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError
from etalage.models.checkpoint import DESCRIPTION
from etalage.models.precision import pick_device, use_bf16
from etalage.training.finish import TrainReport, already_finished, finish
from etalage.training.frozen import open_source
from etalage.training.loop import Job
from etalage.training.plan import make_plan, select
from etalage.training.portion import portion
from etalage.training.progress import Report, reporting
from etalage.training.recipe import Recipe
from etalage.training.resume import check_folder, read_checkpoint, start_folder
from etalage.training.settings import find_recipe
from etalage.training.specialists import Whole, train_parts
from etalage.training.start import build, identify, start_loop


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
        teacher: PREDICTIONS of a teacher for the training products, to learn from too.
        embeddings: EMBEDDINGS that a frozen backbone's training reads; made there, of the whole
            index, where there are none.
        seed: of order, crops and first weights.
        device: ``auto`` (CUDA where there is one), ``cpu``, ``cuda``, ``cuda:1``...
        resume: go on with a training that was stopped; begin one where there is none.
        overwrite: start again where a model or half a training stands.
        progress: called after every step; None shows a bar on stderr.

    Raises:
        ConfigError: an unknown recipe, a value out of its range.
        CatalogueError: the index cannot be used, or too many images cannot be read.
        SplitError: the split is one of another index.
        PredictionsError: the teacher's answers cannot be used.
        EmbeddingsError: the embeddings there are do not fit.
        ModelError: a backbone or weights that cannot be had, a checkpoint of another training, a
            loss that is no finite number.
        OutputError: something stands at ``output``, or it cannot be written.
    """
    chosen = find_recipe(recipe, settings)
    if chosen.parts:
        if embeddings:
            raise ConfigError(
                f"recipe {chosen.name!r} has parts: they learn from pixels",
                hint="leave out --embeddings, or train one network with --set parts=[]",
            )
        whole = Whole(index, output, split, chosen, weights, seed, device, teacher)
        each = partial(
            train, index, split=split, seed=seed, device=device, teacher=teacher, progress=progress
        )
        return train_parts(whole, each, resume=resume, overwrite=overwrite)
    check_folder(output, resume=resume, overwrite=overwrite)
    place = pick_device(device)
    ranks, counts = chosen.image_ranks, chosen.image_counts
    opened = portion(open_index(index), ranks, counts, chosen.max_images)
    data = select(opened, read_split(split), chosen, teacher)
    identity = identify(chosen, opened, split, weights=weights, seed=seed, teacher=teacher)
    if resume and (output / DESCRIPTION).is_file():
        return already_finished(output, identity)
    found = read_checkpoint(output, identity) if resume else None
    torch.manual_seed(seed)
    architecture, network = build(chosen, data, weights, found, place)
    start_folder(output, resume=resume)
    plan = make_plan(chosen, data, place, bf16=use_bf16(network.backbone, place, chosen.precision))
    plan.tell(chosen)
    source = open_source(
        chosen, data, architecture, network, found, output=output, embeddings=embeddings
    )
    job = Job(output, data, source, chosen, plan, seed, identity, asdict(architecture))
    loop = start_loop(job, network, found)
    with _threads(plan.threads), reporting(plan.steps, loop.state.step, progress) as report:
        loop.run(report)
        return finish(job, loop, architecture)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch use ``count`` threads on the processor while the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
