"""The page of a MODEL: its files read, counted once, said as a page and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from etalage.catalogue.index import Index, open_index
from etalage.reports.page import Document, Pictures, render
from etalage.reports.training.answered import Answered, join
from etalage.reports.training.confidence import measure_confidence
from etalage.reports.training.confusion import find_confusion
from etalage.reports.training.course import course_of
from etalage.reports.training.document import SCHEMA, TrainingReport, Value
from etalage.reports.training.drawn import draw
from etalage.reports.training.examples import choose_examples
from etalage.reports.training.folder import (
    Trained,
    given_labels,
    read_trained,
    require_same_index,
)
from etalage.reports.training.groups import group_products
from etalage.reports.training.parts import parts_of

_RESULT = (
    "train_products", "images", "unreadable", "without_images", "epochs", "steps", "best_step",
    "temperature", "calibrated_log_loss", "seconds",
)  # fmt: skip
_VALIDATION = ("products", "level1", "level2", "level3", "log_loss")
_UNKNOWN_RUN = {"time": "", "etalage": "", "command": "not recorded", "machine": ""}


def training_page(folder: Path, *, index: Path | None = None) -> tuple[Document, str]:
    """Return the numbers of a MODEL and the page that shows them: the same every time.

    Args:
        folder: the MODEL.
        index: the INDEX it was trained on, for pictures.

    Raises:
        ModelError, PredictionsError: damaged files.
        CatalogueError: no index, or another one than the model was trained on.
    """
    trained = read_trained(folder)
    opened = open_index(index) if index else None
    if opened:
        require_same_index(trained, opened)
    document = asdict(describe(trained, opened))
    pictures = Pictures(opened, _picture_rows(document)) if opened else None
    return document, render("training.html", document, draw(document), pictures)


def describe(trained: Trained, index: Index | None = None) -> TrainingReport:
    """Count everything that the page says."""
    labels = given_labels(trained, index)
    answered = _answered(trained, labels)
    counts = trained.training_products(answered.taxonomy) if answered else None
    identity = trained.part("identity")
    recipe = identity.get("recipe") or {}
    return TrainingReport(
        schema=SCHEMA,
        name=trained.folder.resolve().name,
        made_from={name: identity.get(name) for name in ("index", "split", "taxonomy", "seed")},
        result=_result(trained),
        recipe=str(recipe.get("name", "")),
        settings=[Value(name, _text(value)) for name, value in recipe.items() if name != "name"],
        changed=_changed(trained, recipe),
        derived=[Value(name, _text(value)) for name, value in trained.part("plan").items()],
        course=course_of(trained.lines),
        flat=trained.is_flat,
        answers=trained.answers is not None,
        labels=labels is not None,
        unlabelled=0 if labels is None else int((labels < 0).sum()),
        groups=group_products(answered, counts) if answered else None,
        confusion=find_confusion(answered, index) if answered else None,
        confidence=measure_confidence(answered) if answered else None,
        examples=choose_examples(answered, index) if answered else None,
        pictures=index is not None,
        parts=parts_of(trained),
        run=_UNKNOWN_RUN | trained.part("run"),
    )


def _answered(trained: Trained, labels: Any) -> Answered | None:  # noqa: ANN401
    if trained.answers is None or labels is None:
        return None
    return join(trained.answers, labels)


def _result(trained: Trained) -> dict[str, Any]:
    report = trained.part("report")
    validation = report.get("validation") or {}
    found = {name: report.get(name) for name in _RESULT}
    return found | {"validation": {name: validation.get(name) for name in _VALIDATION}}


def _changed(trained: Trained, recipe: dict[str, Any]) -> list[Value] | None:
    changed = trained.record.get("changed")
    if not isinstance(changed, dict):
        return None
    return [Value(name, _text(recipe.get(name)), _text(before)) for name, before in changed.items()]


def _text(value: Any) -> str:  # noqa: ANN401  any JSON value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _picture_rows(document: Document) -> Iterator[int]:
    confusion, examples = document["confusion"], document["examples"]
    shown = [each for pair in (confusion or {"ranked": []})["ranked"] for each in pair["shown"]]
    for kind in (examples or {}).values():
        shown += kind
    for each in shown:
        yield from each["rows"]
