"""``folds``: every training product answered by a head that has not seen it.

The labelled products of the parts ``train`` and ``validation`` are dealt into K folds by duplicate
group, so that no copy of a product is among those its head learned from. For each fold an ordinary
training of a frozen recipe leaves it out; its heads, like every head, are chosen and calibrated on
the part ``validation``, without the fold's own. All read one cache of embeddings. What the heads
answer is one PREDICTIONS folder: what a search for wrong labels starts from.

Beside OUTPUT, until it is finished::

    .OUTPUT.folds/embeddings        as ``embed`` writes them, unless they are given
    .OUTPUT.folds/split-0.parquet   the SPLIT of fold 0, in which the fold is the part ``test``
    .OUTPUT.folds/model-0           its MODEL
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.batches.order import in_order
from etalage.catalogue.duplicates import duplicate_groups
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import Split, read_split, write_split
from etalage.catalogue.stratify import PARTS, TEST, TRAIN, UNLABELLED, VALIDATION
from etalage.embedding.batches import load_features
from etalage.embedding.folder import Embeddings, read_embeddings
from etalage.errors import ConfigError
from etalage.files import fingerprint, refuse_existing, writing
from etalage.models.checkpoint import Model, open_network
from etalage.predictions.table import TOP, Predictions, top_k
from etalage.predictions.writer import PredictionsWriter
from etalage.training.frozen import learns_from_features
from etalage.training.progress import Report
from etalage.training.recipe import Recipe, describe
from etalage.training.run import train
from etalage.training.settings import find_recipe

PART_PRODUCTS = 16_384
BATCH_PRODUCTS = 256
_RULE = ("max_products", "max_branches", "max_share")


@dataclass(frozen=True)
class FoldsReport:
    """What came out.

    Attributes:
        products: products answered.
        folds: how many heads.
        accuracy: share of the products whose most probable category is the given label.
        fold_accuracy: likewise of each fold.
    """

    products: int
    folds: int
    accuracy: float
    fold_accuracy: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


def folds(
    index: Path,
    output: Path,
    *,
    split: Path,
    count: int = 5,
    recipe: str | Recipe = "frozen",
    weights: str = "pretrained",
    settings: Mapping[str, str] | None = None,
    embeddings: Path | None = None,
    top: int = TOP,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
    progress: Report | None = None,
) -> FoldsReport:
    """Write out-of-fold PREDICTIONS of the labelled training and validation products.

    A run that was stopped goes on: the folds that are trained are not trained again.

    Args:
        index: the INDEX folder.
        output: the PREDICTIONS folder to write.
        split: a SPLIT of that index.
        count: number of folds, at least 2.
        recipe: one with a frozen backbone.
        weights: of the backbone: as for ``train``.
        settings: values of the recipe to change, as text.
        embeddings: EMBEDDINGS to read; made there, of the whole index, where there are none.
        top: categories kept of each product.
        seed: of the folds and the trainings.
        device: ``auto``, ``cpu`` or ``cuda``.
        overwrite: replace what stands at ``output``, begin again what was stopped.
        progress: called after every step of a training; None shows a bar on stderr.

    Raises:
        ConfigError: fewer than two folds, or a recipe that learns from pixels.
        OutputError: ``output`` is finished already, or cannot be written.
        EtalageError: whatever ``train`` raises.
    """
    chosen = find_recipe(recipe, settings)
    _check(chosen, count, top)
    if (output / "manifest.json").is_file():
        refuse_existing(output, overwrite=overwrite)
    opened, whole = open_index(index), read_split(split)
    fold = deal_folds(opened, whole, count, seed)
    work = output.with_name(f".{output.name}.folds")
    if overwrite:
        shutil.rmtree(work, ignore_errors=True)
    cache = embeddings or work / "embeddings"
    models = []
    for number in range(count):
        part = _parts_without(opened, whole, fold == number)
        fold_split = work / f"split-{number}.parquet"
        record = whole.record | {"fold": number, "folds": count, "fold_seed": seed}
        write_split(fold_split, opened.product_ids, part, record, overwrite=True)
        models.append(work / f"model-{number}")
        train(
            index,
            models[-1],
            split=fold_split,
            recipe=chosen,
            weights=weights,
            embeddings=cache,
            seed=seed,
            device=device,
            resume=True,
            progress=progress,
        )
    source = {
        "folds": count,
        "seed": seed,
        "index": opened.fingerprint,
        "split": fingerprint(split),
        "recipe": describe(chosen),
        "top": top,
    }
    heads = _Heads(models, device, opened, read_embeddings(cache), chosen.max_images)
    report = _write(heads, fold, output, source, top, overwrite=overwrite)
    with writing(work):
        shutil.rmtree(work)
    return report


def _check(recipe: Recipe, count: int, top: int) -> None:
    if count < 2:
        raise ConfigError(f"{count} folds: at least 2 are needed")
    if top < 1:
        raise ConfigError(f"top is {top}: at least 1 is needed")
    if not learns_from_features(recipe):
        raise ConfigError(
            f"recipe {recipe.name!r} learns from pixels: {count} such trainings would take "
            f"{count} times as long",
            hint="use --recipe frozen",
        )


def deal_folds(index: Index, split: Split, count: int, seed: int) -> NDArray[np.int32]:
    """Return the fold of each labelled product of ``train`` and ``validation``, else -1, (P,).

    Duplicate groups stay whole. The groups of a category, that of a group's first product, are
    dealt in turn, so that each fold has its share of them.
    """
    rows = np.concatenate([split.rows(index, part) for part in ("train", "validation")])
    rows = np.sort(rows[index.labels[rows] >= 0])
    rule = {name: split.record[name] for name in _RULE if name in split.record}
    group = duplicate_groups(index, **rule).product_group[rows]
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    lot = np.random.Generator(np.random.PCG64(seed)).random(len(first))
    order = np.lexsort((lot, index.labels[rows][first]))
    dealt = np.empty(len(first), np.int32)
    dealt[order] = np.arange(len(first)) % count
    fold = np.full(len(index), -1, np.int32)
    fold[rows] = dealt[inverse]
    return fold


def _parts_without(index: Index, split: Split, held: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the part of each product, (P,), with those of ``held`` as the test."""
    part = np.full(len(index), UNLABELLED, np.int8)
    for number in (TRAIN, VALIDATION):
        part[split.rows(index, PARTS[number])] = number
    part[held] = TEST
    return part


class _Heads:
    """The models of the folds, and the vectors they answer from."""

    def __init__(
        self,
        models: list[Path],
        device: str,
        index: Index,
        embeddings: Embeddings,
        max_images: int | None,
    ) -> None:
        self.models: list[Model] = [open_network(model, device=device) for model in models]
        self.index = index
        self._embeddings = embeddings
        self._max_images = max_images

    def answer(
        self, number: int, rows: NDArray[np.int64], top: int
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], Any]]:
        """Yield top categories, probabilities, rest and image counts of batches of products."""
        order, answer = (
            in_order(rows, BATCH_PRODUCTS),
            self.models[number].probabilities_of_features,
        )
        most = self._max_images
        for batch in load_features(self.index, self._embeddings, order, max_images=most):
            count = len(batch.rows)
            found = answer(batch.features, batch.product, batch.rank, count)
            images = np.bincount(batch.product, minlength=count).clip(max=2**15 - 1)
            yield *top_k(found, top), images.astype(np.int16)


def _write(
    heads: _Heads,
    fold: NDArray[np.int32],
    output: Path,
    source: dict[str, Any],
    top: int,
    *,
    overwrite: bool,
) -> FoldsReport:
    """Write the answers in the order of the index."""
    rows, count = np.flatnonzero(fold >= 0), len(heads.models)
    taxonomy = heads.models[0].taxonomy
    source["models"] = [model.fingerprint for model in heads.models]
    writer = PredictionsWriter(
        output, taxonomy=taxonomy, source=source, products=len(rows), overwrite=overwrite
    )
    right = np.zeros(count, np.int64)
    for start in range(0, len(rows), PART_PRODUCTS):
        chunk = rows[start : start + PART_PRODUCTS]
        answers = _answer_chunk(heads, chunk, fold[chunk], top)
        hit = answers.categories[:, 0] == heads.index.labels[chunk]
        right += np.bincount(fold[chunk][hit], minlength=count)
        if start >= writer.done_products:
            writer.write(answers)
    writer.finish()
    each = right / np.maximum(1, np.bincount(fold[rows], minlength=count))
    accuracy = float(right.sum() / max(1, len(rows)))
    return FoldsReport(len(rows), count, accuracy, tuple(each.tolist()))


def _answer_chunk(
    heads: _Heads, rows: NDArray[np.int64], fold: NDArray[np.int32], top: int
) -> Predictions:
    columns: list[list[Any]] = [[], [], [], []]
    places = []
    for number in range(len(heads.models)):
        mine = np.flatnonzero(fold == number)
        places.append(mine)
        for batch in heads.answer(number, rows[mine], top):
            for column, values in zip(columns, batch, strict=True):
                column.append(values)
    back = np.argsort(np.concatenate(places))
    categories, kept, rest, images = (np.concatenate(column)[back] for column in columns)
    ids = heads.index.product_ids.take(pa.array(rows))
    return Predictions(ids, categories, kept, rest, images)
