"""``etalage remember``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.blending.memory.remember import remember as run


def remember(
    predictions: Path,
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    memory: Path | None = None,
    override: bool = False,
    known: Path | None = None,
    split: Path | None = None,
    part: Literal["train", "validation", "test"] | None = None,
    embeddings: Path | None = None,
    known_embeddings: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Fuse predictions with what a labelled catalogue remembers of their images.

    A stopped run is gone on with.

    Args:
        predictions: the PREDICTIONS.
        index: the INDEX of their products.
        output: the PREDICTIONS folder to write.
        memory: the MEMORY that says how far to believe it, from "memory".
        override: instead: the one label of known images replaces the answer, as in 2017.
        known: the labelled INDEX to remember; INDEX itself when not given.
        split: a SPLIT of it, to remember one part only.
        part: which part.
        embeddings: the EMBEDDINGS of INDEX, for a memory that asks similar images.
        known_embeddings: those of the known INDEX.
        yes: replace predictions that are there.
        json: print one JSON document.
    """
    report = run(
        predictions,
        index,
        output,
        memory=memory,
        override=override,
        known=known,
        split=split,
        part=part,
        embeddings=embeddings,
        known_embeddings=known_embeddings,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json()))
    else:
        print(
            f"{output}: {report.products:,} products, {report.exact:,} with a known image, "
            f"{report.near:,} with similar ones; {report.changed:,} changed their answer"
        )
