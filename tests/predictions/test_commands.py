"""The commands submit and score do what the functions do, and print it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from etalage.catalogue.taxonomy import Taxonomy
from etalage.cli.score import score
from etalage.cli.submit import submit
from etalage.predictions.table import Predictions

Maker = Callable[..., Predictions]
Write = Callable[..., Path]


@pytest.fixture
def folder(predict: Maker, write: Write, tmp_path: Path) -> Path:
    return write(tmp_path / "p", predict([10, 14]))


def test_submit_prints_what_it_wrote(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(folder, output=tmp_path / "s.csv", json=True)
    assert json.loads(capsys.readouterr().out)["products"] == 2
    submit(folder, output=tmp_path / "s.csv", expected=tmp_path / "s.csv", yes=True)
    assert capsys.readouterr().err == f"{tmp_path / 's.csv'}: 2 products\n"


def test_score_prints_tables_or_json(
    folder: Path, taxonomy: Taxonomy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "t.csv"
    truth.write_text(f"_id,category_id\n10,{taxonomy.ids[0]}\n15,{taxonomy.ids[0]}\n")
    score(folder, truth)
    printed = capsys.readouterr().out
    assert "level1" in printed
    assert "1 products without an answer count as wrong." in printed
    score(folder, truth, json=True)
    assert json.loads(capsys.readouterr().out)["products"] == 2
