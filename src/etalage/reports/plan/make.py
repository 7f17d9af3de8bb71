"""The page of a plan: what each precision costs, its numbers and figures in one HTML file."""

from pathlib import Path

from etalage.files import run_record, whole_file
from etalage.reports.page import Document, render
from etalage.reports.plan.drawn import draw
from etalage.selective.plan import Plan

_LEVELS = {3: "leaf", 2: "level 2", 1: "level 1"}


def plan_page(made: Plan, name: str) -> tuple[Document, str]:
    """Return the numbers of a plan and the page that shows them.

    Args:
        made: the plan.
        name: of the predictions, to show.
    """
    document: Document = made.to_json() | {"name": name, "run": run_record()}
    for target in document["targets"]:
        for level in target["levels"]:
            level["name"] = _LEVELS[level["level"]]
        target["percent"] = _percent(target["precision"])
    document["scores"] = _scores(made)
    document["each"] = [f"{minutes:g} min" for minutes in made.minutes]
    return document, render("plan.html", document, draw(made))


def write_plan_page(made: Plan, output: Path, *, name: str, overwrite: bool = False) -> None:
    """Write the page of a plan.

    Raises:
        OutputError: ``output`` exists, or cannot be written.
    """
    _, page = plan_page(made, name)
    with whole_file(output, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _scores(made: Plan) -> list[Document]:
    """Return a row for each level and score: its area, and whether it was chosen."""
    chosen = {each.level: each.score for each in made.curves}
    return [
        {
            "name": _LEVELS[level],
            "score": score,
            "chosen": "yes" if chosen[level] == score else "",
            **found,
        }
        for level, scores in made.areas.items()
        for score, found in scores.items()
    ]
