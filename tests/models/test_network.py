"""The network over products: fusion, normalisation, freezing."""

import pytest
import torch

from etalage.errors import ModelError
from etalage.models.backbone import create_backbone
from etalage.models.fusion import Places, create_fusion
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import pick_device, use_bf16


def photos(count: int) -> torch.Tensor:
    """Return random images."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator)


def places(products: list[int], count: int) -> Places:
    """Return the places of images in ascending rank."""
    ranks = [products[:position].count(owner) for position, owner in enumerate(products)]
    owners, order = (torch.tensor(each, dtype=torch.int64) for each in (products, ranks))
    return Places(owners, order, count)


def test_a_product_is_the_mean_of_its_images_and_zeros_without_any() -> None:
    fuse = create_fusion("mean", 2)
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    fused = fuse(features, places([0, 2, 2], 4))
    assert fused.tolist() == [[1.0, 2.0], [0.0, 0.0], [4.0, 5.0], [0.0, 0.0]]


def test_an_unknown_fusion_is_refused() -> None:
    with pytest.raises(ModelError, match="there are mean"):
        create_fusion("blender", 2)


def test_a_product_is_answered_alike_whoever_shares_its_batch(network: ProductModel) -> None:
    pixels, product = photos(5), [0, 0, 1, 2, 2]
    with torch.inference_mode():
        together = network(pixels, places(product, 3))
        alone = network(pixels[:2], places(product[:2], 1))
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_the_order_of_a_products_images_does_not_matter(network: ProductModel) -> None:
    pixels, alone = photos(3), places([0, 0, 0], 1)
    with torch.inference_mode():
        straight, turned = network(pixels, alone), network(pixels.flip(0), alone)
    assert torch.allclose(straight, turned, atol=1e-5)


def test_products_without_any_image_are_answered_too(network: ProductModel) -> None:
    with torch.inference_mode():
        logits = network(photos(0), places([], 2))
    assert torch.equal(logits, network.head.bias.expand(2, -1))


def test_pixels_are_normalised_by_the_models_mean_and_deviation() -> None:
    identity = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 1.0)
    network = ProductModel(identity, create_fusion("mean", 3), 2, mean, std)
    grey = torch.full((1, 4, 4, 3), 51, dtype=torch.uint8)
    assert network.features(grey)[0].tolist() == pytest.approx([0.2, 0.0, -0.1], abs=1e-6)


def test_a_frozen_backbone_keeps_weights_and_statistics(network: ProductModel) -> None:
    network.freeze_backbone()
    before = {key: value.clone() for key, value in network.backbone.state_dict().items()}
    network.train()
    network(photos(4), places([0, 1, 2, 3], 4)).sum().backward()
    after = network.backbone.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


def test_the_middle_is_cut_out() -> None:
    pixels = torch.arange(36).view(1, 6, 6, 1).expand(1, 6, 6, 3)
    assert centre_crop(pixels, 2)[0, :, :, 0].tolist() == [[14, 15], [20, 21]]


def test_a_depthwise_backbone_stays_in_float32_on_a_processor() -> None:
    network = create_backbone("test_efficientnet", {}, size=32).network
    assert not use_bf16(network, torch.device("cpu"))


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="cuda:77"):
        pick_device("cuda:77")
