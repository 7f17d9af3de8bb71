"""``etalage score``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.calibration.noise import noise_given
from etalage.files import refuse_existing
from etalage.scoring import tables
from etalage.scoring.score import Score
from etalage.scoring.score import score as compare


def score(
    answer: Path,
    truth: Path,
    /,
    *,
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    index: Path | None = None,
    known: Path | None = None,
    audited: Path | None = None,
    noise: float | None = None,
    noise_interval: Annotated[tuple[float, float] | None, Parameter(consume_multiple=True)] = None,
    against: Path | None = None,
    html: Path | None = None,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Compare predictions or a submission with the truth.

    Args:
        answer: a PREDICTIONS folder, or a submission (.csv, or zipped).
        truth: a labelled INDEX, or a CSV file with the columns _id and category_id.
        taxonomy: category_names.csv; the predictions and an INDEX bring their own.
        split: a SPLIT; only the products of one of its parts are scored, its train was learned.
        part: train, validation or test of the split; else a word in column "part" of the truth.
        index: the INDEX of the scored products: their images, copies and label conflicts.
        known: the INDEX learned from: which images are known, which categories are frequent.
        audited: blind decisions on a random sample of the products, in the form of a truth.
        noise: the share of given labels that are wrong, to take it out of the accuracy.
        noise_interval: between what that share lies.
        against: other predictions or another submission: is one really better?
        html: also write a page that shows everything.
        seed: of the resamples behind the intervals.
        yes: replace a page that is there.
        json: print one JSON document.
    """
    if html is not None:
        refuse_existing(html, overwrite=yes)
    result = compare(
        answer,
        truth,
        taxonomy=taxonomy,
        split=split,
        part=part,
        index=index,
        known=known,
        audited=audited,
        noise=noise_given(noise, noise_interval),
        against=against,
        seed=seed,
    )
    if html is not None:
        from etalage.reports.score.make import write_score_page

        write_score_page(result, answer, html, overwrite=yes)
    if json:
        print(json_module.dumps(result.to_json(), ensure_ascii=False))
    else:
        _show(result, truth)


def _show(result: Score, truth: Path) -> None:
    console = Console()
    split = _of_split(result.truth)
    console.print(_table(f"Agreement with {truth}{split}", tables.score_table(result)))
    console.print(
        _table("Leaf accuracy by frequency of the category", tables.frequency_table(result))
    )
    console.print(_table("Leaf accuracy in other views", tables.view_table(result)))
    console.print(_table("Means over categories", tables.macro_table(result)))
    if result.confusions.ranked:
        console.print(_table("Most expensive confusions", tables.confusion_table(result)))
    if result.comparison is not None:
        title = f"Compared with {result.comparison.against}"
        console.print(_table(title, tables.comparison_table(result.comparison)))
    for sentence in tables.sentences(result):
        print(sentence)


def _of_split(truth: dict[str, Any]) -> str:
    """Say which products were scored, and whether copies of them were kept out of training."""
    if truth["split"] is None:
        return "" if truth["part"] is None else f", part {truth['part']}"
    by = {"duplicates": "by duplicates", "product": "at random by product: copies leak"}
    return f", part {truth['part']} of {truth['split']} (split {by.get(truth['by'], 'unknown')})"


def _table(title: str, rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*row)
    return table
