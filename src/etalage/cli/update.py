"""``etalage update``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path


def update(
    index: Path,
    /,
    *catalogue: Path,
    taxonomy: Path | None = None,
    text: Path | None = None,
    model: Path | None = None,
    predictions: Path | None = None,
    device: str = "auto",
    json: bool = False,
) -> None:
    """Index what is new in a catalogue that grows, and answer it. Twice is once.

    Args:
        index: the INDEX to bring up to date; its files may have grown.
        catalogue: BSON files or folders; those that the index does not know are added.
        taxonomy: a new category_names.csv; without one that of the index stays.
        text: products.csv, whose values go before those of the index.
        model: the MODEL that answers new products.
        predictions: the PREDICTIONS folder of this model.
        device: auto, cpu or cuda.
        json: print one JSON document.
    """
    from etalage.growth import update as run

    report = run(
        index,
        catalogue,
        taxonomy=taxonomy,
        text=text,
        model=model,
        predictions=predictions,
        device=device,
    )
    if json:
        print(json_module.dumps(asdict(report)))
        return
    print(f"{index}: {report.products:,} products, {report.new_products:,} of them new")
    if report.predicted >= 0:
        print(f"{predictions}: {report.predicted:,} products answered")
