"""``fit_blend``: the weights of a mean, and a second level, fitted where the truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.blending.aligned import Members, gather, open_members, product_ids
from etalage.blending.features import names
from etalage.blending.figures import Figures, alone, figures
from etalage.blending.folder import SCHEMA, member_record, write_fitted
from etalage.blending.means import Mean, Stack, blended, make_mean, stack
from etalage.blending.ranker import CANDIDATES, FOLDS, Ranker, fit_ranker
from etalage.blending.weights import fit_weights
from etalage.errors import ConfigError, PredictionsError
from etalage.files import refuse_existing, whole_folder
from etalage.predictions.manifest import taxonomy_hash
from etalage.predictions.product_ids import positions
from etalage.predictions.truth import Truth, read_truth

MOST = 50_000
"""Products that are fitted on, at most: a weight for each model needs no more."""


@dataclass(frozen=True)
class FitReport:
    """What came out.

    Attributes:
        products: fitted on.
        truth: ``given`` or ``audited``.
        mean: with its fitted weights.
        members: of each model alone.
        equal: of the mean with equal weights.
        weights: of the mean with the fitted weights.
        ranker: of the second level, out of fold; None without one.
    """

    products: int
    truth: str
    mean: Mean
    members: tuple[Figures, ...]
    equal: Figures
    weights: Figures
    ranker: Figures | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "products": self.products,
            "truth": self.truth,
            **self.mean.record(),
            "figures": self.figures(),
        }

    def figures(self) -> dict[str, Any]:
        """Return the figures as JSON knows them."""
        return {
            "members": [vars(each) for each in self.members],
            "equal": vars(self.equal),
            "weights": vars(self.weights),
            "ranker": None if self.ranker is None else vars(self.ranker),
        }


def fit_blend(
    predictions: Sequence[Path],
    output: Path,
    *,
    truth: Path,
    audited: bool = False,
    split: Path | None = None,
    part: str | None = None,
    mean: str = "arithmetic",
    exponent: float | None = None,
    weights: Sequence[float] | None = None,
    ranker: bool = False,
    candidates: int = CANDIDATES,
    folds: int = FOLDS,
    most: int = MOST,
    seed: int = 0,
    overwrite: bool = False,
) -> FitReport:
    """Fit a blend on products whose category is known, and write it as a BLEND.

    Args:
        predictions: two or more PREDICTIONS that answer these products; products may be more, and
            in any order. None of the models should have been trained on them.
        output: the BLEND folder to write.
        truth: a labelled INDEX or a CSV, as for ``score``.
        audited: whether a person decided blind.
        split: a SPLIT to take one part of.
        part: of the split, else of the column ``part``.
        mean: ``arithmetic``, ``geometric`` or ``power``.
        exponent: of the power mean.
        weights: of each; None to fit them.
        ranker: whether to fit a second level too.
        candidates: how many candidates of a product it ranks.
        folds: how many rankers answer what the others were fitted on.
        most: products to fit on, drawn by lot where more are known.
        seed: of the lot, the folds and the booster.
        overwrite: replace what stands at ``output``.

    Raises:
        ConfigError: a mean, weights or numbers that make no sense.
        PredictionsError: predictions or truth that cannot be used, or too few products.
        OutputError: ``output`` exists, or cannot be written.
    """
    if candidates < 2 or not 2 <= folds <= 100 or most < 1:
        raise ConfigError(
            f"{candidates} candidates, {folds} folds, {most} products: expected at least 2, 2 to "
            "100, and at least 1"
        )
    refuse_existing(output, overwrite=overwrite)
    members = open_members(predictions)
    start = make_mean(mean, len(members), weights, exponent)
    right = read_truth(truth, members.taxonomy, split=split, part=part, audited=audited)
    ids, given, answers = _known(members, right, most, seed)
    chosen = start if weights is not None else fit_weights(given, answers, start)
    top, leaves = max(members.kept), len(members.taxonomy)
    answer = blended(given, chosen, top)
    level, fold, ranked = None, np.empty(0, np.int8), None
    if ranker:
        level, fold, out_of_fold = fit_ranker(
            given,
            answer,
            answers,
            members.taxonomy,
            candidates=candidates,
            folds=folds,
            seed=seed,
        )
        ranked = figures(out_of_fold, answers, leaves)
    equal = make_mean(mean, len(members), None, exponent)
    report = FitReport(
        len(ids),
        "audited" if audited else "given",
        chosen,
        tuple(figures(alone(given, each), answers, leaves) for each in range(len(members))),
        figures(blended(given, equal, top), answers, leaves),
        figures(answer, answers, leaves),
        ranked,
    )
    document = _document(members, right, report, level, seed)
    with whole_folder(output, overwrite=overwrite) as folder:
        write_fitted(folder, document, level, ids, fold)
    return report


def _document(
    members: Members, truth: Truth, report: FitReport, level: Ranker | None, seed: int
) -> dict[str, Any]:
    described = None
    if level is not None:
        described = {
            "candidates": level.candidates,
            "folds": len(level.folds),
            "temperature": level.temperature,
            "seed": seed,
            "features": names(len(members)),
        }
    return {
        "artefact": "blend",
        "schema": SCHEMA,
        **report.mean.record(),
        "categories": {
            "count": len(members.taxonomy),
            "hash": taxonomy_hash(members.taxonomy),
        },
        "members": member_record(members),
        "fitted_on": {"truth": report.truth, "products": report.products, **truth.record},
        "figures": report.figures(),
        "ranker": described,
    }


def _known(
    members: Members, truth: Truth, most: int, seed: int
) -> tuple[pa.Array, Stack, NDArray[np.int32]]:
    """Return products of known category with an image, what all models say of them, and the truth.

    Raises:
        PredictionsError: there is none, or a model lacks one.
    """
    first = members.opened[0]
    place = positions(product_ids(first), truth.product_ids)
    rows = np.sort(place[place >= 0])
    if not len(rows):
        raise PredictionsError(
            f"{first.folder}: answers none of the {len(truth):,} products of {truth.record['file']}"
        )
    if len(rows) > most:
        lot = np.random.Generator(np.random.PCG64(seed))
        rows = np.sort(lot.choice(rows, most, replace=False))
    ids = truth.product_ids.take(pa.array(rows))
    given = stack([gather(opened, ids) for opened in members.opened], len(members.taxonomy))
    seen = np.flatnonzero((given.images > 0).all(axis=0))
    if not len(seen):
        raise PredictionsError(
            f"{first.folder}: none of the {len(rows):,} products of known category was answered "
            "from an image"
        )
    right = members.taxonomy.rows(truth.categories[rows[seen]])
    return ids.take(pa.array(seen)), given.take(seen), right
