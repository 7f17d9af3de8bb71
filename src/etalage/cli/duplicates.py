"""``etalage duplicates``."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.catalogue.ledger.folder import duplicates as find_duplicates
from etalage.catalogue.ledger.near.find import DISTANCE, TONE
from etalage.catalogue.ledger.report import report_rows


def duplicates(
    index: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    near: bool = False,
    split: Path | None = None,
    against: Path | None = None,
    distance: int = DISTANCE,
    tone: int = TONE,
    workers: int | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Find repeated images, label conflicts, and what leaks from train to test.

    Args:
        index: the INDEX to search.
        output: the DUPLICATES folder to write, with all tables.
        near: also find pictures that were encoded anew or resized.
        split: a SPLIT; count the products of test that share an image with train.
        against: another INDEX; count the products of each that share an image with the other.
        distance: most bits of 256 in which near duplicates differ.
        tone: most levels of 255 by which their mean colours differ.
        workers: processes that decode for --near; one on each core where not given.
        yes: replace a folder that is there.
        json: print one JSON document.
    """
    report = find_duplicates(
        index,
        output,
        near=near,
        split=split,
        against=against,
        distance=distance,
        tone=tone,
        workers=workers,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json(), ensure_ascii=False))
        return
    table = Table("", "", "", title=f"Duplicates of {index}", title_justify="left")
    table.columns[1].justify = "right"
    for row in report_rows(report):
        table.add_row(*row)
    Console().print(table)
