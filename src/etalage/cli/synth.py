"""``etalage synth``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.generator import synth as generate


def synth(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    products: int = 20_000,
    categories: int | None = None,
    taxonomy: Path | None = None,
    stats: Path | None = None,
    test: float = 0.2,
    text: bool = False,
    drawings: int | None = None,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Generate a catalogue with the statistics of a real one.

    Args:
        output: the folder to write.
        products: how many, train and test together.
        categories: how many leaves; from the number of products when not given.
        taxonomy: a category_names.csv to take the tree from.
        stats: a file like category_names.csv with a column "products", to take the sizes from.
        test: share of the products that go to test.bson.
        text: put title, description, brand and price into the documents too.
        drawings: how many images are really drawn at most; 200,000 when not given.
        seed: same arguments, same bytes.
        yes: replace a folder that is there.
        json: print one JSON document.
    """
    report = generate(
        output,
        products=products,
        categories=categories,
        taxonomy=taxonomy,
        stats=stats,
        test=test,
        text=text,
        fresh_drawings=drawings,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(asdict(report)))
        return
    table = Table(title=str(output), show_header=False, title_justify="left")
    for name, value in asdict(report).items():
        told = f"{value:,}" if isinstance(value, int) else str(value)
        table.add_row(name.replace("_", " "), told)
    Console().print(table)
