"""Writes the most probable categories of every product of an index.

Products are answered in the order of the index, in parts of ``PART_PRODUCTS``; a part that is there
is not computed again. Batches never cross a part, so a resumed run ends with the same bytes. A
product without a readable image is answered with the prior: none is missing, none comes twice.
The runtime that computes features, and its precision, are part of what predictions are made from:
another one gives slightly other numbers, so an unfinished folder is gone on with by the same.
A calibration, given or lying in the MODEL, is done to every answer before it is written.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.batches.order import in_order
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.embedding.folder import read_embeddings
from etalage.errors import ConfigError, EmbeddingsError, ModelError
from etalage.inference.answers import FromPixels, FromSizes, FromVectors
from etalage.inference.carry import Carried, joined
from etalage.inference.mend import Mend, find_mend
from etalage.models.checkpoint import Answerer, Model, Specialists, open_model
from etalage.models.collage import CollageModel
from etalage.models.runtimes import Runtime
from etalage.models.views import at_sizes, mirror
from etalage.predictions.table import TOP, Predictions, top_k
from etalage.predictions.writer import PredictionsWriter
from etalage.progress import progress_bar

PART_PRODUCTS = 16_384
BATCH_PRODUCTS = 256
"""Enough for every stream of a runtime to have its share of each batch."""
FROM_VECTORS = Runtime("embeddings", "float32")
"""What predictions record where stored vectors take the place of a backbone."""

_NO_VECTORS = "predict without --embeddings"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictReport:
    """What a run of ``predict`` did.

    Attributes:
        products: predictions in the folder.
        resumed: how many of them an earlier run had written.
        from_prior: products answered in this run that have no readable image.
        unreadable: images that could not be decoded in this run.
        runtime: what computed the features.
        precision: in which: ``float32`` or ``bfloat16``.
    """

    products: int
    resumed: int
    from_prior: int
    unreadable: int
    runtime: str
    precision: str


def predict(
    model: Path,
    index: Path,
    output: Path,
    *,
    split: Path | None = None,
    part: str | None = None,
    max_images: int | None = None,
    top: int = TOP,
    logit_adjustment: float = 0.0,
    carry: Path | None = None,
    embeddings: Path | None = None,
    calibration: Path | None = None,
    flip: bool = False,
    sizes: Sequence[int] | None = None,
    device: str = "auto",
    runtime: str = "auto",
    overwrite: bool = False,
) -> PredictReport:
    """Write the PREDICTIONS of a model for the products of an index.

    Args:
        model: the MODEL folder.
        index: the INDEX folder.
        output: the PREDICTIONS folder; an unfinished one of the same making is finished.
        split: a SPLIT, to answer one ``part`` of it only.
        part: ``train``, ``validation`` or ``test``.
        max_images: use only the first so many images of each product.
        top: categories kept of each product.
        logit_adjustment: strength with which the prior is taken out of the answers; 1 answers as if
            all categories were equally frequent.
        carry: earlier PREDICTIONS of the same making, for an index that has grown since: what
            they answer is not computed again.
        embeddings: EMBEDDINGS of the model's backbone, to answer from vectors: nothing is decoded.
        calibration: a CALIBRATION to make the probabilities honest with; without one that of the
            MODEL, if it has one and no prior is taken out.
        flip: answer with the mean over each image and its mirror image, as some models do anyway.
        sizes: answer with the mean over images of these sizes, in pixels of what the network sees;
            None for the model's own.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: what computes the features of images: ``auto`` (the fastest that pays for so many
            images on this machine), ``torch``, ``compile``, ``openvino`` or ``onnx``.
        overwrite: replace what stands at ``output``.

    Raises:
        ModelError: the model cannot be used, its categories are not those of the index, or the
            runtime is not installed.
        EmbeddingsError: the embeddings were made otherwise, or not of all these images.
        PredictionsError: ``output`` is half made from something else, or the calibration cannot be
            used with the model's categories.
        OutputError: ``output`` is finished already, or cannot be written.
    """
    _require(top, logit_adjustment)
    opened, network = open_index(index), open_model(model, device=device)
    _check_taxonomy(network, opened, model, index)
    mend = find_mend(model, calibration, network.taxonomy, logit_adjustment)
    rows = _rows(opened, split, part)
    limit = max_images if max_images is not None else network.max_images
    answers = FromPixels(network, opened, limit, logit_adjustment)
    views = _views(flip, sizes)
    if embeddings is not None:
        answers, chosen = _from_vectors(answers, embeddings, rows, views), FROM_VECTORS
    else:
        looks = (1 + flip) * len(sizes or [0])
        chosen = network.use_runtime(runtime, images=looks * _images(opened, rows, limit))
        answers = _from_views(answers, network, flip, sizes)
    source = {
        "model": network.fingerprint,
        "index": opened.fingerprint,
        "part": part,
        "max_images": limit,
        "top": top,
        "logit_adjustment": logit_adjustment,
        "calibration": None if mend is None else mend.fingerprint,
        **views,
        **chosen.record(),
    }
    carried = Carried(carry, source, opened.product_ids) if carry is not None else None
    writer = PredictionsWriter(
        output, taxonomy=network.taxonomy, source=source, products=len(rows), overwrite=overwrite
    )
    resumed = writer.done_products
    totals = np.zeros(2, np.int64)
    with progress_bar("predict", len(rows)) as advance:
        advance(resumed)
        for start in range(resumed, len(rows), PART_PRODUCTS):
            chunk = rows[start : start + PART_PRODUCTS]
            predictions, unreadable = _answer_new(answers, chunk, top, carried, mend)
            writer.write(predictions)
            totals += [(predictions.images == 0).sum(), unreadable]
            advance(len(chunk))
    writer.finish()
    return PredictReport(
        len(rows), resumed, int(totals[0]), int(totals[1]), chosen.name, chosen.precision
    )


def _require(top: int, logit_adjustment: float) -> None:
    if top < 1:
        raise ConfigError(f"top is {top}: at least 1 is needed")
    if not 0 <= logit_adjustment <= 2:
        raise ConfigError(f"logit_adjustment is {logit_adjustment}: expected 0 to 2")


def _rows(index: Index, split: Path | None, part: str | None) -> NDArray[np.int64]:
    if split is not None and part is not None:
        return read_split(split).rows(index, part)
    if split is not None or part is not None:
        raise ConfigError("a split and a part go together", hint="add --split SPLIT --part test")
    return np.arange(len(index))


def _images(index: Index, rows: NDArray[np.int64], max_images: int | None) -> int:
    counts = index.image_count[rows].astype(np.int64)
    return int((counts if max_images is None else counts.clip(max=max_images)).sum())


def _check_taxonomy(model: Answerer, index: Index, model_path: Path, index_path: Path) -> None:
    if index.record["taxonomy"] == "flat":
        return
    unknown = int((index.taxonomy.rows(model.taxonomy.ids) < 0).sum())
    if unknown:
        raise ModelError(
            f"{model_path}: {unknown:,} of its {len(model.taxonomy):,} categories are not among "
            f"the {len(index.taxonomy):,} of {index_path}: it was trained on another taxonomy",
            hint="train a model on this taxonomy, or index the catalogue with the model's",
        )


def _views(flip: bool, sizes: Sequence[int] | None) -> dict[str, Any]:
    """Return what predictions record of it: nothing where every image is looked at once."""
    flipped: dict[str, Any] = {"flip": True} if flip else {}
    return flipped | ({} if sizes is None else {"sizes": list(sizes)})


def _from_views(
    answers: FromPixels, model: Model | Specialists, flip: bool, sizes: Sequence[int] | None
) -> FromPixels:
    if flip:
        mirror(model)
    if sizes is None:
        return answers
    return FromSizes(**vars(answers), sizes=tuple(at_sizes(model, sizes)))


def _from_vectors(
    answers: FromPixels, folder: Path, rows: NDArray[np.int64], views: dict[str, Any]
) -> FromPixels:
    """Return one that answers the same from embeddings, checked."""
    if views:
        raise ConfigError("vectors have no other sizes and no mirror images", hint=_NO_VECTORS)
    if not isinstance(answers.model, Model) or isinstance(answers.model.network, CollageModel):
        raise EmbeddingsError(
            f"{folder}: a model of several networks or of collages has no vectors of single images",
            hint=_NO_VECTORS,
        )
    found = FromVectors(
        **vars(answers) | {"model": answers.model}, embeddings=read_embeddings(folder)
    )
    found.require_fit(rows)
    return found


def _answer_new(
    answers: FromPixels,
    rows: NDArray[np.int64],
    top: int,
    carried: Carried | None,
    mend: Mend | None,
) -> tuple[Predictions, int]:
    """Return what ``_answer`` does, of what is carried without computing it."""
    if carried is None:
        return _answer(answers, rows, top, mend)
    known = carried.has(rows)
    old = carried.answers(rows[known])
    if known.all():
        return old, 0
    new, unreadable = _answer(answers, rows[~known], top, mend)
    order = np.argsort(np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)]))
    return joined(old, new).take(order), unreadable


def _answer(
    answers: FromPixels, rows: NDArray[np.int64], top: int, mend: Mend | None
) -> tuple[Predictions, int]:
    """Return the predictions of some products, and how many images could not be decoded."""
    categories, kept, rest, images = [], [], [], []
    unreadable = 0
    for batch, probabilities in answers.batches(in_order(rows, BATCH_PRODUCTS)):
        found = top_k(probabilities, top)
        categories.append(found[0])
        kept.append(found[1])
        rest.append(found[2])
        images.append(np.bincount(batch.product, minlength=len(batch.rows)).clip(max=2**15 - 1))
        unreadable += len(batch.unreadable)
    predictions = Predictions(
        answers.index.product_ids.take(pa.array(rows)),
        np.concatenate(categories),
        np.concatenate(kept),
        np.concatenate(rest),
        np.concatenate(images).astype(np.int16),
    )
    return predictions if mend is None else mend.done_to(predictions), unreadable
