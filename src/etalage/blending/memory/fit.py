"""Fits a MEMORY: how to read what the catalogue remembers, and how far to believe it.

By the log-loss of the truth, on products whose network's answers were not trained on them. How each
memory is read (``settings.Reading``) is found first, one value after the other, with the weights
fitted anew each time; then the weights for each bin of the network's confidence and each kind of
product: known, resembling known ones, both. Asked products never tell of themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
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
from etalage.blending.memory.belief import Answers, truth_of_memory, truth_of_network
from etalage.blending.memory.fuse import fuse
from etalage.blending.memory.mixture import bin_edges, bins_of, fit_weights, mixture_loss
from etalage.blending.memory.near import Likenesses
from etalage.blending.memory.settings import (
    NEIGHBOURS,
    SPEAKERS,
    Reading,
    Settings,
    recall_of,
    write_settings,
)
from etalage.blending.memory.witnesses import Witnesses, nobody
from etalage.errors import ConfigError, PredictionsError
from etalage.files import refuse_existing
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.product_ids import positions
from etalage.predictions.truth import Truth, read_truth

SEARCHED = 100_000
"""Products that the reading is found on at most; the weights are fitted on all."""
LEAST = 100
"""Products without a known image that near memory is read by, if there are as many."""
CHOICES: dict[str, tuple[float, ...]] = {
    "alpha": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    "doubt": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "sharing": (0.0, 0.5, 1.0),
    "temperature": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
}
# Bayes' rule with the network as the prior, and a memory of its own, are two valleys of the loss.
STARTS = (
    Reading(1.0, 0.1, 0.5),
    Reading(1.0, 1.0, 0.5),
    Reading(1.0, 0.1, 0.5, 0.2),
    Reading(1.0, 1.0, 0.5, 0.05),
)
"""Where the search for a reading begins: of exact memory, of exact, of near, of near."""
_SWEEPS, _ROUNDS = 2, 30


@dataclass(frozen=True, eq=False)
class Sample:
    """Answers beside the truth: what a memory is fitted on, n products.

    Attributes:
        answers: of the network.
        truth: leaf rows, (n,).
        prior: share of each category among the known products, (C,).
    """

    answers: Answers
    truth: NDArray[np.int32]
    prior: NDArray[np.float64]

    def of(self, rows: NDArray[np.int64]) -> "Sample":
        """Return some of the products."""
        return Sample(
            self.answers.of(rows),
            self.truth[rows],
            self.prior,
        )

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The network's probability of its answer, (n,)."""
        return self.answers.probabilities[:, 0]


def memory(
    predictions: Path,
    index: Path,
    output: Path,
    *,
    truth: Path,
    audited: bool = False,
    known: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    embeddings: Path | None = None,
    known_embeddings: Path | None = None,
    neighbours: int = NEIGHBOURS,
    overwrite: bool = False,
) -> Settings:
    """Fit how far to believe what a labelled catalogue remembers, and write a MEMORY.

    Args:
        predictions: PREDICTIONS for products that their model was not trained on.
        index: the INDEX of these products.
        output: the MEMORY to write, a JSON file.
        truth: a labelled INDEX or a CSV file; products it does not have are left out.
        audited: the truth is what a person decided blind.
        known: the labelled INDEX to remember; ``index`` itself when not given.
        split: a SPLIT of it, to remember one ``part`` only.
        part: ``train``, usually: what the model was trained on.
        embeddings: EMBEDDINGS of ``index``: near memory is fitted, too.
        known_embeddings: those of ``known``, from the same backbone.
        neighbours: similar images to ask of each image.
        overwrite: replace ``output``.

    Raises:
        PredictionsError: no prediction has a truth, products are not in the index, or nothing
            is remembered of any of them.
        EmbeddingsError: vectors of another index or backbone.
        ConfigError: an option out of its range.
        OutputError: ``output`` exists or cannot be written.
    """
    if neighbours < 1:
        raise ConfigError(f"neighbours is {neighbours}, expected at least 1")
    refuse_existing(output, overwrite=overwrite)
    places = Places(index, known, split, part, embeddings, known_embeddings)
    catalogues, opened = open_catalogues(places), open_predictions(predictions)
    right = read_truth(truth, opened.taxonomy, audited=audited)
    ids, answers, leaves = _gather(opened, right)
    meeting = catalogues.meet(catalogues.rows(ids, predictions), opened.taxonomy)
    sample = Sample(answers, leaves, meeting.prior())
    exact, near = recall(meeting, places, neighbours)
    settings = fit(sample, exact, near, neighbours)
    settings = replace(settings, fitted_on=_record(right, sample, opened, catalogues))
    write_settings(output, settings, overwrite=overwrite)
    return settings


def _gather(opened: PredictionsFolder, truth: Truth) -> tuple[pa.Array, Answers, NDArray[np.int32]]:
    """Return the answers that have a truth, small columns only."""
    ids, tables, leaves = [], [], []
    right = opened.taxonomy.rows(truth.categories)
    for part in opened.parts():
        place = positions(part.product_ids, truth.product_ids)
        rows = np.flatnonzero(place >= 0)
        ids.append(part.product_ids.take(pa.array(rows)))
        tables.append((part.categories[rows], part.probabilities[rows], part.rest[rows]))
        leaves.append(right[place[rows]])
    if not sum(map(len, ids)):
        raise PredictionsError(
            f"{opened.folder}: none of its {opened.manifest.products:,} products is among the "
            f"{len(truth):,} of {truth.record['file']}",
            hint="give predictions for products that have a label, such as a validation part",
        )
    columns = (np.concatenate(column) for column in zip(*tables, strict=True))
    return pa.concat_arrays(ids), Answers(*columns), np.concatenate(leaves)


def _record(
    truth: Truth, sample: Sample, opened: PredictionsFolder, catalogues: Catalogues
) -> dict[str, Any]:
    vectors = open_vectors(catalogues.places)
    return {
        "truth": "audited" if truth.audited else "given",
        "products": len(sample.truth),
        "file": truth.record["file"],
        "predictions": fingerprint_of_predictions(opened),
        **catalogues.source(),
        "encoder": None if vectors is None else vectors[0].model,
    }


def fit(
    sample: Sample, exact: Witnesses, near: Likenesses | None, neighbours: int = NEIGHBOURS
) -> Settings:
    """Fit readings and weights.

    Args:
        sample: answers beside the truth.
        exact: what exact memory tells of the same products, in the same order.
        near: what near memory tells of them, if it is asked.
        neighbours: how many similar images it asked.

    Raises:
        PredictionsError: nothing is remembered of any product.
    """
    few = np.unique(np.linspace(0, len(sample.truth) - 1, SEARCHED).astype(np.int64))
    small, fewer = sample.of(few), exact.of(few)
    known = _search(small, STARTS[:2], lambda _: fewer)
    like = None
    if near is not None:
        # Where a picture is known it says more than any that resembles it: looked at without.
        rest = np.flatnonzero(np.diff(fewer.start) == 0)
        rest = rest if len(rest) >= LEAST else np.arange(len(few))
        some = near.of(few[rest])
        like = _search(small.of(rest), STARTS[2:], lambda reading: _votes(some, reading))
    if known is None and like is None:
        raise PredictionsError(
            f"nothing is remembered of any of {len(sample.truth):,} products",
            hint="no image of theirs is on another labelled product; a split by duplicates sees to "
            "that: give products of a split --by product, or add embeddings",
        )
    return _weigh(sample, exact, near, Settings(known, like, neighbours))


def _votes(near: Likenesses, reading: Reading) -> Witnesses:
    return near.at(reading.temperature or 1.0)


def _search(
    sample: Sample, starts: Sequence[Reading], witnesses: Callable[[Reading], Witnesses]
) -> Reading | None:
    """Return the reading of least log-loss found from any start; None for a silent memory."""
    network = truth_of_network(sample.answers, sample.truth, sample.prior)

    @cache
    def loss(candidate: Reading) -> float:
        told = truth_of_memory(
            sample.answers, sample.truth, witnesses(candidate), candidate.recall, sample.prior
        )
        heard = np.flatnonzero(~np.isnan(told))
        if not len(heard):
            return np.inf
        likelihoods = np.column_stack([network[heard], told[heard]])
        bins = bins_of(sample.confidence[heard], bin_edges(sample.confidence[heard]))
        weights = fit_weights(likelihoods, bins, int(bins.max()) + 1, _ROUNDS)
        return mixture_loss(likelihoods, weights, bins)

    if np.isinf(loss(starts[0])):
        return None
    return min((_descend(start, loss) for start in starts), key=loss)


def _descend(reading: Reading, loss: Callable[[Reading], float]) -> Reading:
    """Return where changing one value after the other ends; of equal losses the first."""
    for name in [name for name in CHOICES if getattr(reading, name) is not None] * _SWEEPS:
        candidates = [reading, *(replace(reading, **{name: value}) for value in CHOICES[name])]
        reading = min(candidates, key=lambda candidate: round(loss(candidate), 6))
    return reading


def _weigh(
    sample: Sample, exact: Witnesses, near: Likenesses | None, settings: Settings
) -> Settings:
    """Fit the weights of every bin for each kind of product, and tell what they gain."""
    like = near.at(settings.near.temperature or 1.0) if near and settings.near else None
    products = len(sample.truth)
    told = np.full((products, 3), np.nan)
    told[:, 0] = truth_of_network(sample.answers, sample.truth, sample.prior)
    for column, witnesses, reading in ((1, exact, settings.exact), (2, like, settings.near)):
        if witnesses is not None and reading is not None:
            told[:, column] = truth_of_memory(
                sample.answers, sample.truth, witnesses, reading.recall, sample.prior
            )
    spoke = (~np.isnan(told[:, 1])).astype(np.int8) + 2 * (~np.isnan(told[:, 2]))
    edges = bin_edges(sample.confidence[spoke > 0])
    bins = bins_of(sample.confidence, edges)
    weights: dict[str, list[list[float]]] = {}
    found: dict[str, Any] = {}
    for number, name in enumerate(SPEAKERS, start=1):
        rows = np.flatnonzero(spoke == number)
        if len(rows):
            weights[name], found[name] = _weigh_kind(told[rows], bins[rows], len(edges) + 1)
    settings = replace(settings, edges=tuple(edges.tolist()), weights=weights)
    silent = nobody(products)
    heard = (silent if settings.exact is None else exact, silent if like is None else like)
    gain = _gain(sample, heard[0], heard[1], settings)
    recall_of_search = None if near is None else near.found
    found |= {"all": gain, "neighbours_found": recall_of_search}
    return replace(settings, found=found)


def _weigh_kind(
    told: NDArray[np.float64], bins: NDArray[np.int64], count: int
) -> tuple[list[list[float]], dict[str, Any]]:
    """Return the weights of the sources that speak, 0 for the others, and log-losses."""
    sources = np.flatnonzero(~np.isnan(told[0]))
    weights = np.zeros((count, 3))
    weights[:, sources] = fit_weights(told[:, sources], bins, count)
    alone = {
        name: mixture_loss(told[:, [source]], np.ones((1, 1)), np.zeros(len(bins), np.int64))
        for source, name in enumerate(("network", "exact", "near"))
        if source in sources
    }
    together = mixture_loss(told[:, sources], weights[:, sources], bins)
    found = {"products": len(told), "log_loss": alone | {"fused": together}}
    return np.round(weights, 9).tolist(), found


def _gain(sample: Sample, exact: Witnesses, near: Witnesses, settings: Settings) -> dict[str, Any]:
    """Return accuracy and the mean log-loss of all products, before and after."""
    bins = bins_of(sample.confidence, np.array(settings.edges))
    fused, _ = fuse(
        sample.answers,
        (exact, recall_of(settings.exact)),
        (near, recall_of(settings.near)),
        settings.table(),
        bins,
        sample.prior,
    )
    found: dict[str, Any] = {"products": len(sample.truth)}
    for name, answers in (("before", sample.answers), ("after", fused)):
        told = truth_of_network(answers, sample.truth, sample.prior)
        found[name] = {
            "accuracy": float((answers.categories[:, 0] == sample.truth).mean()),
            "log_loss": float(-np.log(told.clip(min=1e-12)).mean()),
        }
    return found
