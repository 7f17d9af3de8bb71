"""Fusions: whatever the images, their order and their company, a product is answered as itself."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from etalage.models.fusion import FUSIONS, Places, create_fusion, prepare
from etalage.models.places import softmax
from etalage.models.whitening import Whitening

WIDTH = 20
LEARNED = ("whitened", "attention", "set")
counts_of_images = st.lists(st.integers(0, 6), min_size=1, max_size=6)


def places(counts: list[int]) -> Places:
    """Return the places of the images of products with so many each, in order of rank."""
    ranks = [torch.arange(count) for count in counts]
    product = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Places(product, torch.cat(ranks), len(counts))


def features(count: int) -> Tensor:
    """Return random features of images."""
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(count))


def grown(name: str) -> Callable[[Tensor, Places], Tensor]:
    """Return a fusion whose parameters are all at random, as after a training."""
    fusion = create_fusion(name, WIDTH)
    assert isinstance(fusion, nn.Module)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    prepare(fusion, features(9), places([3, 2, 4]))
    return fusion


@pytest.mark.parametrize("name", FUSIONS)
@given(counts=counts_of_images)
@settings(deadline=None, max_examples=25)
def test_a_product_is_fused_alike_alone_and_in_company(name: str, counts: list[int]) -> None:
    fuse, there = grown(name), places(counts)
    given_features = features(sum(counts))
    with torch.no_grad():
        together = fuse(given_features, there)
        for product, count in enumerate(counts):
            alone = fuse(given_features[there.product == product], places([count]))
            assert torch.allclose(together[product], alone[0], atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
@given(counts=counts_of_images, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_only_ranks_tell_the_order_of_images(name: str, counts: list[int], seed: int) -> None:
    fuse, there, given_features = grown(name), places(counts), features(sum(counts))
    order = torch.randperm(sum(counts), generator=torch.Generator().manual_seed(seed))
    mixed = Places(there.product[order], there.rank[order], there.count)
    with torch.no_grad():
        straight, turned = fuse(given_features, there), fuse(given_features[order], mixed)
    assert torch.allclose(straight, turned, atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_a_product_without_images_is_zeros_even_among_none(name: str) -> None:
    fuse = grown(name)
    assert not fuse(features(3), places([2, 0, 1]))[1].any()
    assert not fuse(features(0), places([0, 0])).any()


@pytest.mark.parametrize("name", ["logits", *LEARNED])
def test_without_anything_learned_it_is_the_mean(name: str) -> None:
    there, given_features = places([3, 1, 0, 12]), features(16)
    mean = create_fusion("mean", WIDTH)(given_features, there)
    assert torch.allclose(create_fusion(name, WIDTH)(given_features, there), mean, atol=1e-6)


def test_the_largest_is_taken_feature_by_feature() -> None:
    fuse, values = create_fusion("max", 2), torch.tensor([[1.0, -5.0], [-2.0, -4.0], [3.0, 3.0]])
    assert fuse(values, places([2, 1])).tolist() == [[1.0, -4.0], [3.0, 3.0]]


@pytest.mark.parametrize("name", ["attention", "set"])
def test_every_parameter_of_a_learned_fusion_learns(name: str) -> None:
    fuse, there = grown(name), places([3, 1, 2])
    assert isinstance(fuse, nn.Module)
    (fuse(features(6), there) * features(3)).sum().backward()
    still = [
        key for key, each in fuse.named_parameters() if each.grad is None or not each.grad.any()
    ]
    assert still == []


@pytest.mark.parametrize("name", ["attention", "set"])
def test_a_learned_fusion_learns_from_where_it_starts(name: str) -> None:
    fuse = create_fusion(name, WIDTH)
    assert isinstance(fuse, nn.Module)
    (fuse(features(6), places([3, 1, 2])) * features(3)).sum().backward()  # type: ignore[no-untyped-call]
    assert any(each.grad is not None and each.grad.any() for each in fuse.parameters())


@pytest.mark.parametrize("name", ["attention", "set"])
def test_ranks_and_numbers_beyond_the_embedded_share_the_last(name: str) -> None:
    fuse, there = grown(name), places([12])
    swapped = Places(there.product, there.rank.clone(), 1)
    swapped.rank[8], swapped.rank[11] = 11, 8
    with torch.no_grad():
        assert torch.equal(fuse(features(12), there), fuse(features(12), swapped))
    swapped.rank[0], swapped.rank[1] = 1, 0
    assert not torch.allclose(fuse(features(12), there), fuse(features(12), swapped))


def test_shares_add_up_to_one_however_large_the_scores() -> None:
    there = places([3, 1, 2])
    shares = softmax(1000 * features(6), there)
    total = torch.zeros(3, WIDTH).index_add(0, there.product, shares)
    assert torch.allclose(total, torch.ones(3, WIDTH))


def test_what_differs_between_images_of_a_product_is_damped_and_nothing_else() -> None:
    viewpoint = torch.zeros(WIDTH)
    viewpoint[3] = 1
    owners = features(40).repeat_interleave(2, 0)
    seen = owners + 10 * torch.randn(80, 1, generator=torch.Generator().manual_seed(0)) * viewpoint
    whiten = Whitening(WIDTH)
    whiten.learn(seen, places([2] * 40))
    kept = whiten(torch.eye(WIDTH)).diagonal()
    assert kept[3] < 0.1
    assert torch.allclose(kept[torch.arange(WIDTH) != 3], torch.ones(WIDTH - 1), atol=1e-3)


def test_products_of_one_image_say_nothing_about_viewpoints() -> None:
    fusion = create_fusion("whitened", WIDTH)
    assert isinstance(fusion, nn.Module)
    prepare(fusion, features(5), places([1, 1, 1, 1, 1]))
    assert torch.equal(fusion(features(5), places([1] * 5)), features(5))


@pytest.mark.parametrize("products", [4, 40])
def test_viewpoints_are_learned_from_few_images_and_from_many(products: int) -> None:
    whiten = Whitening(WIDTH)
    whiten.learn(features(3 * products), places([3] * products))
    spread = whiten(features(3 * products)).var(0).sum() / features(3 * products).var(0).sum()
    assert 0 < spread < 0.9
