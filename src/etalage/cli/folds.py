"""``etalage folds``."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def folds(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    split: Path,
    count: int = 5,
    recipe: str = "frozen",
    weights: str = "pretrained",
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    embeddings: Path | None = None,
    top: int = 20,
    seed: int = 0,
    device: str = "auto",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Answer every training product by a head that has not seen it. A stopped run is gone on with.

    Args:
        index: the INDEX.
        output: the PREDICTIONS folder to write.
        split: the SPLIT of that index; its parts train and validation are answered.
        count: number of folds.
        recipe: one with a frozen backbone.
        weights: of the backbone: pretrained (from the hub), none, a file, or a MODEL.
        settings: change a value of the recipe, as in --set epochs=3; may be given again.
        embeddings: EMBEDDINGS to learn from; made where there are none.
        top: how many categories to keep of each product.
        seed: of the folds and the trainings.
        device: auto, cpu, cuda, cuda:1...
        yes: replace predictions that are there.
        json: print one JSON document.
    """
    from etalage.cli.train import pairs
    from etalage.training.folds import folds as run  # PyTorch takes seconds to load

    report = run(
        index,
        output,
        split=split,
        count=count,
        recipe=recipe,
        weights=weights,
        settings=pairs(settings),
        embeddings=embeddings,
        top=top,
        seed=seed,
        device=device,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json()))
    else:
        print(
            f"{output}: {report.products:,} products answered by {report.folds} heads, "
            f"{report.accuracy:.3f} of them as they are labelled"
        )
