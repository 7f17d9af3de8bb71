"""Predictions twice as sure as they should be, with their truth."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from calibration.simulated import Simulated, simulate
from etalage.calibration.evidence import Evidence, gather
from etalage.predictions.truth import read_truth


@dataclass(frozen=True)
class Files:
    """What lies in a folder."""

    made: Simulated
    predictions: Path
    truth: Path
    evidence: Evidence


@pytest.fixture(scope="session")
def overconfident(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Three thousand products of 24 categories, top 20, logits doubled."""
    folder = tmp_path_factory.mktemp("overconfident")
    made = simulate(3000, leaves=24, temperature=2.0)
    predictions, truth = made.write(folder / "p"), made.write_truth(folder / "t.csv")
    return Files(made, predictions, truth, gather(predictions, read_truth(truth)))
