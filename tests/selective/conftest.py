"""A shop of predictions with audited decisions of a third of its products."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from calibration.simulated import Simulated
from etalage.selective.document import Thresholds
from etalage.selective.thresholds import thresholds
from selective.invented import invent


@dataclass(frozen=True)
class Audited:
    """Predictions, a truth of all and decisions on a third of their products."""

    made: Simulated
    predictions: Path
    truth: Path
    decisions: Path


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("shop")
    made = invent(12_000)
    return Audited(
        made,
        made.write(folder / "p", rows=5000),
        made.write_truth(folder / "t.csv"),
        made.write_truth(folder / "audited.csv", slice(0, None, 3)),
    )


@pytest.fixture(scope="session")
def made(shop: Audited, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Thresholds]:
    """THRESHOLDS of at most a tenth of errors, and what they hold."""
    path = tmp_path_factory.mktemp("thresholds") / "t.json"
    return path, thresholds(shop.predictions, path, precision=0.9, audited=shop.decisions)
