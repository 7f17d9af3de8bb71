"""What a training needs is foreseen before its first step."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from etalage.errors import ModelError
from etalage.models.backbone import create_backbone
from etalage.training import Recipe, TrainReport
from etalage.training.memory import Need, backbone_bytes, free_memory, require_room
from etalage.training.plan import Data, Plan, make_plan

NEED = Need(fixed=1000, image=100.0, product=10.0, mean=2.0, deviation=1.0, most=4)


@pytest.fixture
def plan(make_data: Callable[..., Data], tiny: Recipe) -> Plan:
    """Return the plan of a training on 48 products."""
    data = make_data([0] * 48, [("", "", "")])
    return make_plan(tiny, data, torch.device("cpu"), bf16=False)


def really_kept(network: torch.nn.Module, images: int) -> int:
    """Return the bytes that autograd keeps of some images, weights apart."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = network(torch.rand(images, 3, 64, 64).to(memory_format=torch.channels_last))
    assert answer.requires_grad
    return sum(size for place, size in kept.items() if place not in own)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_050", "test_vit"])
def test_what_autograd_keeps_of_an_image_is_foreseen(name: str) -> None:
    args = {"img_size": 64} if name == "test_vit" else {}
    network = create_backbone(name, args, size=64).network.train()
    foreseen, found = backbone_bytes(network, 64, bf16=False), really_kept(network, 4) / 4
    assert found <= foreseen < 1.5 * found


def test_foreseeing_leaves_weights_statistics_and_random_numbers_alone() -> None:
    network = create_backbone("test_byobnet", {"drop_path_rate": 0.2}, size=32).network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    backbone_bytes(network, 32, bf16=True)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


def test_as_many_products_fit_as_are_said_to() -> None:
    for free in (999, 1000, 1500, 9000, 70_000):
        fits = NEED.fitting(400, free)
        assert fits == 0 or NEED.batch(fits) <= free
        assert fits == 400 or NEED.batch(fits + 1) > free


def test_too_large_a_batch_names_the_size_that_fits(tiny: Recipe, plan: Plan) -> None:
    recipe = replace(tiny, batch_products=32)
    with pytest.raises(ModelError, match=r"a batch of 32 products takes .*: 9 products fit") as no:
        require_room(NEED, NEED.batch(9), recipe, plan)
    assert no.value.hint == "--set batch_products=8 --set accumulate=4"
    require_room(NEED, NEED.batch(32), recipe, plan)


def test_where_not_even_one_fits_smaller_images_are_the_hint(tiny: Recipe, plan: Plan) -> None:
    with pytest.raises(ModelError, match="not even one product fits") as refused:
        require_room(NEED, 500, tiny, plan)
    assert "image_size" in refused.value.hint


def test_images_that_fit_into_no_memory_are_refused_before_anything_is_written(
    begin: Callable[..., TrainReport], tiny: Recipe, tmp_path: Path
) -> None:
    huge = replace(tiny, image_size=2000, load_size=2000, batch_products=40)
    with pytest.raises(ModelError, match=r"a batch of 39 products takes about [\d.]+ GB"):
        begin(tmp_path / "model", huge)
    assert not (tmp_path / "model").exists()


def test_the_processor_has_memory() -> None:
    whole, half = (free_memory(torch.device("cpu"), beside) for beside in (1, 2))
    assert 0 < half < 0.6 * whole
