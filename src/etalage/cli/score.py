"""``etalage score``."""

import json as json_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from etalage.predictions.score import frequency_table, score_table
from etalage.predictions.score import score as compare


def score(
    answer: Path,
    truth: Path,
    /,
    *,
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    index: Path | None = None,
    json: bool = False,
) -> None:
    """Compare predictions or a submission with the truth.

    Args:
        answer: a PREDICTIONS folder, or a submission (.csv, or zipped).
        truth: a labelled INDEX, or a CSV file with the columns _id and category_id.
        taxonomy: category_names.csv; the predictions and an INDEX bring their own.
        split: a SPLIT; only the products of one of its parts are scored.
        part: train, validation or test of the split; else a word in column "part" of the truth.
        index: an INDEX that says how many images each product has.
        json: print one JSON document.
    """
    result = compare(answer, truth, taxonomy=taxonomy, split=split, part=part, index=index)
    if json:
        print(json_module.dumps(result.to_json(), ensure_ascii=False))
        return
    console = Console()
    console.print(_table(f"Accuracy against {truth}{_of_split(result.truth)}", score_table(result)))
    console.print(_table("Leaf accuracy by frequency of the category", frequency_table(result)))
    if result.missing or result.extra:
        print(f"{result.missing:,} products without an answer count as wrong.")
        print(f"{result.extra:,} answers to other products do not count.")


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
