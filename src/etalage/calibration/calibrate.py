"""Fits a calibration on predictions with truth, and says how honest it makes them.

What is measured after calibration is measured on products that it was not fitted on: the products
are dealt into five folds (more than 100,000 into two: both are plenty then), each of which is
calibrated by a fit on the others. What is kept is the fit on all of them.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from etalage.calibration.artefact import Calibration, apply_to, write_calibration
from etalage.calibration.evidence import Evidence, evidence_of
from etalage.calibration.isotonic import fit_isotonic
from etalage.calibration.measure import Figures, measure
from etalage.calibration.noise import Noise
from etalage.calibration.temperature import fit_on_top
from etalage.errors import ConfigError, PredictionsError
from etalage.files import refuse_existing
from etalage.predictions.manifest import taxonomy_hash

METHODS = ("temperature", "isotonic")
FOLDS = 5
_PLENTY = 100_000
LEAST_PRODUCTS = 20
"""Products to fit on: from fewer a calibration is noise."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What ``calibrate`` found.

    Attributes:
        calibration: what was written.
        evidence: the products it was fitted on, as predicted.
        held_out: the same, each calibrated by a fit on others.
        before: figures of ``evidence``.
        after: figures of ``held_out``.
        noise: of the given labels, where it is known.
    """

    calibration: Calibration
    evidence: Evidence
    held_out: Evidence
    before: Figures
    after: Figures
    noise: Noise | None


def calibrate(
    predictions: Path,
    output: Path,
    *,
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    method: str = "temperature",
    noise: Noise | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Calibrated:
    """Fit a CALIBRATION on products that the model was not trained on, and write it.

    Args:
        predictions: a PREDICTIONS folder, of validation products for one.
        output: the CALIBRATION file; ``calibration.json`` in a MODEL is used by ``predict``.
        truth: given labels: a labelled INDEX, LABELS or a CSV.
        audited: blind decisions of a person on a random sample of these products; preferred where
            there are enough: see ``evidence_of``.
        split: a SPLIT to restrict the truth to one part of.
        part: of the split, else of a column ``part``.
        method: ``temperature``, or ``isotonic`` for a temperature and a map of the first category.
        noise: of the given labels; else counted where products have both labels.
        seed: of folds and intervals.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: no truth, or an unknown method.
        PredictionsError: predictions or truth cannot be used, or fewer than 20 products have both.
        OutputError: ``output`` exists, or cannot be written.
    """
    refuse_existing(output, overwrite=overwrite)
    evidence, known = evidence_of(
        predictions, truth=truth, audited=audited, split=split, part=part, noise=noise
    )
    found = fit_and_measure(evidence, method, known, seed)
    write_calibration(found.calibration, output, overwrite=overwrite)
    return found


def fit_and_measure(
    evidence: Evidence, method: str = "temperature", noise: Noise | None = None, seed: int = 0
) -> Calibrated:
    """Fit on all of the evidence; measure it before, and after on products held out."""
    if len(evidence) < LEAST_PRODUCTS:
        raise PredictionsError(
            f"{evidence.record.get('predictions')}: {len(evidence)} of its products have a truth, "
            f"a calibration needs at least {LEAST_PRODUCTS}",
            hint="give the truth of more products",
        )
    fitted = fit(evidence, method, noise)
    held_out = cross_fitted(evidence, method, noise, seed)
    before, after = measure(evidence, noise, seed), measure(held_out, noise, seed)
    calibration = replace(
        fitted,
        fitted_on=_fitted_on(evidence, noise),
        before=asdict(before),
        after=asdict(after),
    )
    return Calibrated(calibration, evidence, held_out, before, after, noise)


def fit(evidence: Evidence, method: str = "temperature", noise: Noise | None = None) -> Calibration:
    """Fit a calibration.

    Raises:
        ConfigError: an unknown method.
    """
    if method not in METHODS:
        raise ConfigError(f"method {method!r} is unknown, expected {' or '.join(METHODS)}")
    warmed = Calibration(fit_on_top(evidence, noise))
    if method == "temperature":
        return warmed
    after = apply_to(warmed, evidence, len(evidence.taxonomy))
    return replace(warmed, isotonic=fit_isotonic(after.confidence, after.right, noise))


def cross_fitted(
    evidence: Evidence, method: str, noise: Noise | None = None, seed: int = 0
) -> Evidence:
    """Return the evidence with each product calibrated by a fit on products of other folds."""
    fold = folds(len(evidence), seed)
    probabilities, rest = np.empty_like(evidence.probabilities), np.empty_like(evidence.rest)
    for number in range(int(fold.max()) + 1):
        others, own = fold != number, fold == number
        calibration = fit(evidence.take(others), method, noise)
        found = apply_to(calibration, evidence.take(own), len(evidence.taxonomy))
        probabilities[own], rest[own] = found.probabilities, found.rest
    return replace(evidence, probabilities=probabilities, rest=rest)


def folds(products: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Deal products into folds of equal size, by number, (n,)."""
    count = FOLDS if products <= _PLENTY else 2
    return np.random.default_rng(seed).permutation(products) % count


def _fitted_on(evidence: Evidence, noise: Noise | None) -> dict[str, object]:
    truth = evidence.record.get("truth", {})
    return {
        "truth": evidence.standing,
        "products": len(evidence),
        **{name: truth.get(name) for name in ("file", "split", "part")},
        "predictions": evidence.record.get("predictions"),
        "fingerprint": evidence.record.get("fingerprint"),
        "categories": taxonomy_hash(evidence.taxonomy),
        "noise": None if noise is None else asdict(noise),
    }
