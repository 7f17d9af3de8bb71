"""A training that was stopped anywhere and resumed ends with the same numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etalage.catalogue.build import index
from etalage.catalogue.split import split
from etalage.errors import ModelError, OutputError
from etalage.training import Progress, Recipe, TrainReport
from etalage.training.resume import check_folder, start_folder

Begin = Callable[..., TrainReport]
LAST_STEP = 10


class KilledError(Exception):
    """Stands for a process that ends without a word."""


def kill_after(step: int) -> Callable[[Progress], None]:
    """Return a progress function that ends the training after a step."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    return report


def numbers(model: Path) -> list[dict[str, Any]]:
    """Return the lines of a model's metrics without what depends on the clock."""
    text = (model / "metrics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: line[key] for key in line if "per_second" not in key} for line in lines]


@pytest.fixture(scope="module")
def recipe(tiny: Recipe) -> Recipe:
    """Return a recipe with randomness in the backbone, saved after every step."""
    return replace(tiny, backbone_args={"drop_path_rate": 0.2})


@pytest.fixture(scope="module")
def straight(begin: Begin, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model trained without interruption."""
    report = begin(tmp_path_factory.mktemp("straight") / "model", recipe)
    assert report.steps == LAST_STEP
    return report.model


@pytest.fixture
def stopped(begin: Begin, recipe: Recipe, tmp_path: Path) -> Path:
    """Return a training stopped after its third step."""
    with pytest.raises(KilledError):
        begin(tmp_path / "model", recipe, progress=kill_after(3))
    return tmp_path / "model"


@pytest.mark.parametrize("step", [2, 5, 8])
def test_a_resumed_training_ends_with_the_same_numbers(
    begin: Begin, recipe: Recipe, straight: Path, tmp_path: Path, step: int
) -> None:
    model = tmp_path / "model"
    with pytest.raises(KilledError):
        begin(model, recipe, progress=kill_after(step))
    begin(model, recipe, resume=True)
    assert numbers(model) == numbers(straight)
    for name in ("model.safetensors", "model.json"):
        assert (model / name).read_bytes() == (straight / name).read_bytes()


def test_a_kill_between_checkpoints_repeats_what_was_lost(
    begin: Begin, recipe: Recipe, straight: Path, tmp_path: Path
) -> None:
    rarely = replace(recipe, checkpoint_minutes=60.0)
    with pytest.raises(KilledError):
        begin(tmp_path / "model", rarely, progress=kill_after(8))
    begin(tmp_path / "model", rarely, resume=True)
    assert numbers(tmp_path / "model") == numbers(straight)


def test_half_a_training_is_not_replaced_unasked(
    begin: Begin, recipe: Recipe, stopped: Path
) -> None:
    with pytest.raises(OutputError, match="has not ended") as refused:
        begin(stopped, recipe)
    assert "--resume" in refused.value.hint and "--yes" in refused.value.hint


def test_half_a_training_is_begun_again_when_told_so(
    begin: Begin, recipe: Recipe, stopped: Path, straight: Path
) -> None:
    begin(stopped, recipe, overwrite=True)
    assert numbers(stopped) == numbers(straight)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 7}, r"seed \(7 now, 0 then\)"),
        ({"settings": {"epochs": "3"}}, r"recipe\.epochs \(3 now, 2 then\)"),
        ({"weights": "elsewhere.pth"}, r"weights \(elsewhere\.pth now, none then\)"),
    ],
)
def test_resuming_with_other_options_names_them(
    begin: Begin, recipe: Recipe, stopped: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        begin(stopped, recipe, resume=True, **options)


def test_a_checkpoint_of_another_taxonomy_is_refused(
    shop: Path, begin: Begin, recipe: Recipe, stopped: Path, tmp_path: Path
) -> None:
    names = tmp_path / "category_names.csv"
    header = "category_id,category_level1,category_level2,category_level3"
    names.write_text(f"{header}\n10,A,B,C\n11,A,B,D\n12,A,B,E\n13,A,B,F\n", encoding="utf-8")
    index([shop / "catalogue.bson"], tmp_path / "index", taxonomy=names)
    split(tmp_path / "index", tmp_path / "split", validation=0.2, test=0.1)
    with pytest.raises(ModelError, match="differs in taxonomy"):
        begin(stopped, recipe, place=tmp_path, resume=True)


VARIANTS: dict[str, dict[str, Any]] = {
    "much at once": {
        "ema": 0.9,
        "accumulate": 2,
        "batch_products": 4,
        "optimiser": "nadam",
        "first_image_size": 32,
        "image_size": 64,
        "load_size": 64,
    },
    "patience": {"patience": 1, "epochs": 4, "optimiser": "sgd", "freeze_norm": True},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_whatever_is_learned_resumes_to_the_same_numbers(
    begin: Begin, recipe: Recipe, tmp_path: Path, changes: dict[str, Any]
) -> None:
    variant = replace(recipe, **changes)
    begin(tmp_path / "straight", variant)
    with pytest.raises(KilledError):
        begin(tmp_path / "model", variant, progress=kill_after(7))
    begin(tmp_path / "model", variant, resume=True)
    assert numbers(tmp_path / "model") == numbers(tmp_path / "straight")
    weights = [tmp_path / name / "model.safetensors" for name in ("model", "straight")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def checkpoints(model: Path) -> list[Path]:
    """Return the checkpoints of an unfinished training, the oldest first."""
    return sorted((model / "checkpoints").glob("step-*.pt"))


def damage(checkpoint: Path) -> None:
    """Cut a checkpoint off."""
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])


def test_the_last_checkpoints_are_kept(begin: Begin, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        begin(tmp_path / "m", replace(recipe, keep_checkpoints=2), progress=kill_after(4))
    assert [path.stem for path in checkpoints(tmp_path / "m")] == [
        "step-00000002",
        "step-00000003",
        "step-00000004",
    ]


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(
    begin: Begin, recipe: Recipe, stopped: Path, straight: Path, caplog: Any
) -> None:
    damage(checkpoints(stopped)[-1])
    begin(stopped, recipe, resume=True)
    assert "step-00000003.pt: cannot be read, it is damaged: the one before" in caplog.text
    assert numbers(stopped) == numbers(straight)


def test_where_all_checkpoints_are_damaged_the_last_is_named(
    begin: Begin, recipe: Recipe, stopped: Path
) -> None:
    for checkpoint in checkpoints(stopped):
        damage(checkpoint)
    with pytest.raises(ModelError, match=r"00003\.pt: cannot be read, it is damaged"):
        begin(stopped, recipe, resume=True)


def test_resuming_what_has_ended_tells_its_report_again(
    begin: Begin, recipe: Recipe, straight: Path
) -> None:
    before = (straight / "model.json").stat().st_mtime_ns
    assert begin(straight, recipe, resume=True).steps == LAST_STEP
    assert (straight / "model.json").stat().st_mtime_ns == before


def test_resuming_where_nothing_stands_begins(begin: Begin, recipe: Recipe, tmp_path: Path) -> None:
    report = begin(tmp_path / "new", replace(recipe, epochs=1), resume=True)
    assert report.steps == LAST_STEP // 2


KILLED = [
    {},
    {"ema": "0.99", "optimiser": "nadam", "accumulate": "2", "first_image_size": "32"},
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", KILLED, ids=["plain", "everything"])
def test_a_killed_process_resumes_to_the_same_weights(
    shop: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    settings = {"epochs": "4", "batch_products": "4", "checkpoint_minutes": "0"} | changes
    sets = [word for key in settings for word in ("--set", f"{key}={settings[key]}")]
    command: list[str | Path] = [sys.executable, "-m", "etalage", "train", shop / "index"]
    command += [
        "--split",
        shop / "split",
        "--recipe",
        "demo",
        "--weights",
        "none",
        "--device",
        "cpu",
        *sets,
        "--resume",
        "-o",
    ]
    killed = subprocess.Popen([*command, tmp_path / "killed"])
    while len(checkpoints(tmp_path / "killed")) < 2:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    for name in ("killed", "straight"):
        subprocess.run([*command, tmp_path / name], env=os.environ, check=True)
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "straight")
    weights = [tmp_path / name / "model.safetensors" for name in ("killed", "straight")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_new_training_takes_the_calibration_of_the_old_model_away(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("{}")
    check_folder(tmp_path, resume=False, overwrite=True)
    start_folder(tmp_path, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]
