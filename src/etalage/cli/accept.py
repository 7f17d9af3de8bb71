"""``etalage accept``."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.selective.accept import accept as write_accepted

_NAMES = {3: "leaves", 2: "categories of level 2", 1: "categories of level 1"}


def accept(
    predictions: Path,
    thresholds: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write which answers may be used unseen, on which level, and what must be reviewed.

    Args:
        predictions: a PREDICTIONS folder.
        thresholds: a THRESHOLDS file made on predictions of the same model.
        output: a file named .parquet or .csv: product, answer, level, category, confidence.
        yes: replace a file that is there.
        json: print the counts as one JSON document.
    """
    done = write_accepted(predictions, thresholds, output, overwrite=yes)
    for difference in done.other_origin:
        print(
            f"warning: made otherwise than what the thresholds are for: {difference}",
            file=sys.stderr,
        )
    if json:
        print(json_module.dumps(done.to_json(), ensure_ascii=False))
        return
    print(f"{sum(done.automatic.values()):,} of {done.products:,} products are answered unseen:")
    for level, count in done.automatic.items():
        print(f"  {count:,} {_NAMES[level]}")
    print(f"{done.review:,} to review.\n{done.statement}")
