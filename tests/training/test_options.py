"""What else a training can be told: to compile, to stop early, to show itself; what it leaves."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from etalage.catalogue.split import split
from etalage.errors import ConfigError
from etalage.inference.predict import predict
from etalage.predictions.folder import read_predictions
from etalage.training import Progress, Recipe, TrainReport
from etalage.training.plan import Plan
from etalage.training.tally import expected_seconds

Begin = Callable[..., TrainReport]


def metrics(model: Path) -> list[dict[str, Any]]:
    """Return the lines of a model's metrics."""
    text = (model / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def trained(begin: Begin, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """Return the report of a training with averaged weights, shown in TensorBoard."""
    place = tmp_path_factory.mktemp("options")
    recipe = replace(tiny, ema=0.9, epochs=6)
    return begin(place / "model", recipe, board=place / "board")


def test_the_model_has_the_answers_for_its_validation_products(
    trained: TrainReport, shop: Path, tmp_path: Path
) -> None:
    predict(
        trained.model,
        shop / "index",
        tmp_path / "predictions",
        split=shop / "split",
        part="validation",
        device="cpu",
    )
    kept, again = (
        read_predictions(p) for p in (trained.model / "validation", tmp_path / "predictions")
    )
    assert kept.product_ids.equals(again.product_ids)
    assert kept.images.tolist() == again.images.tolist()
    np.testing.assert_allclose(kept.probabilities, again.probabilities, rtol=0.02, atol=1e-3)


def test_averaged_weights_are_checked_and_kept(trained: TrainReport) -> None:
    assert trained.validation is not None and trained.validation.level3 > 0.8


def test_tensorboard_shows_what_metrics_say(trained: TrainReport) -> None:
    board = EventAccumulator(str(trained.model.parent / "board")).Reload()
    lines = [line for line in metrics(trained.model) if "loss" in line]
    losses = [(line["step"], pytest.approx(line["loss"])) for line in lines]
    assert [(each.step, each.value) for each in board.Scalars("train/loss")] == losses
    assert len(board.Scalars("validation/level3")) == 6


def test_a_resumed_training_purges_later_steps_from_tensorboard(
    begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    def kill(progress: Progress) -> None:
        if progress.step == 8:
            raise KeyboardInterrupt

    rarely = replace(tiny, checkpoint_minutes=60.0)
    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path / "model", rarely, board=tmp_path / "board", progress=kill)
    begin(tmp_path / "model", rarely, board=tmp_path / "board", resume=True)
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    assert [each.step for each in board.Scalars("train/loss")] == list(range(1, 11))


def test_without_tensorboard_the_extra_is_named(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="TensorBoard is not installed") as refused:
        begin(tmp_path / "model", board=tmp_path / "board")
    assert "etalage[tensorboard]" in refused.value.hint
    assert not (tmp_path / "model").exists()


def test_a_training_that_gets_no_better_ends_early(
    begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    stuck = replace(tiny, learning_rate=1e-12, epochs=9, patience=2, freeze_norm=True)
    report = begin(tmp_path / "model", stuck)
    assert report.epochs < 9 and report.steps == report.best_step + 2 * 5
    assert metrics(report.model)[-2]["learning_rate"] > 0  # that of nine epochs


@pytest.fixture
def unchecked(shop: Path, tmp_path: Path) -> Path:
    """Return a split without validation products."""
    split(shop / "index", tmp_path / "split", validation=0, test=0.1)
    return tmp_path / "split"


def test_without_validation_products_the_last_weights_are_kept_and_it_is_said(
    begin: Begin, tiny: Recipe, unchecked: Path, caplog: Any
) -> None:
    report = begin(unchecked.with_name("model"), tiny, split=unchecked)
    assert "no validation products: the last weights are kept" in caplog.text
    assert report.validation is None and report.best_step == report.steps
    assert not (report.model / "validation").exists()


def test_patience_without_validation_products_is_refused(
    begin: Begin, tiny: Recipe, unchecked: Path
) -> None:
    with pytest.raises(ConfigError, match="there are no validation products to judge by"):
        begin(unchecked.with_name("model"), replace(tiny, patience=2), split=unchecked)


def test_metrics_say_how_fast_and_how_large(trained: TrainReport) -> None:
    line = metrics(trained.model)[0]
    assert line["image_size"] == 32
    assert line["images_per_second"] > line["products_per_second"] > 0


def test_the_time_expected_counts_small_images_and_checks(tiny: Recipe) -> None:
    numbers = dict.fromkeys(("classes", "learnable", "warmup_steps", "log_every", "threads"), 1)
    plan = Plan(
        **numbers,
        train_products=100,
        examples=100,
        validation_products=30,
        steps_per_epoch=10,
        steps=40,
        device="cpu",
        bf16=False,
    )
    grown = replace(tiny, first_image_size=32, image_size=64, load_size=64, epochs=4)
    small, full, checks = 2 * 10 * 1.0, 2 * 10 * 4.0, 4 * 30 / 100 * 10 * 4.0 / 3
    assert expected_seconds(1.0, 32, grown, plan) == pytest.approx(small + full + checks)


def test_time_and_memory_are_told_after_some_steps(
    begin: Begin, tiny: Recipe, tmp_path: Path, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, logger="etalage")
    report = begin(tmp_path / "model", replace(tiny, batch_products=2, epochs=2))
    assert report.expected_seconds is not None and report.expected_seconds > 0
    assert report.peak_memory > 50_000_000
    assert "the whole training takes about" in caplog.text


@pytest.mark.slow
def test_a_compiled_network_learns_what_an_eager_one_does(
    begin: Begin, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "code"))
    plain = replace(tiny, epochs=1, flip=False, load_size=32, precision="none", optimiser="sgd")
    models = [tmp_path / name for name in ("eager", "compiled")]
    for model, compiled in zip(models, (False, True), strict=True):
        begin(model, replace(plain, compile=compiled), device="cpu")
    losses = [[line["loss"] for line in metrics(model) if "loss" in line] for model in models]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
