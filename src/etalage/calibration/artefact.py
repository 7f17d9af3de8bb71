"""The CALIBRATION artefact: how probabilities are made honest, and how honest they then are.

One JSON file, schema 1::

    {"artefact": "calibration", "schema": 1,
     "method": "temperature" | "isotonic",
     "temperature": 1.37,
     "isotonic": null | {"x": [0.0, ..., 1.0], "y": [...]},
     "fitted_on": {"truth": "given" | "audited", "products": 958, "file": "truth.csv",
                   "split": null, "part": null, "predictions": "P",
                   "fingerprint": "...", "categories": "...",
                   "noise": null | {"rate": 0.1, "low": 0.08, "high": 0.12}},
     "before": {...}, "after": {...}}

``fingerprint`` is that of the predictions' manifest, ``categories`` the hash of their taxonomy.
``before`` and ``after`` are ``etalage.calibration.measure.Figures``. Probabilities take the
temperature first, then the isotonic map of the first category.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from etalage.calibration.evidence import Evidence
from etalage.calibration.isotonic import Isotonic, with_isotonic
from etalage.calibration.temperature import with_temperature
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.files import read_json, refuse_existing, write_json
from etalage.predictions.manifest import taxonomy_hash
from etalage.predictions.table import Predictions

SCHEMA = 1
IN_MODEL = "calibration.json"
"""Its name in a MODEL folder: ``predict`` finds it there."""
_AGAIN = "make it again with: etalage calibrate PREDICTIONS --truth TRUTH -o CALIBRATION --yes"

_Table = TypeVar("_Table", Predictions, Evidence)


@dataclass(frozen=True)
class Calibration:
    """What is done to probabilities.

    Attributes:
        temperature: what logarithms of probabilities are divided by.
        isotonic: the map of the confidence of the first category after that, or None.
        fitted_on: the truth and the predictions it was fitted on, for people and programs.
        before: figures of these predictions as they were.
        after: as they are with a calibration fitted on other products of theirs.
    """

    temperature: float = 1.0
    isotonic: Isotonic | None = None
    fitted_on: dict[str, Any] | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    @property
    def method(self) -> str:
        """``temperature`` or ``isotonic``."""
        return "temperature" if self.isotonic is None else "isotonic"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``read_calibration`` reads."""
        return {"artefact": "calibration", "schema": SCHEMA, "method": self.method, **asdict(self)}


def apply_to(calibration: Calibration, table: _Table, leaves: int) -> _Table:
    """Return predictions, or evidence, with calibrated probabilities; answers stay what they are.

    Args:
        calibration: what to do.
        table: predictions or evidence.
        leaves: number of categories.
    """
    probabilities, rest = with_temperature(
        table.probabilities, table.rest, leaves, calibration.temperature
    )
    if calibration.isotonic is not None:
        probabilities, rest = with_isotonic(probabilities, rest, leaves, calibration.isotonic)
    return replace(table, probabilities=probabilities, rest=rest)


def write_calibration(calibration: Calibration, path: Path, *, overwrite: bool = False) -> None:
    """Write the file, whole or not at all.

    Raises:
        OutputError: it exists and may not be replaced, or the disk refuses.
    """
    refuse_existing(path, overwrite=overwrite)
    write_json(path, calibration.to_json())


def read_calibration(path: Path) -> Calibration:
    """Read the file.

    Raises:
        PredictionsError: no such file, another schema, or damaged.
    """
    document = read_json(path, PredictionsError, hint=_AGAIN)
    if document.get("artefact") != "calibration" or document.get("schema") != SCHEMA:
        raise PredictionsError(
            f"{path}: is {document.get('artefact')} of schema {document.get('schema')}, expected "
            f"calibration of schema {SCHEMA}",
            hint=_AGAIN,
        )
    try:
        return _from_json(document)
    except (KeyError, TypeError, ValueError, IndexError) as cause:
        raise PredictionsError(f"{path}: is damaged: {cause}", hint=_AGAIN) from cause


def require_taxonomy(calibration: Calibration, path: Path, taxonomy: Taxonomy) -> None:
    """Check that a calibration was fitted on predictions of the same categories.

    Raises:
        PredictionsError: it was not.
    """
    fitted_on = (calibration.fitted_on or {}).get("categories")
    if fitted_on not in (None, taxonomy_hash(taxonomy)):
        raise PredictionsError(
            f"{path}: was fitted on predictions of another taxonomy, not of these "
            f"{len(taxonomy):,} categories",
            hint=_AGAIN,
        )


def _from_json(document: dict[str, Any]) -> Calibration:
    temperature, points = float(document["temperature"]), document["isotonic"]
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature of {temperature}")
    isotonic = None if points is None else Isotonic(tuple(points["x"]), tuple(points["y"]))
    if isotonic is not None and not _rises(isotonic):
        raise ValueError("its isotonic map does not rise from 0 to 1")
    rest = (document.get(name) for name in ("fitted_on", "before", "after"))
    return Calibration(temperature, isotonic, *rest)


def _rises(isotonic: Isotonic) -> bool:
    x, y = isotonic.x, isotonic.y
    ordered = list(x) == sorted(x) and list(y) == sorted(y)
    within = y[0] >= 0 and y[-1] <= 1 and (x[0], x[-1]) == (0, 1)
    return len(x) == len(y) and ordered and within
