"""Writes PREDICTIONS that what a labelled catalogue remembers has been fused into, part by part."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.blending.memory.asked import (
    Catalogues,
    Places,
    fingerprint_of_predictions,
    open_catalogues,
    open_vectors,
    recall,
)
from etalage.blending.memory.belief import Answers
from etalage.blending.memory.fuse import fuse
from etalage.blending.memory.mixture import bins_of
from etalage.blending.memory.settings import OVERRIDE, Settings, read_settings, recall_of
from etalage.blending.memory.witnesses import Witnesses, nobody
from etalage.errors import ConfigError, EmbeddingsError
from etalage.files import refuse_existing
from etalage.predictions import manifest as manifests
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.progress import progress_bar

_TOLD = ("fitted_on", "found")
"""Of a MEMORY what the answers do not depend on."""


@dataclass(frozen=True)
class RememberReport:
    """What a run of ``remember`` did.

    Attributes:
        products: predictions in the folder.
        exact: of them those with an image that is known, byte by byte.
        near: those with an image that resembles known ones of other duplicate groups.
        changed: those whose first category is another one now.
        neighbours_found: share of the true neighbours that the search found; None without one.
    """

    products: int
    exact: int
    near: int
    changed: int
    neighbours_found: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Fusion:
    """Everything that is fused into the parts of some predictions.

    Attributes:
        settings: how the memories are read and weighed.
        exact: what exact memory tells of all products, in their order.
        near: what near memory tells of them.
        prior: share of each category among the known products, (C,).
        found: share of the true neighbours that the search found; None without one.
    """

    settings: Settings
    exact: Witnesses
    near: Witnesses
    prior: NDArray[np.float64]
    found: float | None

    def of(self, part: Predictions, start: int) -> tuple[Predictions, NDArray[np.int8]]:
        """Return a part fused, whose first product is number ``start``, and who spoke (0 to 3)."""
        rows = np.arange(start, start + len(part))
        answers = Answers(part.categories, part.probabilities, part.rest)
        fused, spoke = fuse(
            answers,
            (self.exact.of(rows), recall_of(self.settings.exact)),
            (self.near.of(rows), recall_of(self.settings.near)),
            self.settings.table(),
            bins_of(part.probabilities[:, 0], np.array(self.settings.edges)),
            self.prior,
        )
        return Predictions(part.product_ids, *fused, part.images), spoke


def remember(
    predictions: Path,
    index: Path,
    output: Path,
    *,
    memory: Path | None = None,
    override: bool = False,
    known: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    embeddings: Path | None = None,
    known_embeddings: Path | None = None,
    overwrite: bool = False,
) -> RememberReport:
    """Fuse predictions with what a labelled catalogue remembers of their images.

    Args:
        predictions: PREDICTIONS of any products.
        index: the INDEX of these products; labels in it are not looked at, unless it is ``known``.
        output: the PREDICTIONS folder to write; an unfinished one of the same making is finished.
        memory: the MEMORY that says how far to believe it.
        override: the rule of 2017 instead: the one label of known images replaces the answer.
        known: the labelled INDEX to remember; ``index`` itself when not given.
        split: a SPLIT of it, to remember one ``part`` only.
        part: ``train``, ``validation`` or ``test``.
        embeddings: EMBEDDINGS of ``index``, where the memory was fitted with near images.
        known_embeddings: those of ``known``, from the same backbone.
        overwrite: replace what stands at ``output``.

    Raises:
        ConfigError: neither a memory nor ``override``, or both; options that do not go together.
        PredictionsError: the memory cannot be used, or products are not in the index.
        EmbeddingsError: vectors are missing, of another index, or of another backbone than those
            the memory was fitted with.
        OutputError: ``output`` is finished already, or cannot be written.
    """
    if (memory is None) != override:
        raise ConfigError("expected either a memory or the override", hint="add --memory MEMORY")
    settings = OVERRIDE if memory is None else read_settings(memory)
    if settings.near is None:
        embeddings = known_embeddings = None
    places = Places(index, known, split, part, embeddings, known_embeddings)
    _check_vectors(places, settings, memory)
    if (output / manifests.NAME).is_file():
        refuse_existing(output, overwrite=overwrite)
    catalogues, opened = open_catalogues(places), open_predictions(predictions)
    fusion = _prepare(opened, settings, catalogues)
    writer = PredictionsWriter(
        output,
        taxonomy=opened.taxonomy,
        source=_source(opened, settings, catalogues),
        products=opened.manifest.products,
        overwrite=overwrite,
    )
    return _write(opened, fusion, writer)


def _check_vectors(places: Places, settings: Settings, memory: Path | None) -> None:
    if settings.near is None:
        return
    vectors = open_vectors(places)
    if vectors is None:
        raise EmbeddingsError(
            f"{memory}: believes images that resemble known ones, and there are no embeddings",
            hint="add --embeddings, and --known-embeddings for another known INDEX",
        )
    wanted = settings.fitted_on.get("encoder")
    if vectors[0].model != wanted:
        raise EmbeddingsError(
            f"{vectors[0].folder}: was made with the weights {vectors[0].model}, {memory} was "
            f"fitted with {wanted}",
            hint="embed with the same MODEL, or fit the memory again",
        )


def _source(
    opened: PredictionsFolder, settings: Settings, catalogues: Catalogues
) -> dict[str, Any]:
    vectors = open_vectors(catalogues.places)
    return {
        "memory": {key: value for key, value in settings.to_json().items() if key not in _TOLD},
        "predictions": fingerprint_of_predictions(opened),
        **catalogues.source(),
        "embeddings": None if vectors is None else vectors[1].manifest.to_json()["parts"],
    }


def _prepare(opened: PredictionsFolder, settings: Settings, catalogues: Catalogues) -> Fusion:
    """Look up what is remembered, once for all products, not for each part."""
    ids = pa.concat_arrays([part.product_ids for part in opened.parts()])
    meeting = catalogues.meet(catalogues.rows(ids, opened.folder), opened.taxonomy)
    exact, likenesses = recall(meeting, catalogues.places, settings.neighbours)
    near = nobody(len(ids))
    if settings.exact is None:
        exact = near
    if likenesses is not None and settings.near is not None:
        near = likenesses.at(settings.near.temperature or 1.0)
    found = None if likenesses is None else likenesses.found
    return Fusion(settings, exact, near, meeting.prior(), found)


def _write(opened: PredictionsFolder, fusion: Fusion, writer: PredictionsWriter) -> RememberReport:
    spoke, changed, start = np.zeros(4, np.int64), 0, 0
    done = len(writer.done_parts)
    with progress_bar("remember", opened.manifest.products) as advance:
        for number, part in enumerate(opened.parts()):
            fused, who = fusion.of(part, start)
            if number >= done:
                writer.write(fused)
            spoke += np.bincount(who, minlength=4)
            changed += int((fused.categories[:, 0] != part.categories[:, 0]).sum())
            start += len(part)
            advance(len(part))
    writer.finish()
    known, like = int(spoke[1] + spoke[3]), int(spoke[2] + spoke[3])
    return RememberReport(start, known, like, changed, fusion.found)
