"""``etalage synth``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.generator import synth as generate


def synth(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    products: int = 20_000,
    categories: int | None = None,
    taxonomy: Path | None = None,
    stats: Path | None = None,
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
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(asdict(report), default=str))
    else:
        for name, value in asdict(report).items():
            print(f"{name}: {value}")
