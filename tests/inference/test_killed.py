"""A prediction that is killed goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from etalage.catalogue.build import index
from etalage.inference.predict import PART_PRODUCTS, predict
from etalage.predictions.manifest import UNFINISHED


@pytest.mark.slow
def test_a_killed_prediction_ends_with_the_same_bytes(
    shop: Any, product: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    empty = [product(row, []) for row in range(PART_PRODUCTS)]
    shown = [product(PART_PRODUCTS + row, [photo(row % 50)]) for row in range(3000)]
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, empty + shown)))
    index([tmp_path / "c.bson"], tmp_path / "index")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "etalage", "predict", shop.model, tmp_path / "index"]
    with subprocess.Popen([*map(str, command), "-o", str(killed)], start_new_session=True) as run:
        noted = killed / UNFINISHED  # a part counts from when it is noted
        while not (noted.is_file() and b"part-00000" in noted.read_bytes()):
            assert run.poll() is None
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
    assert not (killed / "manifest.json").exists()
    assert predict(shop.model, tmp_path / "index", killed).resumed == PART_PRODUCTS
    predict(shop.model, tmp_path / "index", whole)
    for path in [*whole.glob("part-*"), whole / "manifest.json", whole / "categories.csv"]:
        assert path.read_bytes() == (killed / path.name).read_bytes()
