"""A generated catalogue that the tests of this folder look at."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pytest

from etalage.generator import SynthReport, synth

Rows = Callable[[str], list[dict[str, str]]]


class Made(NamedTuple):
    """A generated catalogue: its folder, its report, and readers of its files."""

    folder: Path
    report: SynthReport

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file."""
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def documents(self, name: str) -> list[dict[str, Any]]:
        """Return the documents of a BSON file, read by MongoDB's own library."""
        return list(bson.decode_all((self.folder / name).read_bytes()))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """3,000 products, every picture drawn from a few hundred drawings."""
    folder = tmp_path_factory.mktemp("synth") / "catalogue"
    return Made(folder, synth(folder, products=3000, seed=5, fresh_drawings=700))
