"""The demo, small: it ends with a table that compares the model with what it has to beat."""

from pathlib import Path
from typing import Any

import pytest

from etalage.demo import clear

SMALL = ["--products", 400, "--categories", 20]


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_can_be_run_again(tmp_path: Path, etalage: Any) -> None:
    first = etalage("demo", "-o", tmp_path / "demo", *SMALL)
    assert first.code == 0
    for words in ("all images", "one image", "most frequent", "seconds", "etalage classify"):
        assert words in first.out
    assert (tmp_path / "demo/submission.csv").is_file()
    assert etalage("demo", "-o", tmp_path / "demo", *SMALL).code == 1
    again = etalage("demo", "-o", tmp_path / "demo", *SMALL, "--yes")
    assert again.out.split("stage")[0] == first.out.split("stage")[0]


def test_a_demo_killed_at_its_beginning_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo/.catalogue.part").mkdir(parents=True)
    clear(tmp_path / "demo", overwrite=True)
    assert list((tmp_path / "demo").iterdir()) == []


def test_the_demo_replaces_nothing_but_a_demo(tmp_path: Path, etalage: Any) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/thesis.txt").write_text("years of work")
    run = etalage("demo", "-o", tmp_path / "demo", "--yes")
    assert run.code == 1
    assert "is no earlier demo" in run.err
    assert (tmp_path / "demo/thesis.txt").is_file()
