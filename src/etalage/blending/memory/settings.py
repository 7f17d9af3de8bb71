"""The MEMORY artefact: how far to believe what a catalogue remembers. One JSON file, schema 1.

    artefact, schema   "memory", 1
    exact, near        {"alpha", "doubt", "sharing", "temperature"} as ``belief.Recall`` has them;
                       the temperature of similarities for near only, else null; null where the
                       memory is not asked
    neighbours         how many similar images are asked
    edges              inner edges of the bins of the network's confidence, ascending
    weights            {"exact", "near", "both"}: by who speaks, for each bin the weights of
                       network, exact and near memory, adding up to 1
    fitted_on          truth ("given" or "audited"), products, file, predictions, index, known,
                       encoder (hash of the weights that made the vectors, null without)
    found              products and log-losses by who speaks, accuracy and log-loss of all before
                       and after, neighbours_found (share of the true ones; null without)

The rule of the 2017 competition, where a known picture replaces the network's answer, is one
setting of it: ``OVERRIDE``.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.blending.memory.belief import Recall
from etalage.errors import PredictionsError
from etalage.files import read_json, refuse_existing, write_json

SCHEMA = 1
SPEAKERS = ("exact", "near", "both")
NEIGHBOURS = 20
_AGAIN = "fit it again with: etalage memory PREDICTIONS INDEX --truth TRUTH -o MEMORY --yes"
_SILENT = Recall(1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Reading:
    """How a memory is read: ``belief.Recall``, and for near the temperature of similarities."""

    alpha: float
    doubt: float
    sharing: float
    temperature: float | None = None

    @property
    def recall(self) -> Recall:
        """As compiled functions take it."""
        return Recall(self.alpha, self.doubt, self.sharing)


@dataclass(frozen=True)
class Settings:
    """What ``etalage memory`` finds and ``etalage remember`` needs; see the module."""

    exact: Reading | None
    near: Reading | None
    neighbours: int = NEIGHBOURS
    edges: tuple[float, ...] = ()
    weights: dict[str, list[list[float]]] = field(default_factory=dict)
    fitted_on: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def table(self) -> NDArray[np.float64]:
        """Return the weights by who speaks (0 nobody, 1 exact, 2 near, 3 both), (4, bins, 3)."""
        table = np.zeros((4, len(self.edges) + 1, 3))
        table[:, :, 0] = 1.0
        for number, name in enumerate(SPEAKERS, start=1):
            if name in self.weights:
                table[number] = self.weights[name]
        return table

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``read_settings`` reads."""
        return {"artefact": "memory", "schema": SCHEMA, **asdict(self)}


OVERRIDE = Settings(
    exact=Reading(alpha=0.0, doubt=1.0, sharing=0.0),
    near=None,
    weights={"exact": [[0.0, 1.0, 0.0]]},
)
"""What the competitors of 2017 did: pictures of one label, which all agree, are the answer."""


def recall_of(reading: Reading | None) -> Recall:
    """Return how a memory is read, of none anything: nobody speaks."""
    return _SILENT if reading is None else reading.recall


def write_settings(path: Path, settings: Settings, *, overwrite: bool) -> None:
    """Write a MEMORY.

    Raises:
        OutputError: it exists, or the disk refuses.
    """
    refuse_existing(path, overwrite=overwrite)
    write_json(path, settings.to_json())


def read_settings(path: Path) -> Settings:
    """Read a MEMORY.

    Raises:
        PredictionsError: absent, of another kind or schema, or its values make no sense.
    """
    record = read_json(path, PredictionsError, _AGAIN)
    if record.get("artefact") != "memory" or record.get("schema") != SCHEMA:
        raise PredictionsError(
            f"{path}: is {record.get('artefact')} of schema {record.get('schema')}, "
            f"expected memory of schema {SCHEMA}",
            hint=_AGAIN,
        )
    try:
        settings = Settings(
            exact=_reading(record["exact"]),
            near=_reading(record["near"]),
            neighbours=int(record["neighbours"]),
            edges=tuple(map(float, record["edges"])),
            weights=dict(record["weights"]),
            fitted_on=dict(record["fitted_on"]),
            found=dict(record["found"]),
        )
        sound = _is_sound(settings)
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path}: is damaged: {type(error).__name__} {error}"
        raise PredictionsError(message, hint=_AGAIN) from error
    if not sound:
        raise PredictionsError(
            f"{path}: is damaged: weights must be 0 to 1 and add up to 1 in each bin, edges "
            "ascend, alpha be at least 0, temperature over 0, doubt and sharing from 0 to 1",
            hint=_AGAIN,
        )
    return settings


def _reading(record: dict[str, Any] | None) -> Reading | None:
    return None if record is None else Reading(**record)


def _is_sound(settings: Settings) -> bool:
    table = settings.table()
    readings = [reading for reading in (settings.exact, settings.near) if reading is not None]
    return bool(
        (table >= 0).all()
        and np.allclose(table.sum(axis=2), 1, atol=1e-6)
        and (np.diff(settings.edges) > 0).all()
        and all(0 <= reading.doubt <= 1 and 0 <= reading.sharing <= 1 for reading in readings)
        and all(reading.alpha >= 0 for reading in readings)
        and (settings.near is None or (settings.near.temperature or 0) > 0)
        and settings.neighbours >= 1
    )
