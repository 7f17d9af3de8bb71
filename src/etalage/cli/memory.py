"""``etalage memory``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.blending.memory.fit import memory as run
from etalage.blending.memory.settings import NEIGHBOURS, SPEAKERS, Settings
from etalage.errors import ConfigError


def memory(
    predictions: Path,
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    truth: Path | None = None,
    audited: Path | None = None,
    known: Path | None = None,
    split: Path | None = None,
    part: Literal["train", "validation", "test"] | None = None,
    embeddings: Path | None = None,
    known_embeddings: Path | None = None,
    neighbours: int = NEIGHBOURS,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Fit how far to believe what a labelled catalogue remembers.

    On products that the model was not trained on: a validation part, or all by "folds".

    Args:
        predictions: the PREDICTIONS for them.
        index: the INDEX that holds them.
        output: the MEMORY to write, a JSON file for "remember".
        truth: their given labels: a labelled INDEX, or a CSV file.
        audited: instead: a CSV file of what a person decided blind on some, drawn at random.
        known: the labelled INDEX to remember; INDEX itself when not given.
        split: a SPLIT of it, to remember one part only.
        part: which part: train, usually.
        embeddings: the EMBEDDINGS of INDEX; with them similar images are asked, too.
        known_embeddings: those of the known INDEX.
        neighbours: how many similar images to ask.
        yes: replace a memory that is there.
        json: print the MEMORY as one JSON document.
    """
    if (truth is None) == (audited is None):
        raise ConfigError("expected one truth", hint="add --truth FILE, or --audited FILE")
    settings = run(
        predictions,
        index,
        output,
        truth=truth or audited or Path(),
        audited=audited is not None,
        known=known,
        split=split,
        part=part,
        embeddings=embeddings,
        known_embeddings=known_embeddings,
        neighbours=neighbours,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(settings.to_json(), ensure_ascii=False))
        return
    Console().print(_table(settings))
    agreement = "audited labels" if audited is not None else "agreement with the given labels"
    every = settings.found["all"]
    before, after = every["before"]["accuracy"], every["after"]["accuracy"]
    print(
        f"{output}: {before:.1%} right before, {after:.1%} after, of {every['products']:,} "
        f"products ({agreement}; those it was fitted on)"
    )


def _table(settings: Settings) -> Table:
    table = Table(title="Log-loss by what is remembered of a product", title_justify="left")
    table.add_column("remembered")
    for name in ("products", "network", "exact", "near", "fused"):
        table.add_column(name, justify="right")
    for name, found in settings.found.items():
        if name not in SPEAKERS:
            continue
        losses = found["log_loss"]
        shown = [
            f"{losses[key]:.3f}" if key in losses else ""
            for key in ("network", "exact", "near", "fused")
        ]
        table.add_row(name, f"{found['products']:,}", *shown)
    return table
