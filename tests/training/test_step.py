"""What happens in a step: augmentation, learning rate, what decays, learning itself."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from etalage.batches.loader import Batch
from etalage.models.backbone import create_backbone
from etalage.models.fusion import create_fusion
from etalage.models.network import ProductModel
from etalage.training.augment import crop_and_flip
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.schedule import create_optimiser, image_side, learning_rate
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


@pytest.fixture
def data(make_data: Callable[..., Data]) -> Data:
    """Return twelve products of twelve categories."""
    return make_data(list(range(12)), [("", "", "")] * 12)


def take(network: ProductModel, batches: list[Batch], data: Data, recipe: Recipe) -> float:
    """Take one step and return its loss, not a number when there was nothing to learn."""
    optimiser = create_optimiser(network, recipe)
    loss = learn(network, optimiser, batches, data, 9, recipe=recipe, plan=PLAN, side=32, seed=0)
    return math.nan if loss is None else float(loss)


@pytest.mark.parametrize(("optimiser", "rate"), [("adamw", 1e-2), ("nadam", 1e-2), ("sgd", 1e-1)])
def test_one_batch_is_learned_by_heart(data: Data, optimiser: str, rate: float) -> None:
    network, recipe = build(), replace(LEARN, optimiser=optimiser, learning_rate=rate)
    made = create_optimiser(network, recipe)
    losses = [
        learn(network, made, [batch()], data, step, recipe=recipe, plan=PLAN, side=32, seed=0)
        for step in range(PLAN.steps)
    ]
    assert losses[0] is not None and losses[-1] is not None
    assert losses[0] > 2.0 and losses[-1] < 0.05


def test_nothing_is_learned_from_a_single_image(data: Data) -> None:
    assert math.isnan(take(build(), [batch(1)], data, LEARN))


def part(whole: Batch, first: int, end: int) -> Batch:
    """Return some products of a batch as a batch of their own."""
    mine = (whole.product >= first) & (whole.product < end)
    return Batch(
        whole.rows[first:end],
        whole.pixels[mine],
        whole.product[mine] - first,
        whole.rank[mine],
        whole.unreadable,
    )


def test_batches_whose_gradients_are_summed_equal_one_large_batch(data: Data) -> None:
    networks = [build(), build()]
    for network in networks:
        network.eval()  # batch norms that keep their statistics
    whole = batch()
    parts = [part(whole, 0, 3), part(whole, 3, 4), part(whole, 4, 12)]
    recipe = replace(LEARN, optimiser="sgd")  # not one that makes much of tiny gradients
    first = take(networks[0], [whole], data, recipe)
    assert take(networks[1], parts, data, recipe) == pytest.approx(first, rel=1e-6)
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_no_number_shows_in_the_loss(data: Data) -> None:
    network = build()
    hook = network.head.weight.register_hook
    hook(lambda gradient: gradient * math.inf)  # type: ignore[no-untyped-call]
    assert not math.isfinite(take(network, [batch()], data, LEARN))


def test_images_grow_by_steps_of_32_to_their_full_size() -> None:
    grown = replace(LEARN, image_size=160, load_size=180, first_image_size=64, epochs=8)
    assert [image_side(epoch, grown) for epoch in range(8)] == [64, 64, 96, 96, 128, 128, 160, 160]


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 300))
def test_the_last_epoch_sees_whole_images(epochs: int, first: int, more: int) -> None:
    size = first + more
    grown = replace(LEARN, image_size=size, load_size=size, first_image_size=first, epochs=epochs)
    sides = [image_side(epoch, grown) for epoch in range(epochs)]
    assert sides == sorted(sides) and sides[-1] == size
    assert epochs == 1 or sides[0] == first


def test_small_images_are_what_the_network_sees(data: Data) -> None:
    seen: list[tuple[int, ...]] = []
    network = build()
    network.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    optimiser = create_optimiser(network, LEARN)
    learn(network, optimiser, [batch()], data, 0, recipe=LEARN, plan=PLAN, side=24, seed=0)
    assert seen == [(20, 3, 24, 24)]
