"""Mixing products and changing images: what is drawn, what becomes of pixels and targets."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.training.augment import images_to_keep, shrink
from etalage.training.mix import Mix, mix

PRODUCT = np.array([0, 0, 0, 1, 2, 2])


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def plain(values: list[int], side: int = 16) -> Tensor:
    """Return images of one value each."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, side, side, 3)


def mixed(seed: int, **alphas: float) -> tuple[NDArray[np.uint8], Mix]:
    """Mix three products whose image of rank r is 10 (1 + 3 product + r) all over."""
    pixels = plain([10, 20, 30, 40, 70, 80])
    found, how = mix(pixels, PRODUCT, seeded(seed), **({"mixup": 0.0, "cutmix": 0.0} | alphas))
    assert how is not None
    return found.numpy(), how


def partner_values(how: Mix) -> list[int]:
    """Return what the partner's image at the same rank, or its last, is filled with."""
    images = [[10, 20, 30], [40], [70, 80]]
    theirs = [images[partner] for partner in how.partner.tolist()]
    ranks = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]
    return [theirs[own][min(rank, len(theirs[own]) - 1)] for own, rank in ranks]


@pytest.mark.parametrize("seed", range(5))
def test_mixup_blends_the_images_of_two_products_rank_by_rank(seed: int) -> None:
    pixels, how = mixed(seed, mixup=0.4)
    own = how.own[PRODUCT, 0].numpy()
    expected = own * [10, 20, 30, 40, 70, 80] + (1 - own) * partner_values(how)
    assert np.abs(pixels[:, 3, 5, 1] - expected).max() <= 0.501
    assert (pixels == pixels[:, :1, :1, :1]).all()


@pytest.mark.parametrize("seed", range(5))
def test_cutmix_takes_a_square_of_just_the_area_the_target_says(seed: int) -> None:
    pixels, how = mixed(seed, cutmix=1.0)
    values, theirs = [10, 20, 30, 40, 70, 80], partner_values(how)
    for image, value, other, own in zip(pixels, values, theirs, how.own[PRODUCT, 0], strict=True):
        assert set(np.unique(image)) <= {value, other}
        if value != other:
            assert (image[:, :, 0] == other).mean() == pytest.approx(1 - own.item(), abs=1e-6)


def test_vectors_are_blended_as_pixels_are() -> None:
    vectors = torch.tensor([[10.0], [20.0], [30.0], [40.0], [70.0], [80.0]])
    found, how = mix(vectors, PRODUCT, seeded(1), mixup=0.4, cutmix=0.0)
    assert how is not None
    own = how.own[PRODUCT]
    expected = own * vectors + (1 - own) * torch.tensor(partner_values(how)).unsqueeze(1)
    assert torch.allclose(found, expected)


def test_targets_are_blended_in_the_same_proportion() -> None:
    how = Mix(torch.tensor([1, 0]), torch.tensor([[0.25], [1.0]]))
    blended = how.blend(torch.tensor([[4.0, 0.0], [0.0, 8.0]]))
    assert blended.tolist() == [[1.0, 6.0], [0.0, 8.0]]


def test_where_both_are_asked_for_each_batch_has_one_of_them() -> None:
    cut = [len(np.unique(mixed(seed, mixup=1.0, cutmix=1.0)[0][3])) > 1 for seed in range(20)]
    assert 0 < sum(cut) < 20


def test_the_same_seed_mixes_the_same() -> None:
    first, second = mixed(3, mixup=0.4), mixed(3, mixup=0.4)
    assert np.array_equal(first[0], second[0])
    assert torch.equal(first[1].own, second[1].own)


def test_nothing_is_mixed_unasked() -> None:
    pixels = plain([1, 2])
    assert mix(pixels, np.array([0, 1]), seeded(), mixup=0.0, cutmix=0.0) == (pixels, None)


def test_some_images_are_left_out_and_one_of_each_product_stays() -> None:
    product = np.repeat(np.arange(1000), 4)
    kept = images_to_keep(product, 0.5, seeded())
    counts = np.bincount(product[kept], minlength=1000)
    assert counts.min() == 1
    # Binomial, but for those where all four were to go: 2 + 1/16 on average.
    assert counts.mean() == pytest.approx(2 + 1 / 16, abs=0.1)
    assert np.bincount(kept % 4).tolist() == pytest.approx([516] * 4, abs=60)


def test_at_a_share_of_one_a_random_image_of_each_product_stays() -> None:
    kept = images_to_keep(np.repeat(np.arange(500), 2), 1.0, seeded())
    assert (kept // 2).tolist() == list(range(500))
    assert 200 < (kept % 2).sum() < 300


def test_no_image_is_left_out_unasked() -> None:
    assert images_to_keep(PRODUCT, 0.0, seeded()).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_shrunk_image_is_the_mean_of_what_falls_together() -> None:
    stripes = torch.tensor([0, 200, 200, 0] * 4, dtype=torch.uint8)
    small = shrink(stripes.view(1, 1, 16, 1).expand(2, 16, 16, 3), 4)
    assert small.shape == (2, 4, 4, 3) and small.dtype == torch.uint8
    assert (small.int() - 100).abs().max() < 25


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    pixels = plain([1, 2])
    assert shrink(pixels, 16) is pixels
