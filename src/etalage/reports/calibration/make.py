"""The page of a calibration: figures before and after, and sets made of what it gives."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from etalage.calibration.calibrate import Calibrated
from etalage.calibration.sets import HeldOut, SetRule, coverage_table, held_out_sets
from etalage.errors import PredictionsError
from etalage.files import run_record, whole_file
from etalage.reports.calibration.plots import draw
from etalage.reports.page import Document, render

SCHEMA = 1


def write_calibration_page(
    found: Calibrated, output: Path, *, seed: int = 0, overwrite: bool = False
) -> Document:
    """Write the page as one HTML file, and return the numbers that stand in it.

    Raises:
        OutputError: ``output`` exists, or cannot be written.
    """
    document = describe(found, seed)
    page = render("calibration.html", document, draw(document))
    with whole_file(output, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return document


def describe(found: Calibrated, seed: int = 0) -> Document:
    """Return everything that the page says; sets are made of the calibrated probabilities."""
    rule = SetRule(by_branch=not found.evidence.taxonomy.is_flat)
    try:
        made: HeldOut | None = held_out_sets(found.held_out, rule, seed)
        refused = ""
    except PredictionsError as cause:
        made, refused = None, cause.message
    rows = [] if made is None else coverage_table(found.held_out, made)
    calibration = found.calibration.to_json()
    document = {
        "schema": SCHEMA,
        "method": found.calibration.method,
        "temperature": found.calibration.temperature,
        "fitted_on": calibration["fitted_on"],
        "k": int(found.evidence.probabilities.shape[1]),
        "noise": None if found.noise is None else asdict(found.noise),
        "before": asdict(found.before),
        "after": asdict(found.after),
        "rule": asdict(rule),
        "coverage": [asdict(row) for row in rows],
        "sizes": [] if made is None else _sizes(made),
        "refused": refused,
        "run": run_record(),
    }
    plain: Document = json.loads(json.dumps(document))
    return plain


def _sizes(made: HeldOut) -> list[dict[str, Any]]:
    sizes, products = np.unique(made.sizes, return_counts=True)
    pairs = zip(sizes.tolist(), products.tolist(), strict=True)
    return [{"size": size, "products": count} for size, count in pairs]
