"""A blend on disk: aligned by product, out of core, resumed, or refused with numbers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from blending.conftest import Three, invent, write
from etalage.blending import write as module
from etalage.blending.means import blended, make_mean, stack
from etalage.blending.write import blend
from etalage.errors import OutputError, PredictionsError
from etalage.predictions.folder import read_predictions
from etalage.predictions.manifest import UNFINISHED

Make = Callable[..., Three]


def test_a_blend_answers_every_product_in_the_order_of_the_first(
    three: Make, tmp_path: Path
) -> None:
    made = three()
    report = blend(made.folders, tmp_path / "b", mean="geometric", weights=[3, 2, 1])
    found = read_predictions(tmp_path / "b")
    expected = blended(stack(made.tables, 12), make_mean("geometric", 3, [3, 2, 1]), 6)
    assert found.product_ids.equals(made.tables[0].product_ids)
    assert (found.categories == expected[0]).all()
    assert (report.products, report.members, report.reordered) == (300, 3, 0)
    assert found.source["blend"]["weights"] == [0.5, 2 / 6, 1 / 6]
    assert [each["source"]["model"] for each in found.source["blend"]["members"]] == [
        "m0", "m1", "m2",
    ]  # fmt: skip


def test_the_parts_of_the_models_do_not_change_a_byte(
    three: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_PRODUCTS", 128)
    made = three()
    blend(made.folders, tmp_path / "b")
    again = [
        write(tmp_path / "n" / f"m{at}", table, rows=999) for at, table in enumerate(made.tables)
    ]
    blend(again, tmp_path / "c")
    parts = sorted(path.name for path in (tmp_path / "b").glob("part-*"))
    assert len(parts) == 3
    for name in parts:
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_products_in_another_order_are_found_by_their_id(three: Make, tmp_path: Path) -> None:
    made = three()
    blend(made.folders, tmp_path / "b")
    order = np.random.default_rng(1).permutation(300)
    mixed = write(tmp_path / "mixed" / "m1", made.tables[1].take(order))
    report = blend([made.folders[0], mixed, made.folders[2]], tmp_path / "c")
    assert report.reordered == 1
    for path in (tmp_path / "b").glob("part-*"):
        assert path.read_bytes() == (tmp_path / "c" / path.name).read_bytes()
    assert not list(tmp_path.glob(".c*"))


def test_a_stopped_blend_ends_with_the_same_bytes(
    three: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_PRODUCTS", 64)
    made = three()
    order = np.random.default_rng(1).permutation(300)
    folders = [made.folders[0], write(tmp_path / "mixed", made.tables[1].take(order))]
    blend(folders, tmp_path / "whole")
    blend(folders, tmp_path / "b")
    (tmp_path / "b/manifest.json").rename(tmp_path / "b" / UNFINISHED)
    for number in (3, 4):
        (tmp_path / f"b/part-0000{number}.parquet").unlink()
    assert blend(folders, tmp_path / "b").resumed == 192
    for path in [*(tmp_path / "whole").glob("part-*"), tmp_path / "whole/manifest.json"]:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_stopped_blend_is_not_gone_on_with_by_other_weights(three: Make, tmp_path: Path) -> None:
    made = three()
    blend(made.folders, tmp_path / "b")
    (tmp_path / "b/manifest.json").rename(tmp_path / "b" / UNFINISHED)
    with pytest.raises(PredictionsError, match=r"begun from something else: blend.weights was"):
        blend(made.folders, tmp_path / "b", weights=[1, 1, 2])


@pytest.mark.slow
def test_a_killed_blend_ends_with_the_same_bytes(tmp_path: Path) -> None:
    folders = [
        write(tmp_path / f"m{number}", invent(300_000, seed=number), rows=50_000)
        for number in range(3)
    ]
    command = [sys.executable, "-m", "etalage", "blend", *map(str, folders)]
    killed = tmp_path / "killed"
    with subprocess.Popen([*command, "-o", str(killed)], start_new_session=True) as run:
        noted = killed / UNFINISHED
        while not (noted.is_file() and b"part-00000" in noted.read_bytes()):
            assert run.poll() is None
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
    assert not (killed / "manifest.json").exists()
    assert blend(folders, killed).resumed > 0
    blend(folders, tmp_path / "whole")
    for path in [*(tmp_path / "whole").glob("part-*"), tmp_path / "whole/manifest.json"]:
        assert path.read_bytes() == (killed / path.name).read_bytes()


def test_fewer_categories_can_be_kept(three: Make, tmp_path: Path) -> None:
    blend(three().folders, tmp_path / "b", top=2)
    found = read_predictions(tmp_path / "b")
    assert found.k == 2
    assert np.allclose(found.probabilities.sum(axis=1) + found.rest, 1, atol=1e-5)


def test_products_with_text_ids_blend(tmp_path: Path) -> None:
    folders = []
    for number in range(2):
        table = invent(5, seed=number)
        named = vars(table) | {"product_ids": pa.array([f"p{row}" for row in range(5)])}
        folders.append(write(tmp_path / f"m{number}", type(table)(**named)))
    blend(folders, tmp_path / "b")
    assert read_predictions(tmp_path / "b").product_ids.to_pylist() == [f"p{n}" for n in range(5)]


def bad(case: str, made: Three, folder: Path) -> list[Path]:
    """Return folders of which the last cannot be blended with the others."""
    table = invent(300, seed=7)
    rows = np.arange(300)
    if case == "one alone":
        return [made.folders[0]]
    if case == "the same folder twice":
        return [*made.folders, folder / "." / "m0"]
    if case == "another taxonomy":
        return [*made.folders, write(folder / "bad", invent(300, seed=7, leaves=9), leaves=9)]
    if case == "fewer products":
        return [*made.folders, write(folder / "bad", table.take(rows[:-2]))]
    if case == "other products":
        ids = {"product_ids": pa.array(rows + 1)}
        return [*made.folders, write(folder / "bad", type(table)(**vars(table) | ids))]
    if case == "ids that are texts":
        texts = {"product_ids": pa.array([str(row) for row in rows])}
        return [*made.folders, write(folder / "bad", type(table)(**vars(table) | texts))]
    path = write(folder / "bad", table) / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    return [*made.folders, folder / "bad"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("one alone", "1 predictions: a blend needs at least 2"),
        ("the same folder twice", "is given twice"),
        ("another taxonomy", "another taxonomy: 9 of its 9 categories are among the 12 of"),
        ("fewer products", r"answers 298 products, .*m0 300: 2 missing \(298, 299\)"),
        ("other products", r"300: 1 missing \(0\), 1 more \(300\)"),
        ("ids that are texts", "has product ids of type string, .*m0 of int64"),
        ("a damaged part", "part-00001.parquet: is damaged"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_numbers(
    case: str, message: str, three: Make, tmp_path: Path
) -> None:
    folders = bad(case, three(), tmp_path)
    with pytest.raises(PredictionsError, match=message):
        blend(folders, tmp_path / "b")
    assert not (tmp_path / "b/manifest.json").exists()


def test_a_finished_blend_is_replaced_only_when_asked(three: Make, tmp_path: Path) -> None:
    folders = three().folders
    blend(folders, tmp_path / "b")
    with pytest.raises(OutputError, match="exists already"):
        blend(folders, tmp_path / "b")
    assert blend(folders, tmp_path / "b", overwrite=True).resumed == 0


def test_what_is_blended_is_never_overwritten(three: Make, tmp_path: Path) -> None:
    folders = three().folders
    with pytest.raises(OutputError, match="m1: is what is read, and cannot be written"):
        blend(folders, tmp_path / "m1", overwrite=True)
    assert len(read_predictions(tmp_path / "m1")) == 300


def test_the_command_says_what_was_blended(three: Make, tmp_path: Path, etalage: Any) -> None:
    folders = three().folders
    run = etalage("blend", *folders, "-o", tmp_path / "b", "--weights", "0.5,0.3,0.2")
    assert (run.code, run.out) == (0, "300 products, 3 predictions\n")
    bad_weights = etalage("blend", *folders, "-o", tmp_path / "c", "--weights", "a,b")
    assert (bad_weights.code, "expected numbers" in bad_weights.err) == (1, True)
    assert etalage("blend", *folders).code == 1
    ranked = etalage("blend", *folders, "-o", tmp_path / "c", "--ranker")
    assert (ranked.code, "belong to --fit" in ranked.err) == (1, True)
