"""The models that a MODEL is made of: specialists by number or rank of images.

``parts`` of ``model.json`` lists them; each is a MODEL folder inside this one.
"""

from pathlib import Path
from typing import Any

from etalage.errors import ModelError
from etalage.files import read_json
from etalage.reports.training.document import PartModel
from etalage.reports.training.folder import DESCRIPTION, RUN, Trained

_AGAIN = "train it again with --yes"
_PLACES = ("folder", "path", "model", "name")


def parts_of(trained: Trained) -> list[PartModel]:
    """Return the parts of a MODEL, with what their own records say of them."""
    parts = trained.description.get("parts") or []
    if isinstance(parts, dict):
        parts = [{"folder": name, **_object(part)} for name, part in parts.items()]
    return [_part(trained.folder, part) for part in parts]


def _object(part: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    return part if isinstance(part, dict) else {"folder": str(part)}


def _part(folder: Path, part: Any) -> PartModel:  # noqa: ANN401  any JSON value
    known = _object(part)
    name = next((str(known[key]) for key in _PLACES if key in known), "")
    about = [f"{key} {value}" for key, value in known.items() if key not in _PLACES]
    description, record = _read(folder / name / DESCRIPTION), _read(folder / name / RUN)
    report = record.get("report") or {}
    validation = report.get("validation") or {}
    return PartModel(
        name=name,
        about=", ".join(about),
        backbone=str(description.get("backbone", "")),
        products=validation.get("products"),
        level3=validation.get("level3"),
        seconds=report.get("seconds"),
    )


def _read(path: Path) -> dict[str, Any]:
    return read_json(path, ModelError, _AGAIN) if path.is_file() else {}
