from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from etalage.errors import OutputError
from etalage.generator.looks import leaf_looks
from etalage.generator.pool import DRAWING, make_pool
from etalage.generator.taxonomy import own_taxonomy

LOOKS = leaf_looks(own_taxonomy(20, seed=0))


def _drawings(count: int) -> NDArray[np.void]:
    rows = np.zeros(count, DRAWING)
    rows["leaf"] = np.arange(count) % len(LOOKS)
    rows["series"] = np.arange(count)
    return rows


@pytest.mark.slow
def test_several_processes_draw_the_same_bytes_as_one(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "many"]
    for folder in folders:
        folder.mkdir()
    with (
        closing(make_pool(folders[0], _drawings(40), LOOKS, 7)) as one,
        closing(make_pool(folders[1], _drawings(3200), LOOKS, 7)) as many,
    ):
        assert len(many) == 3200
        assert one.read(np.arange(40, dtype=np.int32)) == many.read(np.arange(40, dtype=np.int32))


@pytest.mark.slow
def test_a_process_that_fails_is_told(tmp_path: Path) -> None:
    rows = _drawings(3200)
    rows["leaf"] = len(LOOKS)
    with pytest.raises(OutputError, match="drawing failed: IndexError"):
        make_pool(tmp_path, rows, LOOKS, 7)
