"""Collage: the images of a product side by side in one picture."""

import pytest
import torch

from etalage.errors import ModelError
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import Architecture
from etalage.models.collage import CollageModel, collages
from etalage.models.fusion import Places
from etalage.models.network import ProductModel
from models.conftest import ARCHITECTURE

COLLAGE = Architecture(**vars(ARCHITECTURE) | {"fusion": "collage"})
PRODUCT = torch.tensor([0, 0, 1, 3, 3, 3, 4, 4])
PLACES = Places(PRODUCT, torch.tensor([0, 1, 0, 0, 1, 2, 1, 3]), 5)


def photos(count: int) -> torch.Tensor:
    """Return random images."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator)


@pytest.fixture
def made() -> ProductModel:
    """Return a network over three categories."""
    torch.manual_seed(1)
    network = COLLAGE.assemble(create_backbone("test_byobnet", {}, size=32), 3)
    torch.nn.init.normal_(network.head.weight, std=1.0)
    return network.eval()


def test_images_lie_side_by_side_in_the_order_of_their_ranks() -> None:
    pixels = photos(8)
    pictures = {
        int(owner): picture
        for owners, group in collages(pixels, PLACES)
        for owner, picture in zip(owners, group, strict=True)
    }
    assert set(pictures) == {0, 1, 3, 4}
    for owner, picture in pictures.items():
        assert torch.equal(picture, torch.cat(list(pixels[owner == PRODUCT]), dim=1))


def test_a_product_is_answered_alike_whoever_shares_its_batch(made: ProductModel) -> None:
    pixels = photos(8)
    with torch.inference_mode():
        together = made(pixels, PLACES)
        for owner in (0, 1, 3, 4):
            theirs = owner == PRODUCT
            ranks = PLACES.rank[theirs]
            alone = made(pixels[theirs], Places(torch.zeros_like(ranks), ranks, 1))
            assert torch.allclose(together[owner : owner + 1], alone, atol=1e-4)


def test_a_single_image_is_answered_as_without_collage(made: ProductModel) -> None:
    plain = ProductModel(made.backbone, made.fusion, 3, COLLAGE.mean, COLLAGE.std).eval()
    plain.head = made.head
    pixels, each = photos(3), torch.arange(3)
    with torch.inference_mode():
        places = Places(each, torch.zeros_like(each), 3)
        assert torch.allclose(made(pixels, places), plain(pixels, places), atol=1e-5)


def test_the_order_of_a_products_images_matters(made: ProductModel) -> None:
    pixels, places = photos(2), Places(torch.zeros(2, dtype=torch.int64), torch.arange(2), 1)
    with torch.inference_mode():
        assert not torch.allclose(made(pixels, places), made(pixels.flip(0), places), atol=1e-3)


def test_products_without_images_get_the_bias(made: ProductModel) -> None:
    nothing = Places(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 2)
    with torch.inference_mode():
        assert torch.equal(made(photos(0), nothing), made.head.bias.expand(2, -1))
        assert torch.equal(made(photos(8), PLACES)[2], made.head.bias)


def test_every_group_is_learned_from_even_a_single_picture(made: ProductModel) -> None:
    made.train()(photos(8), PLACES).square().sum().backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


def test_a_backbone_that_wants_squares_is_refused() -> None:
    backbone = create_backbone("test_vit", {"dynamic_img_size": False}, size=160)
    vit = Architecture(**vars(COLLAGE) | {"backbone": "test_vit", "image_size": 160})
    with pytest.raises(ModelError, match="'test_vit' refuses a collage, a picture of 160x320"):
        vit.assemble(backbone, 3)


def test_features_of_single_images_are_refused(made: ProductModel) -> None:
    assert isinstance(made, CollageModel)
    with pytest.raises(ModelError, match="a single image has no features of its own"):
        made.features(photos(2))
    with pytest.raises(ModelError, match="a single image has no features of its own"):
        made.classify(torch.zeros(2, 256), PLACES)


def test_a_runtime_in_the_backbones_place_is_given_the_pictures(made: ProductModel) -> None:
    widths = []

    def compute(pictures: torch.Tensor) -> torch.Tensor:
        widths.append(pictures.shape[2])
        return made.backbone_features(pictures)

    with torch.inference_mode():
        before = made(photos(8), PLACES)
        made.engine = compute
        assert torch.equal(made(photos(8), PLACES), before)
    assert widths == [32, 64, 96]


def test_mirrored_each_image_stays_in_its_place(made: ProductModel) -> None:
    pixels = photos(8)
    with torch.inference_mode():
        straight, turned = made(pixels, PLACES), made(pixels.flip(2), PLACES)
        made.mirror = True
        both = made(pixels, PLACES)
    assert torch.allclose(both, (straight + turned) / 2, atol=1e-5)
    assert not torch.allclose(straight, turned, atol=1e-3)
