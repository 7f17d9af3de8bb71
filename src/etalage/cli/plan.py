"""``etalage plan``."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.cli.thresholds import noise_of
from etalage.files import refuse_existing
from etalage.reports.plan.make import write_plan_page
from etalage.selective.plan import Plan
from etalage.selective.plan import plan as make_plan
from etalage.selective.summary import few


def plan(
    predictions: Path,
    /,
    *,
    precision: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    minutes: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
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
    html: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Tell what a precision costs: automatic share, reviews, hours, expected errors left.

    Args:
        predictions: a PREDICTIONS folder: the products to plan for.
        precision: shares of right answers among the automatic ones: 0.95, 0.98 and 0.99.
        minutes: that a review takes: 0.5.
        audited: what a person decided, blind, on a random sample of these products: CSV or LABELS.
        truth: given labels: a labelled INDEX, LABELS or a CSV; used where audited are too few.
        split: a SPLIT; only products of one of its parts are compared with the truth.
        part: of the split, else a word in column "part".
        noise: share of the given labels that are wrong.
        noise_interval: between what it lies, two numbers.
        confidence: the probability with which a promise holds.
        by: one promise for all, for each level1 branch, or for each category (pooled where few).
        jointly: all promises hold at once with this probability, not each by itself.
        back_off: answer the category of level 2 or 1 that is sure where no leaf is.
        score: half-margin, max-probability, margin, entropy or p-norm; by default the best.
        seed: of the lot that divides the labelled products.
        html: a page to write.
        yes: replace a page that is there.
        json: print one JSON document.
    """
    if html is not None:
        refuse_existing(html, overwrite=yes)
    made = make_plan(
        predictions,
        precision=precision or [0.95, 0.98, 0.99],
        minutes=minutes or [0.5],
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
    )
    if html is not None:
        write_plan_page(made, html, name=predictions.name, overwrite=yes)
    if json:
        print(json_module.dumps(made.to_json(), ensure_ascii=False))
    else:
        _show(made)
    for target in made.targets:
        for sentence in few(target.unmet):
            print(f"not met: {sentence}", file=sys.stderr)


def _show(made: Plan) -> None:
    labels = "audited" if made.truth == "audited" else "given labels, which promise nothing"
    title = f"{made.products:,} products; {made.labelled:,} {labels}"
    table = Table(title=title, title_justify="left")
    heads = ["precision", "automatic", "leaf", "level 2", "level 1", "reviews"]
    heads += [f"hours at {each:g} min" for each in made.minutes]
    for head in [*heads, "errors left"]:
        table.add_column(head, justify="right")
    for target in made.targets:
        cost = target.total
        counts = [cost.leaf, cost.level2, cost.level1, cost.reviews]
        table.add_row(
            f"{target.precision:g}",
            f"{100 * cost.share:.1f} %",
            *(f"{count:,}" for count in counts),
            *(f"{each.hours:,.1f}" for each in cost.hours),
            f"{cost.errors:,.0f} ({cost.errors_low:,.0f} to {cost.errors_high:,.0f})",
        )
    # A pipe has no width of its own, and columns are not to be cut for it.
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    for target in made.targets:
        print(f"{target.precision:g}: {target.statement}")
