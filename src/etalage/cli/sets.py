"""``etalage sets``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.calibration.set_file import SetsReport
from etalage.calibration.set_file import sets as run
from etalage.calibration.sets import SetRule
from etalage.cli.calibrate import STANDING


def sets(
    predictions: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    fit: Path | None = None,
    coverage: float = 0.9,
    cap: int | None = None,
    by_branch: bool = False,
    penalty: float = 0.0,
    free: int = 5,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write for each product the few categories among which the right one is.

    Args:
        predictions: the PREDICTIONS folder.
        output: the Parquet file to write: product_id, categories, cut.
        truth: given labels of the products that the sets are fitted on: a labelled INDEX, LABELS
            (.parquet) or a CSV file.
        audited: blind decisions of a person on a random sample of these products: LABELS or a
            CSV file; taken before given labels where there are at least 150.
        split: a SPLIT; only the products of one of its parts are fitted on.
        part: train, validation or test of the split; else a word in column "part" of the truth.
        fit: PREDICTIONS of the same model that the truth is of; else it is of the first ones.
        coverage: how often the right category shall be in the set.
        cap: most categories in a set.
        by_branch: hold the coverage within each branch of level 1 that is answered.
        penalty: what each place beyond the free ones counts as; makes large sets smaller.
        free: places without penalty.
        seed: of the folds on which coverage is shown.
        yes: replace a file that is there.
        json: print one JSON document.
    """
    rule = SetRule(coverage, cap, by_branch, penalty, free)
    report = run(
        predictions,
        output,
        truth=truth,
        audited=audited,
        split=split,
        part=part,
        fit=fit,
        rule=rule,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(asdict(report), ensure_ascii=False))
        return
    Console().print(_table(report))
    print(
        f"{output}: {report.products:,} sets of {report.size:.2f} categories in the mean, "
        f"{report.single:.1%} of one; {report.cut:.1%} would have held more than they may"
    )


def _table(report: SetsReport) -> Table:
    title = f"Truth in the set, on products held out: {STANDING[report.truth]}"
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(("", "products", "covered", "95 %", "categories", "of one")):
        table.add_column(name, justify="right" if number else "left")
    for row in report.held_out:
        table.add_row(
            row.name,
            f"{row.products:,}",
            f"{row.coverage:.3f}",
            f"{row.low:.3f} to {row.high:.3f}",
            f"{row.size:.2f}",
            f"{row.single:.2f}",
        )
    return table
