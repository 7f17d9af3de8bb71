import hashlib
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest


def _image_hashes(document: dict[str, Any]) -> list[bytes]:
    return [hashlib.md5(image["picture"]).digest() for image in document["imgs"]]


@pytest.fixture(scope="module")
def hashes(made: Any) -> dict[int, list[bytes]]:
    """The hashes of the images of every train product."""
    return {d["_id"]: _image_hashes(d) for d in made.documents("train.bson")}


def test_image_counts_have_the_published_proportions(made: Any) -> None:
    documents = made.documents("train.bson") + made.documents("test.bson")
    counts = np.bincount([len(document["imgs"]) for document in documents])[1:] / len(documents)
    assert counts == pytest.approx([0.618, 0.160, 0.077, 0.146], abs=0.012)


def test_37_percent_of_train_images_are_copies(made: Any, hashes: dict[int, list[bytes]]) -> None:
    every = [one for several in hashes.values() for one in several]
    copied = 1 - len(set(every)) / len(every)
    assert copied == pytest.approx(0.372, abs=0.01)
    assert made.report.copied == pytest.approx(copied, abs=1e-4)


def test_copies_are_heavy_tailed(hashes: dict[int, list[bytes]]) -> None:
    copies = Counter(Counter(one for several in hashes.values() for one in several).values())
    assert copies[1] > 3 * copies[2] > 6 * copies[3] > 0
    assert max(copies) >= 15


def test_a_few_hashes_are_under_several_categories(
    hashes: dict[int, list[bytes]], made: Any
) -> None:
    categories = defaultdict(set)
    for document in made.documents("train.bson"):
        for one in hashes[document["_id"]]:
            categories[one].add(document["category_id"])
    several = np.mean([len(found) > 1 for found in categories.values()])
    assert several == pytest.approx(0.0147, abs=0.004)


def test_copies_stay_mostly_with_one_reseller(hashes: dict[int, list[bytes]], made: Any) -> None:
    seller = {int(row["_id"]): row["reseller"] for row in made.rows("products.csv")}
    sellers = defaultdict(list)
    for product, several in hashes.items():
        for one in several:
            sellers[one].append(seller[product])
    copied = [found for found in sellers.values() if len(found) > 1]
    assert np.mean([len(set(found)) == 1 for found in copied]) > 0.8


def test_a_tenth_of_the_labels_is_wrong_mostly_within_the_branch(made: Any) -> None:
    paths = {row["category_id"]: row for row in made.rows("category_names.csv")}
    rows = made.rows("train_truth.csv") + made.rows("test_truth.csv")
    wrong = [row for row in rows if row["category_id"] != row["given_category_id"]]
    near = [
        paths[r["category_id"]]["category_level2"]
        == paths[r["given_category_id"]]["category_level2"]
        for r in wrong
    ]
    assert len(wrong) / len(rows) == pytest.approx(0.10, abs=0.005)
    assert 0.5 < np.mean(near) < 0.95


def test_resellers_differ_in_size_and_care(made: Any) -> None:
    rows = made.rows("resellers_truth.csv")
    products = np.array([int(row["products"]) for row in rows])
    wrong = np.array([int(row["wrong"]) for row in rows])
    large = products >= 60
    assert products.max() > 30 * np.median(products[products > 0])
    assert (wrong / products.clip(1))[large].max() > 3 * (wrong / products.clip(1))[large].min()


def test_sizes_of_categories_have_a_long_tail_and_a_floor(made: Any) -> None:
    rows = made.rows("train_truth.csv") + made.rows("test_truth.csv")
    sizes = np.sort(list(Counter(row["category_id"] for row in rows).values()))
    assert sizes[0] >= 6
    assert sizes[: len(sizes) * 3 // 4].sum() < 0.15 * sizes.sum()


def test_test_products_share_images_with_train(made: Any, hashes: dict[int, list[bytes]]) -> None:
    train = {one for several in hashes.values() for one in several}
    shared = [not train.isdisjoint(_image_hashes(d)) for d in made.documents("test.bson")]
    assert 0.35 < np.mean(shared) < 0.6
