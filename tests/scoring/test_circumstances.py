"""What the catalogue says of scored products: copies, conflicts, known images, training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.catalogue.split import read_split, split
from etalage.errors import CatalogueError, PredictionsError
from etalage.scoring.score import Score, score
from scoring.conftest import TEST, TRAIN, Shops, shop


def said(found: Score, view: str) -> dict[str, tuple[int, float]]:
    """Return the products and the leaf accuracy of the groups of a view."""
    groups = getattr(found, f"by_{view}")
    return {group.name: (group.products, group.accuracy.level3) for group in groups}


def test_a_seen_product_shows_an_image_of_training(shops: Shops) -> None:
    found = score(shops.answers, shops.test, known=shops.train)
    assert said(found, "seen") == {"unseen": (5, 2 / 5), "seen": (3, 2 / 3)}
    assert found.training == str(shops.train)


def test_conflict_free_products_are_those_whose_group_has_one_label(shops: Shops) -> None:
    found = score(shops.answers, shops.test)
    assert said(found, "conflict") == {"free": (6, 3 / 6), "in conflict": (2, 1 / 2)}
    assert (found.by_seen, found.training) == ((), None)


def test_duplicate_groups_are_drawn_together(shops: Shops) -> None:
    assert score(shops.answers, shops.test).units == 6


def test_what_the_index_does_not_have_is_unknown(shops: Shops, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("_id,category_id\n11,10\n99,20\n98,10\n")
    found = score(shops.answers, tmp_path / "t.csv", index=shops.test, known=shops.train)
    assert said(found, "seen") == {"unknown": (2, 0.0), "seen": (1, 1.0)}
    assert said(found, "conflict") == {"unknown": (2, 0.0), "free": (1, 1.0)}
    assert found.units == 3


def test_an_index_without_labels_takes_those_of_the_truth(shops: Shops, tmp_path: Path) -> None:
    bare = shop(tmp_path, "bare", [(product, images, None) for product, images, _ in TEST])
    rows = "".join(f"{product},{category}\n" for product, _, category in TEST)
    (tmp_path / "t.csv").write_text("_id,category_id\n" + rows)
    found = score(shops.answers, tmp_path / "t.csv", index=bare)
    assert said(found, "conflict") == said(score(shops.answers, shops.test), "conflict")


def test_deciles_are_of_the_training_products(shops: Shops) -> None:
    found = score(shops.answers, shops.test, known=shops.train)
    about = [(group.name, group.products, group.about) for group in found.by_decile]
    assert about == [
        ("1", 4, {"categories": 1, "least": 0, "most": 0}),  # category 30
        ("4", 2, {"categories": 1, "least": 1, "most": 1}),  # category 20
        ("7", 2, {"categories": 1, "least": 2, "most": 2}),  # category 10
    ]


def test_the_train_part_of_a_split_is_training(shops: Shops, tmp_path: Path) -> None:
    split(shops.test, tmp_path / "s.parquet", validation=0.0, test=0.4, by="product", seed=1)
    part: dict[str, Any] = {"split": tmp_path / "s.parquet", "part": "test"}
    found = score(shops.answers, shops.test, **part)
    assert found.training == f"train of {tmp_path / 's.parquet'}"
    chosen = read_split(tmp_path / "s.parquet")
    parts = dict(zip(chosen.product_ids.to_pylist(), chosen.part.tolist(), strict=True))
    learned = {image for product, images, _ in TEST if parts[product] == 0 for image in images}
    scored = [images for product, images, _ in TEST if parts[product] == 2]
    seen = sum(not learned.isdisjoint(images) for images in scored)
    assert {group.name: group.products for group in found.by_seen} == {
        name: count for name, count in (("unseen", len(scored) - seen), ("seen", seen)) if count
    }
    assert 0 < seen < len(scored)
    same = score(shops.answers, shops.test, known=shops.test, **part)
    assert same.by_seen == found.by_seen


def test_the_scored_index_is_not_its_own_training(shops: Shops) -> None:
    with pytest.raises(PredictionsError, match="is the very index that is scored"):
        score(shops.answers, shops.test, known=shops.test)


def test_indexes_hashed_in_two_ways_are_refused(shops: Shops, tmp_path: Path) -> None:
    other = shop(tmp_path, "train", TRAIN, hash_name="md5")
    with pytest.raises(CatalogueError, match="hashed with xxh3, those of .* with md5"):
        score(shops.answers, shops.test, known=other)


def test_audited_figures_stand_beside_the_given_ones(shops: Shops, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("_id,category_id\n12,20\n13,10\n14,30\n77,10\n")
    found = score(shops.answers, shops.test, audited=tmp_path / "a.csv")
    assert found.truth["labels"] == "given"
    assert found.audited is not None
    assert (found.audited.products, found.audited.accuracy.level3) == (3, 2 / 3)
    assert found.audited.truth["labels"] == "audited"
    assert found.corrected is not None
    assert (found.corrected.noise.rate, found.corrected.estimated) == (2 / 3, True)
    assert found.corrected.level3 == 1.0
    assert found.accuracy == score(shops.answers, shops.test).accuracy


def test_decisions_about_other_products_are_refused(shops: Shops, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("_id,category_id\n77,10\n")
    with pytest.raises(PredictionsError, match="none of its 1 decisions is about one of the 8"):
        score(shops.answers, shops.test, audited=tmp_path / "a.csv")


def test_audited_products_keep_their_circumstances(shops: Shops, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("_id,category_id\n16,20\n12,10\n")
    found = score(shops.answers, shops.test, known=shops.train, audited=tmp_path / "a.csv").audited
    assert found is not None
    assert said(found, "seen") == {"unseen": (1, 1.0), "seen": (1, 1.0)}
    assert {group.name for group in found.by_images} == {"1"}
    assert np.isclose(found.accuracy.level3, 1.0)
