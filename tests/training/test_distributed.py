"""Several processes that ``torchrun`` starts train as one does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError, ModelError
from etalage.training import Recipe, TrainReport
from etalage.training.distributed import Team
from etalage.training.plan import select
from etalage.training.run import require_batches

# Nothing random in a step, and an optimiser that does not make much of tiny differences.
EXACT = {
    "backbone": "test_byobnet",
    "backbone_args": "{}",
    "image_size": "32",
    "load_size": "32",
    "flip": "false",
    "freeze_norm": "true",
    "optimiser": "sgd",
    "learning_rate": "0.02",
    "batch_products": "8",
    "epochs": "4",
    "ema": "0.9",
    "precision": "none",
    "checkpoint_minutes": "0",
}
PROCESS = [sys.executable, "-m", "etalage"]


def torchrun(processes: int) -> list[str]:
    """Return what the command ``torchrun`` calls, for this machine alone."""
    here = ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    start = [sys.executable, "-m", "torch.distributed.run", *here]
    return [*start, f"--nproc-per-node={processes}", "-m", "etalage"]


def arguments(
    program: list[str], shop: Path, model: Path, *options: str, **changes: str
) -> tuple[list[str], dict[str, str]]:
    """Return the command that trains on the shop, and its environment."""
    settings = EXACT | changes
    words = [word for key in settings for word in ("--set", f"{key}={settings[key]}")]
    command = [*program, "train", str(shop / "index"), "--split", str(shop / "split"), "-o"]
    command += [str(model), "--recipe", "demo", "--weights", "none", "--device", "cpu", *words]
    return [*command, *options], os.environ | {"OMP_NUM_THREADS": "1"}


def run(
    program: list[str], shop: Path, model: Path, *options: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Train on the shop."""
    command, environment = arguments(program, shop, model, *options, **changes)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def lines(model: Path, kind: str) -> list[Any]:
    """Return one value of the lines of metrics that have it."""
    text = (model / "metrics.jsonl").read_text(encoding="utf-8")
    return [line[kind] for line in map(json.loads, text.splitlines()) if kind in line]


def assert_same(one: Path, other: Path) -> None:
    """Check losses to 1e-5 of their size, weights to 1e-5, and the same accuracy."""
    assert len(lines(one, "loss")) == 20
    np.testing.assert_allclose(lines(one, "loss"), lines(other, "loss"), rtol=1e-5)
    for first, second in zip(lines(one, "validation"), lines(other, "validation"), strict=True):
        assert first == pytest.approx(second, rel=1e-5)
    weights = [load_file(model / "model.safetensors") for model in (one, other)]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def alone(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that one process has trained."""
    model = tmp_path_factory.mktemp("alone") / "model"
    assert run(PROCESS, shop, model).returncode == 0
    return model


@pytest.mark.slow
def test_two_processes_learn_what_one_does(shop: Path, alone: Path, tmp_path: Path) -> None:
    told = run(torchrun(2), shop, tmp_path / "two", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["steps"] == 20
    assert told.stderr.count("epoch 4 of 4") == 1
    assert_same(alone, tmp_path / "two")


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_three_go_on(
    shop: Path, alone: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    command, environment = arguments(torchrun(2), shop, model)
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not list((model / "checkpoints").glob("step-0000000[4-9].pt")):
        time.sleep(0.02)
    psutil.Process(running.pid).children()[-1].kill()
    assert running.wait() == 1
    assert not (model / "model.json").exists()
    assert run(torchrun(3), shop, model, "--resume").returncode == 0
    assert_same(alone, model)


@pytest.mark.slow
def test_an_error_is_told_once_and_ends_all(shop: Path, tmp_path: Path) -> None:
    run_away = {"learning_rate": "1e30", "clip": "1e30"}
    broken = run(torchrun(2), shop, tmp_path / "model", **run_away)
    assert broken.returncode == 1
    assert broken.stderr.count("error: ") == 1
    assert "the loss or its gradient is" in broken.stderr


def test_sums_of_one_process_are_its_own() -> None:
    team = Team()
    rows = np.arange(3)
    assert team.total([1.0, 2.0]) == [1.0, 2.0]
    assert team.gather(rows, 3)[0] is rows
    assert team.told("word") == "word" and team.first


def test_more_processes_than_products_in_a_batch_are_refused(shop: Path, tiny: Recipe) -> None:
    data = select(open_index(shop / "index"), read_split(shop / "split"), tiny)
    with pytest.raises(ConfigError, match="9 processes share batches of 8 products") as refused:
        require_batches(tiny, data, Team(of=9))
    assert "batch_products=72" in refused.value.hint


def test_batch_norms_need_two_products_in_each_process(
    begin: Callable[..., TrainReport], tiny: Recipe, tmp_path: Path
) -> None:
    alone = replace(tiny, batch_products=1, epochs=1)
    with pytest.raises(ConfigError, match="leave a process one") as refused:
        begin(tmp_path / "model", alone)
    assert "freeze_norm=true" in refused.value.hint
    assert begin(tmp_path / "model", replace(alone, freeze_norm=True)).steps == 39


def test_a_process_takes_no_device_of_its_own_choice() -> None:
    assert Team(of=2).device("auto").type in ("cpu", "cuda")
    with pytest.raises(ModelError, match="device 'cuda:7': PyTorch sees"):
        Team().device("cuda:7")
