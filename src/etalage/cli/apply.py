"""``etalage apply``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.calibration.apply import apply as run


def apply(
    calibration: Path,
    predictions: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write predictions with calibrated probabilities. A stopped run is gone on with.

    Args:
        calibration: the CALIBRATION file, fitted on predictions of the same making.
        predictions: the PREDICTIONS folder.
        output: the PREDICTIONS folder to write.
        yes: replace predictions that are there.
        json: print one JSON document.
    """
    report = run(calibration, predictions, output, overwrite=yes)
    if json:
        print(json_module.dumps(asdict(report)))
    else:
        print(
            f"{output}: {report.products:,} products, {report.method} calibration at temperature "
            f"{report.temperature:.3f}"
        )
