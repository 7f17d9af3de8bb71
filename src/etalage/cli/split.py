"""``etalage split``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.catalogue.duplicates import MAX_BRANCHES, MAX_PRODUCTS, MAX_SHARE
from etalage.catalogue.split import split as make_split
from etalage.catalogue.split_report import report_rows


def split(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    validation: float = 0.1,
    test: float = 0.1,
    by: Literal["duplicates", "product"] = "duplicates",
    max_products: int = MAX_PRODUCTS,
    max_branches: int = MAX_BRANCHES,
    max_share: float = MAX_SHARE,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Choose which products train, validate and test; duplicates stay together.

    Args:
        index: the INDEX to split.
        output: the SPLIT to write, a Parquet file.
        validation: share of each category to validate on.
        test: share of each category to test on.
        by: "duplicates" never cuts a duplicate group; "product" ignores them, and leaks.
        max_products: an image on more products is boilerplate and connects nothing.
        max_branches: an image on products of more level-2 branches is boilerplate.
        max_share: largest share of all products that a duplicate group may hold.
        seed: of the random order; same seed, same bytes.
        yes: replace a split that is there.
        json: print one JSON document.
    """
    report = make_split(
        index,
        output,
        validation=validation,
        test=test,
        by=by,
        max_products=max_products,
        max_branches=max_branches,
        max_share=max_share,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json(), ensure_ascii=False))
        return
    table = Table("", "products", "", title=str(output), title_justify="left")
    for row in report_rows(report):
        table.add_row(*row)
    Console().print(table)
