"""The page of a score: the JSON of ``etalage score``, what was scored and when, as HTML."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from etalage.files import run_record, whole_file
from etalage.reports.page import Document, render
from etalage.reports.score import plots
from etalage.scoring.score import Score

SCHEMA = 1
_DRAWN = (
    ("by_images", "images", "images of the product"),
    ("by_decile", "decile", "decile of the category by frequency"),
)


def score_page(result: Score, answer: Path) -> tuple[Document, str]:
    """Return the numbers of a score and the page that shows them.

    Args:
        result: the score.
        answer: what was scored.
    """
    document = {"schema": SCHEMA, "name": answer.resolve().name} | result.to_json()
    document |= {"flat": result.accuracy.level2 is None, "run": run_record()}
    return document, render("score.html", document, dict(_draw(document)))


def write_score_page(result: Score, answer: Path, output: Path, *, overwrite: bool = False) -> None:
    """Write the page, whole or not at all.

    Raises:
        OutputError: ``output`` exists, or cannot be written.
    """
    _, page = score_page(result, answer)
    with whole_file(output, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _draw(document: dict[str, Any]) -> Iterator[tuple[str, Markup]]:
    if document["top"]:
        yield "top", plots.curve("top", document["top"])
    for name, key, x in _DRAWN:
        if document[name]:
            yield name, plots.groups(name, document[name], key, x)
