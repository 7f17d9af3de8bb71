"""``etalage distill``."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.blending.targets import distill as run


def distill(
    predictions: Path,
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    split: Path,
    temperature: float = 1.0,
    partial: Annotated[bool, Parameter(negative="")] = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write what a blend answers of the training products, to train on: train --teacher OUTPUT.

    Args:
        predictions: the blend's answers, or one teacher's.
        index: the INDEX that will be trained on.
        output: the PREDICTIONS folder to write.
        split: the SPLIT that will be trained with.
        temperature: below 1 sharpens the answers, above 1 softens them.
        partial: let training products be without an answer.
        yes: replace predictions that are there.
        json: print one JSON document.
    """
    report = run(
        predictions,
        index,
        output,
        split=split,
        temperature=temperature,
        partial=partial,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json()))
        return
    fold = "out of fold" if report.out_of_fold else "perhaps by models that learned from them"
    print(
        f"{output}: {report.products:,} training products answered, {fold}; "
        f"{report.agreement:.3f} of the answers are the given label; "
        f"{report.without:,} products without an answer"
    )
