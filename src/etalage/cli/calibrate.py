"""``etalage calibrate``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.calibration.calibrate import Calibrated
from etalage.calibration.calibrate import calibrate as run
from etalage.calibration.measure import Figures
from etalage.calibration.noise import noise_given
from etalage.files import refuse_existing

ROWS = {
    "right": "accuracy",
    "confidence": "confidence",
    "calibration error": "ece",
    "of perfect probabilities": "ece_floor",
    "log-loss": "log_loss",
    "Brier score": "brier",
}
STANDING = {
    "given": "agreement with the given labels, right or wrong as these are",
    "audited": "against blind decisions of a person",
}


def calibrate(
    predictions: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    method: Literal["temperature", "isotonic"] = "temperature",
    noise: float | None = None,
    noise_interval: tuple[float, float] | None = None,
    html: Path | None = None,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Fit a calibration on products that the model was not trained on.

    Written as calibration.json into a MODEL folder, it is used by predict.

    Args:
        predictions: the PREDICTIONS folder, of validation products for one.
        output: the CALIBRATION file to write.
        truth: given labels: a labelled INDEX, LABELS (.parquet) or a CSV file with the columns
            _id and category_id.
        audited: blind decisions of a person on a random sample of these products: LABELS or a
            CSV file; taken before given labels where there are at least 150.
        split: a SPLIT; only the products of one of its parts count.
        part: train, validation or test of the split; else a word in column "part" of the truth.
        method: temperature, or isotonic: that and a map of the first category's confidence.
        noise: share of the given labels that are wrong; figures and fit are corrected for it.
        noise_interval: between what it lies.
        html: also write a page: reliability, errors, coverage of sets.
        seed: of folds and intervals.
        yes: replace files that are there.
        json: print one JSON document: the file, and what stands on the page.
    """
    from etalage.reports.calibration.make import write_calibration_page

    if html is not None:
        refuse_existing(html, overwrite=yes)
    found = run(
        predictions,
        output,
        truth=truth,
        audited=audited,
        split=split,
        part=part,
        method=method,
        noise=noise_given(noise, noise_interval),
        seed=seed,
        overwrite=yes,
    )
    document = found.calibration.to_json()
    if html is not None:
        document["page"] = write_calibration_page(found, html, seed=seed, overwrite=yes)
    if json:
        print(json_module.dumps(document, ensure_ascii=False))
    else:
        Console().print(_table(output, found))


def _table(output: Path, found: Calibrated) -> Table:
    before, after, evidence = found.before, found.after, found.evidence
    standing = STANDING[evidence.standing]
    if found.noise is not None:
        standing += f"; right and calibration error corrected for {found.noise.rate:.1%} wrong ones"
    title = f"{output}: temperature {found.calibration.temperature:.3f}, {standing}"
    table = Table(title=title, title_justify="left")
    table.add_column(f"{before.products:,} products")
    for name in ("before", "after, held out"):
        table.add_column(name, justify="right")
    for name, key in ROWS.items():
        table.add_row(name, *(_cell(one, key) for one in (before, after)))
    return table


def _cell(figures: Figures, key: str) -> str:
    value = f"{getattr(figures, key):.4f}"
    if key != "ece":
        return value
    low, high = figures.ece_interval
    return f"{value} ({low:.4f} to {high:.4f})"
