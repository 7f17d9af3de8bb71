"""Specialists: the weighted geometric mean of the parts that apply to a product."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.models.runtimes import Runtime
from etalage.models.scope import Scope
from etalage.models.specialists import Member, Specialists
from models.conftest import PRIOR, TAXONOMY


@dataclass
class Fixed:
    """Answers every product alike, and notes the ranks it was shown."""

    answer: list[float]
    size: int = 4
    max_images: int | None = None
    taxonomy: Taxonomy = field(default_factory=lambda: TAXONOMY)
    temperature: float = 1.0
    prior: NDArray[np.float32] = field(default_factory=lambda: PRIOR)
    fingerprint: str = ""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    ranks: list[int] = field(default_factory=list)

    def use_runtime(self, name: str, *, images: int | None = None) -> Runtime:
        return Runtime(name, "float32")

    def probabilities(
        self,
        pixels: NDArray[np.uint8],
        product: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.float32]:
        assert len(pixels) == len(product) == len(rank) and product.max() == count - 1
        self.ranks += rank.tolist()
        return np.tile(np.array(self.answer, np.float32), (count, 1))


A, B, C = [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]


def together(*members: tuple[Any, ...], temperature: float = 1.0) -> Specialists:
    """Return specialists of (answer, weight, scope)."""
    made = [
        Member(f"part{number}", Scope(**scope), weight, Fixed(answer))
        for number, (answer, weight, scope) in enumerate(members)
    ]
    return Specialists(made, TAXONOMY, temperature=temperature, prior=PRIOR, fingerprint="",
                       device=torch.device("cpu"))  # fmt: skip


def ask(model: Specialists, images: list[int]) -> NDArray[np.float32]:
    """Return the answers for products with so many images."""
    product = np.repeat(np.arange(len(images)), images)
    rank = np.concatenate([np.arange(count) for count in images])
    pixels = np.zeros((len(product), 4, 4, 3), np.uint8)
    return model.probabilities(pixels, product, rank, len(images))


def mean(*weighted: tuple[list[float], float]) -> NDArray[np.float32]:
    """Return the weighted geometric mean of answers."""
    total = sum(weight for _, weight in weighted)
    product = np.prod([np.array(each) ** (weight / total) for each, weight in weighted], axis=0)
    return np.asarray(product / product.sum(), np.float32)


def test_parts_that_apply_are_averaged_by_their_weights() -> None:
    model = together((A, 0.5, {}), (B, 2.0, {"count": "2"}), (C, 1.0, {"count": "3+"}))
    found = ask(model, [1, 2, 3, 5])
    assert found[0] == pytest.approx(np.array(A), abs=1e-6)
    assert found[1] == pytest.approx(mean((A, 0.5), (B, 2.0)), abs=1e-6)
    assert found[2] == pytest.approx(mean((A, 0.5), (C, 1.0)), abs=1e-6)
    assert found[3] == pytest.approx(found[2])


def test_a_part_counts_by_the_share_of_images_it_looks_at() -> None:
    model = together((A, 1.0, {"images": "first"}), (B, 1.0, {"images": "later"}))
    found = ask(model, [1, 2, 4])
    assert found[0] == pytest.approx(np.array(A), abs=1e-6)
    assert found[1] == pytest.approx(mean((A, 1.0), (B, 1.0)), abs=1e-6)
    assert found[2] == pytest.approx(mean((A, 1.0), (B, 3.0)), abs=1e-6)


def test_a_part_for_later_images_sees_them_as_it_learned_them() -> None:
    model = together((A, 1.0, {"images": "later"}))
    ask(model, [1, 3])
    (member,) = model.members
    assert isinstance(member.model, Fixed)
    assert member.model.ranks == [0, 1]


def test_who_no_part_applies_to_is_answered_by_the_general_one_else_the_prior() -> None:
    with_general = together((A, 0.0, {}), (B, 1.0, {"count": "2"}))
    assert ask(with_general, [1, 2]) == pytest.approx(np.array([A, B]), abs=1e-6)
    without = together((B, 1.0, {"count": "2"}))
    assert ask(without, [1, 2]) == pytest.approx(np.array([PRIOR, B]), abs=1e-6)


def test_a_product_without_images_gets_the_prior() -> None:
    assert ask(together((A, 1.0, {})), [1, 0, 1])[1].tolist() == PRIOR.tolist()


def test_the_temperature_sharpens_or_softens_the_mean() -> None:
    found = ask(together((A, 1.0, {}), temperature=0.5), [1])[0]
    squared = np.array(A) ** 2
    assert found == pytest.approx(squared / squared.sum(), abs=1e-6)


def test_a_probability_of_nothing_is_no_veto_without_bounds() -> None:
    found = ask(together(([1.0, 0.0, 0.0], 1.0, {}), (B, 1.0, {})), [1])
    assert np.isfinite(found).all() and found.sum() == pytest.approx(1)


def test_parts_of_different_categories_do_not_go_together() -> None:
    other = Fixed(A, taxonomy=Taxonomy(np.array([1, 2, 3]), TAXONOMY.paths))
    members = [Member("a", Scope(), 1.0, Fixed(A)), Member("b", Scope(), 1.0, other)]
    with pytest.raises(ModelError, match="'b' has other categories"):
        Specialists(members, TAXONOMY, temperature=1.0, prior=PRIOR, fingerprint="",
                    device=torch.device("cpu"))  # fmt: skip
