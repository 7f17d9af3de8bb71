"""``etalage submit``."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.predictions.submission import expected_products
from etalage.predictions.submission import submit as write_submission


def submit(
    predictions: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    expected: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write the submission file of predictions: one line and one category for each product.

    Args:
        predictions: a finished PREDICTIONS folder.
        output: the file to write; .csv, or .zip to have it zipped.
        expected: an INDEX or a sample submission: exactly its products must be there.
        yes: replace a file that is there.
        json: print one JSON document.
    """
    products = None if expected is None else expected_products(expected)
    rows = write_submission(predictions, output, expected=products, overwrite=yes)
    if json:
        print(json_module.dumps({"submission": str(output), "products": rows}))
    else:
        print(f"{output}: {rows:,} products", file=sys.stderr)
