"""The moving average of the weights."""

import pytest
import torch

from etalage.models.backbone import create_backbone
from etalage.models.fusion import create_fusion
from etalage.models.network import ProductModel
from etalage.training.average import Average, decay
from etalage.training.norms import norms_follow, set_training


def build() -> ProductModel:
    """Return a network over three categories."""
    made = create_backbone("test_byobnet", {}, size=32)
    fusion = create_fusion("mean", made.features)
    return ProductModel(made.network, fusion, 3, made.mean, made.std)


def test_the_decay_rises_so_that_few_steps_are_not_the_first_weights() -> None:
    decays = [decay(step, 0.999) for step in range(100_000)]
    assert decays == sorted(decays)
    assert decays[0] == 0.1 and decays[10] < 0.6 and decays[-1] == 0.999


def test_the_average_is_the_weighted_mean_of_weights_and_statistics() -> None:
    network = build()
    average = Average(network, 0.9)
    expected = None
    for step, value in enumerate((1.0, 3.0, 7.0)):
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.data.fill_(value)
        average.update(network)
        rate = decay(step, 0.9)
        expected = value if expected is None else rate * expected + (1 - rate) * value
    state = average.network.state_dict()
    statistics = next(name for name in state if name.endswith("running_var"))
    for name in ("head.weight", "backbone." + statistics.removeprefix("backbone.")):
        assert state[name].mean().item() == pytest.approx(expected)
    counts = next(name for name in state if name.endswith("num_batches_tracked"))
    assert state[counts] == 7


def test_an_average_goes_on_where_it_was_kept() -> None:
    network = build()
    first, second = Average(network, 0.99), Average(network, 0.99)
    for _ in range(3):
        first.update(network)
    second.load_state_dict(first.state_dict())
    network.head.weight.data.fill_(5.0)
    for average in (first, second):
        average.update(network)
    assert torch.equal(first.network.head.weight, second.network.head.weight)


def test_frozen_norms_keep_their_statistics_and_learn_their_scale() -> None:
    network = build()
    set_training(network, freeze_norm=True)
    assert not norms_follow(network)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    features = network.features(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
    features.sum().backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(before[name], now) for name, now in network.named_buffers())
    assert all(p.grad is not None for p in network.backbone.parameters())
