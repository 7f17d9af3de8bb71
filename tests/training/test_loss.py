"""What a batch costs, against values worked out by hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from etalage.batches.loader import Batch
from etalage.embedding.batches import FeatureBatch
from etalage.models.backbone import create_backbone
from etalage.models.fusion import Places, create_fusion
from etalage.models.network import ProductModel
from etalage.training.examples import Examples
from etalage.training.loss import Lesson, batch_loss, sum_by_node
from etalage.training.mix import Mix
from etalage.training.plan import Data, Level, Plan
from etalage.training.recipe import Recipe
from etalage.training.start import expect_prior
from etalage.training.teacher import Teacher

PLAIN = Recipe(
    name="plain",
    backbone="test_byobnet",
    image_size=32,
    load_size=32,
    flip=False,
    epochs=1,
    batch_products=3,
    learning_rate=1.0,
    label_smoothing=0.0,
    precision="none",
)
PLAN = Plan(4, 4, 3, 0, 1, 1, 0, 1, "cpu", False, 1)
PATHS = [("A", "B", "x"), ("A", "C", "y"), ("D", "E", "z"), ("D", "E", "z")]
PROBABILITIES = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
NODES = Level(torch.tensor([0, 0, 1, 1]), 2)


def build_network() -> ProductModel:
    """Return a network over four categories."""
    torch.manual_seed(0)
    made = create_backbone("test_byobnet", {}, size=32)
    fusion = create_fusion("mean", made.features)
    return ProductModel(made.network, fusion, 4, made.mean, made.std)


@pytest.fixture(scope="module")
def network() -> ProductModel:
    """Return a network that says something, its batch statistics fixed."""
    network = build_network()
    torch.nn.init.normal_(network.head.weight)
    return network.eval()


@pytest.fixture
def data(make_data: Callable[..., Data]) -> Data:
    """Return three examples: of category 0, of 2 with weight 2.5, and half 1 and half 3."""
    examples = Examples(
        rows=np.arange(3),
        copies=np.array([1, 9, 2], np.int32),
        weight=np.array([0.25, 2.5, 0.25], np.float32),
        start=np.array([0, 1, 2, 4]),
        label=np.array([0, 2, 1, 3], np.int32),
        count=np.array([1, 9, 1, 1], np.int32),
    )
    return make_data([0, 2, 1], PATHS, examples=examples)


def batch() -> Batch:
    """Return three products of two, none and three images of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    product, rank = np.array([0, 0, 2, 2, 2]), np.array([0, 1, 0, 1, 2])
    return Batch(np.array([2, 0, 1]), pixels, product, rank, np.zeros(0, np.int64))


def cost(network: ProductModel, data: Data, *, given: Any = None, **values: Any) -> float:
    """Return the loss of the batch with some values of the recipe changed."""
    found = batch_loss(
        network, given or batch(), data, recipe=replace(PLAIN, **values), plan=PLAN,
        side=values.get("image_size", 32), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert found is not None
    return found.item()


def log_probabilities(network: ProductModel) -> Tensor:
    """Return those of the two products with images, rows 2 and 1."""
    places = Places(torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 0, 1, 2]), 2)
    with torch.no_grad():
        logits: Tensor = network(torch.from_numpy(batch().pixels), places)
    return logits.log_softmax(1)


def test_copies_share_a_target_and_a_product_counts_by_its_weight(
    network: ProductModel, data: Data
) -> None:
    first, second = log_probabilities(network)
    expected = 0.25 * -(first[1] + first[3]) / 2 + 2.5 * -second[2]
    assert cost(network, data) == pytest.approx(expected.item() / 2, rel=1e-5)


def test_smoothing_spreads_a_share_of_the_target_over_all(
    network: ProductModel, data: Data
) -> None:
    one = Examples(
        rows=np.arange(3),
        copies=np.ones(3, np.int32),
        weight=np.ones(3, np.float32),
        start=np.arange(4),
        label=np.array([0, 2, 1], np.int32),
        count=np.ones(3, np.int32),
    )
    targets = torch.tensor([1, 2])
    expected = cross_entropy(log_probabilities(network), targets, label_smoothing=0.2)
    found = cost(network, replace(data, examples=one), label_smoothing=0.2)
    assert found == pytest.approx(expected.item(), rel=1e-5)


def test_a_node_has_the_probability_of_its_leaves() -> None:
    found = sum_by_node(PROBABILITIES.log(), NODES).exp()
    assert found.tolist()[0] == pytest.approx([0.3, 0.3, 0.7, 0.7])


def test_each_level_adds_its_loss() -> None:
    lesson = Lesson(torch.tensor([[0.0, 1.0, 0.0, 0.0]]))
    root = Level(torch.zeros(4, dtype=torch.int64), 1)
    found = lesson.loss(PROBABILITIES.log(), (NODES, root), 0.5)
    assert found.item() == pytest.approx(-math.log(0.2) - 0.5 * math.log(0.3), rel=1e-5)


def test_a_node_next_to_impossible_still_has_a_logarithm_and_a_gradient() -> None:
    logits = torch.tensor([[-300.0, -300.0, 0.0, 0.0]], requires_grad=True)
    above = sum_by_node(logits.log_softmax(1), NODES)
    assert above[0, 0].item() == pytest.approx(-300.0)
    above[0, 0].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.tolist()[0] == pytest.approx([0.5, 0.5, -0.5, -0.5])


def test_levels_are_told_apart_by_their_path(data: Data) -> None:
    first, second = data.constants(torch.device("cpu"), 0.0).levels
    assert first.node.tolist() == [0, 0, 1, 1]
    assert second.node.tolist() == [0, 1, 2, 2]


def test_a_flat_taxonomy_has_no_levels(make_data: Callable[..., Data]) -> None:
    flat = make_data([0, 1], [("", "", "")] * 2)
    assert flat.constants(torch.device("cpu"), 0.0).levels == ()


def test_adjusted_logits_carry_the_prior(network: ProductModel, data: Data) -> None:
    prior = torch.from_numpy(data.prior()).log()
    first, second = (log_probabilities(network) + 0.7 * prior).log_softmax(1)
    expected = 0.25 * -(first[1] + first[3]) / 2 + 2.5 * -second[2]
    found = cost(network, data, logit_adjustment=0.7)
    assert found == pytest.approx(expected.item() / 2, rel=1e-5)


def test_a_head_begins_with_the_share_of_each_category(
    make_data: Callable[..., Data],
) -> None:
    data = make_data([0, 0, 2], [("", "", "")] * 4)
    network = build_network()
    expect_prior(network, data, replace(PLAIN, label_smoothing=0.4))
    share = network.head.bias.softmax(0).tolist()
    assert share == pytest.approx((0.6 * data.prior() + 0.1).tolist(), rel=1e-5)
    expect_prior(network, data, replace(PLAIN, label_smoothing=0.4, logit_adjustment=1.0))
    assert network.head.bias.tolist() == [0] * 4


def test_with_fusion_of_logits_every_image_is_an_example(network: ProductModel, data: Data) -> None:
    with torch.no_grad():
        logits = network.head(network.features(torch.from_numpy(batch().pixels)))
    each = logits.log_softmax(1)
    expected = 0.25 * -(each[:2, 1] + each[:2, 3]).mean() / 2 - 2.5 * each[2:, 2].mean()
    assert cost(network, data, fusion="logits") == pytest.approx(expected.item() / 2, rel=1e-5)


def test_a_teacher_takes_weight_from_the_labels_of_what_it_knows(
    network: ProductModel, data: Data
) -> None:
    outcomes = np.array([[0.5, 0.25, 0.25]], np.float16)
    teacher = Teacher(np.array([-1, 0, -1], np.int32), np.array([[1, 3]], np.int16), outcomes)
    first, second = log_probabilities(network)
    student = torch.stack([second[1], second[3], second[[0, 2]].logsumexp(0)])
    says = torch.tensor([0.5, 0.25, 0.25])
    divergence = (says * (says.log() - student)).sum()
    labels = 0.25 * -(first[1] + first[3]) / 2
    expected = labels + 2.5 * (0.7 * -second[2] + 0.3 * divergence)
    found = cost(network, replace(data, teacher=teacher), distillation=0.3)
    assert found == pytest.approx(expected.item() / 2, rel=1e-4)


def test_features_cost_what_their_pixels_do(network: ProductModel, data: Data) -> None:
    of_pixels = batch()
    with torch.no_grad():
        features = network.features(torch.from_numpy(of_pixels.pixels)).numpy()
    given = FeatureBatch(*(vars(of_pixels) | {"pixels": features}).values())
    assert cost(network, data, given=given) == pytest.approx(cost(network, data), rel=1e-4)


def test_images_left_out_cost_nothing(network: ProductModel, data: Data) -> None:
    alone = batch()
    first = Batch(alone.rows, alone.pixels[[0, 2]], np.array([0, 2]), np.zeros(2, np.int64),
                  alone.unreadable)  # fmt: skip
    all_costs = {cost(network, data, image_dropout=0.99, given=alone) for _ in range(2)}
    assert len(all_costs) == 1
    assert cost(network, data, image_dropout=0.99, given=first) == cost(network, data, given=first)


def test_a_smaller_side_is_what_the_network_sees(network: ProductModel, data: Data) -> None:
    small = Batch(*vars(batch()).values())
    found = batch_loss(network, small, data, recipe=PLAIN, plan=PLAN, side=16,
                       generator=torch.Generator())  # fmt: skip
    assert found is not None and found.item() != pytest.approx(cost(network, data))


def test_mixed_products_cost_the_mixed_targets() -> None:
    lesson = Lesson(torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    how = Mix(torch.tensor([1, 0]), torch.tensor([[0.75], [0.5]]))
    logs = PROBABILITIES.log().expand(2, 4)
    found = lesson.mixed(how).loss(logs, (), 0.0).item()
    assert found == pytest.approx(-(2.5 * math.log(0.1) + 0.75 * math.log(0.4)), rel=1e-5)
