"""The models that a MODEL is made of: specialists by number or rank of images.

``parts`` of ``model.json`` is a list of {name, images, count, weight}; each is a MODEL of its own
in the folder ``parts/NAME``, whose numbers are those of its own files.
"""

from pathlib import Path
from typing import Any

from etalage.errors import ModelError
from etalage.reports.training.course import course_of
from etalage.reports.training.document import PartModel
from etalage.reports.training.folder import Trained, read_trained

PARTS = "parts"


def parts_of(trained: Trained) -> list[PartModel]:
    """Return the parts of a MODEL, with what their own records say of them.

    Raises:
        ModelError: a part is not there, or damaged.
    """
    return [_part(trained.folder / PARTS, part) for part in trained.description.get(PARTS) or []]


def _part(folder: Path, part: dict[str, Any]) -> PartModel:
    name = str(part["name"])
    if not (folder / name / "model.json").is_file():
        raise ModelError(
            f"{folder / name}: has no model.json, but the model says it is a part of it",
            hint="copy the whole MODEL folder, or train it again with --yes",
        )
    found = read_trained(folder / name, answers=False)
    report = found.part("report")
    validation = report.get("validation") or {}
    return PartModel(
        name=name,
        images=str(part.get("images", "")),
        count=str(part.get("count", "")),
        weight=part.get("weight"),
        backbone=str(found.description.get("backbone", "")),
        train_products=report.get("train_products"),
        products=validation.get("products"),
        level3=validation.get("level3"),
        log_loss=validation.get("log_loss"),
        seconds=report.get("seconds"),
        checks=course_of(found.lines).checks,
    )
