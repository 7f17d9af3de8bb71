"""Every architecture of the challenge of 2017: its size is the published one, and it learns."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from etalage.batches.loader import Batch
from etalage.models.architecture import Architecture
from etalage.models.backbone import create_backbone
from etalage.training.architectures import ARCHITECTURES
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.schedule import create_optimiser
from etalage.training.step import learn

PUBLISHED = {
    # He et al. 2016, as counted by torchvision's documentation
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    # Szegedy et al. 2016 and 2017, Chollet 2017 (table 3): Keras Applications' documentation
    "inception-v3": 23_851_784,
    "inception-resnet-v2": 55_873_736,
    "xception": 22_855_952,
    # Xie et al. 2017 and Hu et al. 2018: tables of github.com/osmr/imgclsmob
    "resnext101-32x4d": 44_177_704,
    "resnext101-64x4d": 83_455_272,
    "se-resnet50": 28_088_024,
    "se-resnext50-32x4d": 27_559_896,
    "se-resnext101-32x4d": 48_955_416,
    "senet154": 115_088_984,
    # its third-place recipe's own: that of ResNeXt-101 64x4d and the excitations of 33 blocks, each
    # two layers of c channels and c/16 with biases: (2 c c/16 + c/16 + c) over c = 256 to 2048
    "se-resnext101-64x4d": 88_232_984,
    # Chen et al. 2017: github.com/rwightman/pytorch-dpn-pretrained, tables of the README
    "dpn68": 12_610_000,
    "dpn92": 37_670_000,
    "dpn98": 61_570_000,
    "dpn107": 86_920_000,
    "dpn131": 79_250_000,
    # Huang et al. 2017, as counted by torchvision's documentation
    "densenet161": 28_681_000,
}
PRODUCTS = 16
SIDES = {"inception-v3": 75, "inception-resnet-v2": 75, "xception": 64}
"""Pixels, where the architecture refuses 32, or has nothing left to look at."""
SMALL = ("resnet50", "se-resnet50")
"""Those that a fast run can learn with."""
LEARNED = 0.1
"""A loss at which the mean probability of the right one of sixteen is above 0.9."""
PLAN = Plan(
    classes=PRODUCTS,
    learnable=PRODUCTS,
    train_products=PRODUCTS,
    validation_products=0,
    steps_per_epoch=1,
    steps=24,
    warmup_steps=1,
    log_every=1,
    device="cpu",
    bf16=True,
    threads=1,
)


def architecture(recipe: Recipe) -> Architecture:
    """Return the architecture of a recipe."""
    return Architecture(
        backbone=recipe.backbone,
        backbone_args=recipe.backbone_args,
        fusion=recipe.fusion,
        image_size=recipe.image_size,
        load_size=recipe.load_size,
        max_images=recipe.max_images,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        precision="bf16",
        mirror=False,
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_has_the_published_number_of_parameters(name: str) -> None:
    made = architecture(ARCHITECTURES[name])
    with torch.device("meta"):
        backbone = create_backbone(made.backbone, {}, size=made.image_size)
        network = made.assemble(backbone, 1000)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == pytest.approx(PUBLISHED[name], rel=0.01)


def by_heart(name: str, data: Data) -> float:
    """Return the lowest loss of some steps on sixteen products, each of a category of its own."""
    side = SIDES.get(name, 32)
    recipe = replace(
        ARCHITECTURES[name],
        image_size=side,
        load_size=side,
        learning_rate=1e-3,
        label_smoothing=0.0,
        flip=False,
        clip=1e9,
    )
    torch.manual_seed(0)
    made = architecture(recipe)
    network = made.assemble(create_backbone(made.backbone, {}, size=side), PRODUCTS).train()
    optimiser = create_optimiser(network, recipe)
    pixels = np.random.default_rng(0).integers(0, 256, (PRODUCTS, side, side, 3), np.uint8)
    each = np.arange(PRODUCTS)
    batch = Batch(each, pixels, each, np.zeros_like(each), np.zeros(0, np.int64))
    lowest = np.inf
    for step in range(PLAN.steps):
        loss = learn(network, optimiser, batch, data, step, recipe=recipe, plan=PLAN, seed=0)
        lowest = min(lowest, loss.item()) if loss is not None else lowest
        if lowest < LEARNED:
            break
    return lowest


@pytest.fixture
def data(make_data: Callable[..., Data]) -> Data:
    """Return sixteen products, each of a category of its own."""
    return make_data(list(range(PRODUCTS)), [("", "", "")] * PRODUCTS)


@pytest.mark.parametrize("name", SMALL)
def test_it_learns_sixteen_products_by_heart(name: str, data: Data) -> None:
    assert by_heart(name, data) < LEARNED


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in SMALL])
def test_a_large_one_learns_them_too(name: str, data: Data) -> None:
    assert by_heart(name, data) < LEARNED
