"""What of a training's numbers is drawn."""

from collections.abc import Iterator
from typing import Any, TypeVar

from markupsafe import Markup

from etalage.reports.page import Document
from etalage.reports.training import plots
from etalage.reports.training.confidence import Column, Covered, Reliable
from etalage.reports.training.confusion import Matrix
from etalage.reports.training.groups import Group, Rate

_Row = TypeVar("_Row")
_LEVELS = {"leaf": "level3", "level 2": "level2", "level 1": "level1"}


def draw(document: Document) -> dict[str, Markup]:
    """Draw the figures for which there are numbers."""
    return dict(_draw_course(document)) | dict(_draw_answers(document))


def _draw_course(document: Document) -> Iterator[tuple[str, Markup]]:
    moments, checks = document["course"]["moments"], document["course"]["checks"]
    kept = document["result"]["best_step"] if checks else None
    losses = [_line("training", moments, "loss"), _line("validation", checks, "log_loss")]
    if found := [line for line in losses if line.x]:
        yield "loss", plots.lines("loss", found, "loss", kept=kept)
    known = {"leaf": "level3"} if document["flat"] else _LEVELS
    levels = [_line(name, checks, level, times=100) for name, level in known.items()]
    if found := [line for line in levels if line.x]:
        yield "accuracy", plots.lines("accuracy", found, "% right", kept=kept)
    for name, title in (
        ("learning_rate", "learning rate"),
        ("products_per_second", "products/s"),
        ("images_per_second", "images/s"),
        ("image_size", "pixels"),
    ):
        line = _line(title, moments, name)
        if line.x:
            yield name, plots.lines(name, [line], title)


def _line(name: str, rows: list[dict[str, Any]], key: str, times: float = 1) -> plots.Line:
    known = [row for row in rows if row[key] is not None]
    return plots.Line(name, [row["step"] for row in known], [times * row[key] for row in known])


def _draw_answers(document: Document) -> Iterator[tuple[str, Markup]]:
    if not document["groups"]:
        return
    for name, x in (
        ("by_images", "images of the product"),
        ("by_frequency", "training products of the category"),
    ):
        if rows := document["groups"][name]:
            yield name, plots.groups(name, [_group(row) for row in rows], x)
    if document["confusion"]["matrix"]:
        yield "matrix", plots.matrix("matrix", Matrix(**document["confusion"]["matrix"]))
    confidence = document["confidence"]
    reliable = [
        Reliable(**row | {"accuracy": Rate(**row["accuracy"])}) for row in confidence["reliability"]
    ]
    yield "reliability", plots.reliability("reliability", reliable)
    yield "columns", plots.histogram("columns", _made(Column, confidence["columns"]))
    yield "risk", plots.risk("risk", _made(Covered, confidence["curve"]))


def _group(row: dict[str, Any]) -> Group:
    rates = {
        key: Rate(**row[key]) if row[key] else None
        for key in ("level1", "level2", "level3", "top5")
    }
    return Group(**row | rates)


def _made(kind: type[_Row], rows: list[dict[str, Any]]) -> list[_Row]:
    return [kind(**row) for row in rows]
