"""Rows of predictions beside their truth: what calibration, thresholds, the plan and scores share.

Read part by part from a PREDICTIONS folder; what is kept are small columns of the products that
have a truth: some 190 bytes each at k = 20, 330 MB for 1.77 million.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.calibration.noise import Noise, estimate_noise
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, PredictionsError
from etalage.files import fingerprint
from etalage.predictions.folder import open_predictions
from etalage.predictions.manifest import NAME
from etalage.predictions.product_ids import positions
from etalage.predictions.table import Predictions
from etalage.predictions.truth import Truth, read_truth

ENOUGH_AUDITED = 150
"""Audited products from which on they are preferred to given labels; 149 without an error are what
a promise of 98 % takes at 95 % confidence."""

_LOOKED_UP = 1 << 19


@dataclass(frozen=True, eq=False)
class Evidence:
    """N products with predictions and truth, in the order of the predictions.

    Attributes:
        product_ids: int64 or string array, (N,).
        categories: leaf rows, most probable first, (N, k) int32.
        probabilities: descending, (N, k) float32.
        rest: mass outside the k, (N,) float32.
        images: number of images the answer rests on, (N,) int16.
        truth: leaf row of the right category, -1 for one that the taxonomy lacks, (N,) int32.
        taxonomy: what the leaf rows are rows of.
        audited: whether a person decided the truth blind; if not it is as the catalogue gives it.
        record: what they were read from: ``predictions``, ``fingerprint`` of its manifest, and
            ``truth``, the record of the truth.
    """

    product_ids: pa.Array
    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    rest: NDArray[np.float32]
    images: NDArray[np.int16]
    truth: NDArray[np.int32]
    taxonomy: Taxonomy
    audited: bool
    record: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def standing(self) -> str:
        """``audited`` or ``given``: the truth that figures stand on, as outputs say it."""
        return "audited" if self.audited else "given"

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability of each first category, (N,)."""
        return self.probabilities[:, 0].astype(np.float64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each first category is the truth, (N,)."""
        return np.asarray(self.categories[:, 0] == self.truth)

    @property
    def place(self) -> NDArray[np.int64]:
        """Where among the k the truth stands, from 0; k where it is not among them, (N,)."""
        found = self.categories == self.truth[:, None]
        k = self.categories.shape[1]
        return np.asarray(np.where(found.any(axis=1), found.argmax(axis=1), k), np.int64)

    def take(self, rows: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> "Evidence":
        """Return some rows, by their numbers or by a mask."""
        chosen = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        columns = {
            each.name: getattr(self, each.name)[chosen]
            for each in fields(self)
            if isinstance(getattr(self, each.name), np.ndarray)
        }
        return replace(self, product_ids=self.product_ids.take(pa.array(chosen)), **columns)


def gather(predictions: Path, truth: Truth) -> Evidence:
    """Read the predictions of the products that have a truth.

    Args:
        predictions: a finished PREDICTIONS folder.
        truth: of these products, more or fewer.

    Raises:
        PredictionsError: damaged predictions, or none of their products has a truth.
    """
    opened = open_predictions(predictions)
    manifest, taxonomy = opened.manifest, opened.taxonomy
    most = min(manifest.products, len(truth))
    kept = Predictions(
        pa.nulls(0),
        np.empty((most, manifest.k), np.int32),
        np.empty((most, manifest.k), np.float32),
        np.empty(most, np.float32),
        np.empty(most, np.int16),
    )
    right, leaves = np.empty(most, np.int32), taxonomy.rows(truth.categories)
    ids, count = [], 0
    for batch in _batches(opened.parts()):
        rows = positions(pa.concat_arrays([part.product_ids for part in batch]), truth.product_ids)
        right[count : count + int((rows >= 0).sum())] = leaves[rows[rows >= 0]]
        for part, found in zip(batch, _cut(rows >= 0, batch), strict=True):
            ids.append(part.product_ids.filter(pa.array(found)))
            count += _keep(kept, count, part, found)
    if not count:
        raise PredictionsError(
            f"{predictions}: none of its {manifest.products:,} products has a truth among the "
            f"{len(truth):,} of {truth.record.get('file')}",
            hint="give the truth of the products that were predicted",
        )
    return Evidence(
        pa.concat_arrays(ids),
        kept.categories[:count],
        kept.probabilities[:count],
        kept.rest[:count],
        kept.images[:count],
        right[:count],
        taxonomy,
        truth.audited,
        {
            "predictions": str(predictions),
            "fingerprint": fingerprint(predictions / NAME),
            "truth": truth.record,
        },
    )


def _batches(parts: Iterator[Predictions]) -> Iterator[list[Predictions]]:
    """Yield parts by the half million products: each look-up hashes the whole truth anew."""
    batch: list[Predictions] = []
    for part in parts:
        batch.append(part)
        if sum(map(len, batch)) >= _LOOKED_UP:
            yield batch
            batch = []
    if batch:
        yield batch


def _cut(found: NDArray[np.bool_], batch: list[Predictions]) -> list[NDArray[np.bool_]]:
    return np.split(found, np.cumsum([len(part) for part in batch])[:-1])


def _keep(kept: Predictions, start: int, part: Predictions, found: NDArray[np.bool_]) -> int:
    """Copy the rows found of a part to ``kept`` from row ``start`` on; return how many."""
    count = int(found.sum())
    for name in ("categories", "probabilities", "rest", "images"):
        getattr(kept, name)[start : start + count] = getattr(part, name)[found]
    return count


def evidence_of(
    predictions: Path,
    *,
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    noise: Noise | None = None,
    enough: int = ENOUGH_AUDITED,
) -> tuple[Evidence, Noise | None]:
    """Read predictions beside the better of the truths there are, and the noise of given labels.

    Audited decisions are preferred where at least ``enough`` of the predicted products have one, or
    where they are all there is. Where the figures stand on given labels, their noise is the one
    given, else counted on the products that have both labels, else not known.

    Args:
        predictions: a finished PREDICTIONS folder.
        truth: given labels: a labelled INDEX, LABELS or a CSV.
        audited: blind decisions on a random sample of these products: LABELS or a CSV.
        split: a SPLIT to restrict both to one part of.
        part: of the split, else of a column ``part``.
        noise: what is known of the given labels.
        enough: audited products that are enough.

    Returns:
        The evidence, and the noise where it stands on given labels and this is known, else None.

    Raises:
        ConfigError: neither truth nor audited.
        PredictionsError: predictions or truth cannot be used, or have no product in common.
    """
    tree = open_predictions(predictions).taxonomy
    decided = None
    if audited is not None:
        decided = read_truth(audited, tree, split=split, part=part, audited=True)
    if truth is None:
        return gather(predictions, _required(decided)), None
    found = None if decided is None else _gathered(predictions, decided)
    if found is not None and len(found) >= enough:
        return found, None
    given = read_truth(truth, tree, split=split, part=part)
    if noise is None and decided is not None:
        noise = _counted(given, decided)
    return gather(predictions, given), noise


def _required(truth: Truth | None) -> Truth:
    if truth is None:
        raise ConfigError(
            "no truth was given to compare with",
            hint="add --truth (given labels) or --audited (decisions of a person), or both",
        )
    return truth


def _gathered(predictions: Path, truth: Truth) -> Evidence | None:
    """Return the evidence, None where there is none; what else is wrong is told on other ways."""
    try:
        return gather(predictions, truth)
    except PredictionsError:
        return None


def _counted(given: Truth, audited: Truth) -> Noise | None:
    """Return the noise, None where the labels in common say nothing about it."""
    try:
        return estimate_noise(given, audited)
    except PredictionsError:
        return None
