"""``etalage thresholds``."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.calibration.noise import Noise
from etalage.errors import ConfigError
from etalage.selective.document import Thresholds
from etalage.selective.summary import few, scores_line, thresholds_table, unmet
from etalage.selective.thresholds import thresholds as make_thresholds


def thresholds(
    predictions: Path,
    /,
    *,
    precision: float,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    audited: Path | None = None,
    truth: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    noise: float | None = None,
    noise_interval: tuple[float, float] | None = None,
    confidence: float = 0.95,
    by: str = "all",
    jointly: bool = False,
    back_off: bool = True,
    score: str | None = None,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Choose from which confidence on an answer may be used unseen.

    A promise ("of the automatic answers at most 2 % are wrong") is made on audited decisions only;
    with given labels the same is found for agreement with them, and promises nothing.

    Args:
        predictions: a PREDICTIONS folder.
        precision: share of the automatic answers that are right: 0.98 for at most 2 % errors.
        output: the THRESHOLDS file to write.
        audited: what a person decided, blind, on a random sample of these products: CSV or LABELS.
        truth: given labels: a labelled INDEX, LABELS or a CSV; used where audited are too few.
        split: a SPLIT; only products of one of its parts.
        part: of the split, else a word in column "part".
        noise: share of the given labels that are wrong.
        noise_interval: between what it lies, two numbers.
        confidence: the probability with which a promise holds.
        by: one promise for all, for each level1 branch, or for each category (pooled where few).
        jointly: all promises hold at once with this probability, not each by itself.
        back_off: answer the category of level 2 or 1 that is sure where no leaf is.
        score: half-margin, max-probability, margin, entropy or p-norm; by default the best.
        seed: of the lot that divides the labelled products.
        yes: replace a file that is there.
        json: print the file as one JSON document.
    """
    made = make_thresholds(
        predictions,
        output,
        precision=precision,
        truth=truth,
        audited=audited,
        split=split,
        part=part,
        noise=noise_of(noise, noise_interval),
        confidence=confidence,
        by=by,
        jointly=jointly,
        back_off=back_off,
        score=score,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(made.to_json(), ensure_ascii=False))
    else:
        _show(made)
    for sentence in few(unmet(made)):
        print(f"not met: {sentence}", file=sys.stderr)


def _show(made: Thresholds) -> None:
    rows = thresholds_table(made)
    title = f"{made.fitted_on['testing']:,} testing products, {made.truth} labels"
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number > 1 else "left")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)
    print(f"{made.statement}\n{scores_line(made)}")


def noise_of(rate: float | None, interval: tuple[float, float] | None) -> Noise | None:
    """Return the noise that two options say.

    Raises:
        ConfigError: an interval without a rate, or out of range.
    """
    if rate is None:
        if interval is not None:
            raise ConfigError(f"--noise-interval {interval[0]:g} {interval[1]:g}: without --noise")
        return None
    low, high = interval or (rate, rate)
    return Noise(rate, low, high)
