"""What happens in a step: augmentation, learning rate, what decays, learning itself."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from etalage.batches.loader import Batch
from etalage.models.backbone import create_backbone
from etalage.models.fusion import create_fusion
from etalage.models.network import ProductModel
from etalage.training.augment import crop_and_flip
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.schedule import create_optimiser, learning_rate
from etalage.training.step import learn

LEARN = Recipe(
    name="learn",
    backbone="test_byobnet",
    image_size=32,
    load_size=32,
    flip=False,
    epochs=1,
    batch_products=12,
    learning_rate=1e-2,
    label_smoothing=0.0,
)
PLAN = Plan(
    classes=12,
    learnable=12,
    train_products=12,
    validation_products=0,
    steps_per_epoch=1,
    steps=60,
    warmup_steps=5,
    log_every=1,
    device="cpu",
    bf16=False,
    threads=1,
)


def build() -> ProductModel:
    """Return a network over twelve categories."""
    torch.manual_seed(0)
    made = create_backbone("test_byobnet", {}, size=32)
    fusion = create_fusion("mean", made.features)
    return ProductModel(made.network, fusion, 12, made.mean, made.std).train()


def batch(images: int = 20) -> Batch:
    """Return twelve products of noise, the last without an image."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), np.uint8)
    product = np.sort(np.arange(images) % 11)
    return Batch(np.arange(12), pixels, product, np.zeros(images, np.int64), np.zeros(0, np.int64))


def coordinates(count: int, side: int) -> torch.Tensor:
    """Return images whose pixels say (image, row, column)."""
    axes = torch.meshgrid(*(torch.arange(n) for n in (count, side, side)), indexing="ij")
    return torch.stack(axes, dim=3)


def test_each_image_gets_a_window_of_its_own_straight_or_mirrored() -> None:
    cut = crop_and_flip(coordinates(64, 9), 6, torch.Generator().manual_seed(0), flip=True)
    image, rows, columns = cut.unbind(3)
    assert torch.equal(image[:, 0, 0], torch.arange(64))
    assert set((rows[:, 1:] - rows[:, :-1]).flatten().tolist()) == {1}
    assert set((columns[:, :, 1:] - columns[:, :, :-1]).flatten().tolist()) == {-1, 1}
    assert set(rows[:, 0, 0].tolist()) == {0, 1, 2, 3}
    assert set(columns.amin((1, 2)).tolist()) == {0, 1, 2, 3}


def test_without_flip_nothing_is_mirrored() -> None:
    cut = crop_and_flip(coordinates(64, 9), 6, torch.Generator().manual_seed(0), flip=False)
    assert set((cut[:, :, 1:, 2] - cut[:, :, :-1, 2]).flatten().tolist()) == {1}


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, steps=100, warmup=10, peak=2.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 2.0 and rates[-1] < 0.001


def test_the_learning_rate_may_fall_in_steps_after_epochs() -> None:
    drops = replace(LEARN, epochs=12, rate_drops={"11": 0.1, "7": 0.5}).drops
    rates = [learning_rate(step, steps=24, warmup=2, peak=2.0, drops=drops) for step in range(24)]
    assert rates == [1.0, *[2.0] * 13, *[1.0] * 8, 0.2, 0.2]


def test_norms_and_biases_do_not_decay_and_all_is_learned_once() -> None:
    network = build()
    optimiser = create_optimiser(network, LEARN)
    for group in optimiser.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])
    learned = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(learned) == sorted(id(p) for p in network.parameters())


def test_one_batch_is_learned_by_heart(make_data: Callable[..., Data]) -> None:
    network, data = build(), make_data(list(range(12)), [("", "", "")] * 12)
    optimiser = create_optimiser(network, LEARN)
    losses = [
        learn(network, optimiser, batch(), data, step, recipe=LEARN, plan=PLAN, seed=0)
        for step in range(PLAN.steps)
    ]
    assert losses[0] is not None and losses[-1] is not None
    assert losses[0] > 2.0 and losses[-1] < 0.02


def test_nothing_is_learned_from_a_single_image(make_data: Callable[..., Data]) -> None:
    network, data = build(), make_data(list(range(12)), [("", "", "")] * 12)
    optimiser = create_optimiser(network, LEARN)
    alone = batch(1)
    assert learn(network, optimiser, alone, data, 0, recipe=LEARN, plan=PLAN, seed=0) is None
