"""The published figures of the 2017 catalogue, from its real counts and through the report."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from etalage.catalogue.duplicates import find_shared
from etalage.catalogue.taxonomy import Taxonomy
from etalage.reports import categories
from etalage.reports.copies import Copies, copy_counts, copy_distribution, image_counts
from etalage.reports.page import text_of

PRODUCTS = {1: 4_369_441, 2: 1_128_588, 3: 542_792, 4: 1_029_075}
TOP_TEN = [16643, 16563, 16480, 15013, 13278, 13197, 10404, 9862, 9836, 9836]
IMAGES, DISTINCT = 12_371_293, 7_772_910


@dataclass(frozen=True)
class Published:
    """The catalogue as arrays."""

    taxonomy: Taxonomy
    labels: NDArray[np.int32]
    image_count: NDArray[np.int32]


def assign(products: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many products of each category have 1, 2, 3 and 4 images, (C, 4).

    Each category has its products and images, and all together the published numbers: each begins
    with ones and fours only, which are then traded for twos and threes.
    """
    extra = images - products
    dealt = np.zeros((len(products), 4), np.int64)
    rest = extra % 3
    dealt[:, 3] = extra // 3
    dealt[rest == 1, 1] = 1
    dealt[rest == 2, 2] = 1
    dealt[:, 0] = products - dealt.sum(axis=1)
    trade(dealt, (-1, 1, 1, -1), int(PRODUCTS[2] - dealt[:, 1].sum()) % 3)
    trade(dealt, (-1, 0, 3, -2), int(PRODUCTS[3] - dealt[:, 2].sum()) // 3)
    trade(dealt, (-2, 3, 0, -1), int(PRODUCTS[2] - dealt[:, 1].sum()) // 3)
    return dealt


def trade(dealt: NDArray[np.int64], change: tuple[int, int, int, int], times: int) -> None:
    """Apply a change that keeps products and images, as often as asked, wherever it can be."""
    taken = np.array(change)
    possible = np.min(dealt[:, taken < 0] // -taken[taken < 0], axis=1)
    before = np.cumsum(possible) - possible
    dealt += np.clip(times - before, 0, possible)[:, None] * taken


@pytest.fixture(scope="module")
def published(shared: Path) -> Published:
    """Seven million labels and numbers of images with the real counts of every category."""
    path = shared / "data/cdiscount/category_stats.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["category_id"]))
    paths = [[row[f"category_level{level}"] for level in (1, 2, 3)] for row in rows]
    ids = np.array([int(row["category_id"]) for row in rows])
    taxonomy = Taxonomy(ids, tuple((path[0], path[1], path[2]) for path in paths))
    products, images = (np.array([int(row[key]) for row in rows]) for key in ("products", "images"))
    dealt = assign(products, images)
    labels = np.repeat(np.arange(len(rows), dtype=np.int32), products)
    counts = np.repeat(np.tile(np.arange(1, 5, dtype=np.int32), len(rows)), dealt.ravel())
    return Published(taxonomy, labels, counts)


@pytest.fixture(scope="module")
def leaves(published: Published) -> categories.LeafCounts:
    """Products and images of each category, counted."""
    return categories.count_leaves(published.labels, published.image_count, len(published.taxonomy))


def test_table_1_and_figure_2_nine_categories_hold_four_and_a_half_million(
    published: Published, leaves: categories.LeafCounts
) -> None:
    table = categories.level1_table(published.taxonomy, leaves, {"ANIMALERIE": "PET SHOP"})
    large = [branch for branch in table if branch.products > 250_000]
    bins = categories.category_bins(published.taxonomy, leaves)[0].bins
    assert len(table) == 49
    assert len(large) == 9
    # The article says 4.5 M, of the nine bars of its histogram; the counts themselves say:
    assert large[-1].running == 4_678_956
    assert sum(bin.count for bin in bins if bin.high <= 200) == 5
    assert [branch.translation for branch in table if branch.name == "ANIMALERIE"] == ["PET SHOP"]
    assert sum(branch.images for branch in table) == IMAGES


def test_table_2_number_of_categories_and_homonyms(
    published: Published, leaves: categories.LeafCounts
) -> None:
    levels = categories.levels_table(published.taxonomy, leaves)
    named = categories.homonyms(published.taxonomy, leaves)
    assert [level.names for level in levels[:2]] + [levels[2].categories] == [49, 483, 5270]
    assert [level.categories for level in levels] == [49, 486, 5270]
    assert [level.homonyms for level in levels] == [0, 3, 7]
    assert (levels[2].names, levels[2].used) == (5263, 5270)
    assert len([homonym for homonym in named if homonym.level == 3]) == 14
    assert (text_of(levels[2].median, "whole"), text_of(levels[2].most, "whole")) == (
        "200",
        "79,640",
    )


def test_table_3_products_by_number_of_images(published: Published) -> None:
    table = image_counts(published.image_count)
    assert {row.images: row.products for row in table} == PRODUCTS
    assert [text_of(row.share, "share") for row in table] == ["61.8 %", "16.0 %", "7.7 %", "14.6 %"]


def test_figure_3_three_quarters_of_the_products_in_a_tenth_of_the_categories(
    leaves: categories.LeafCounts,
) -> None:
    found = categories.concentration(leaves.products)
    assert found is not None
    assert text_of(found.largest_tenth, "share") == "75.5 %"
    assert text_of(found.smallest_three_quarters, "share") == "10.2 %"
    assert 0.09 < found.holding_three_quarters < 0.1
    assert round(found.holding_half * 5270) == 134
    assert [(point.categories, point.products) for point in found.curve[-1:]] == [(1, 1)]


def test_the_largest_and_smallest_leaves(
    published: Published, leaves: categories.LeafCounts
) -> None:
    largest = categories.largest_leaves(published.taxonomy, leaves, 5)
    smallest = categories.smallest_leaves(published.taxonomy, leaves, 1)
    assert [leaf.products for leaf in largest] == [79640, 71116, 69784, 65642, 65435]
    assert smallest[0].products == 12


def tail() -> NDArray[np.int64]:
    """Return copies of each of 7.8 million images: the published ones, and a power law between."""
    head = np.repeat([1, 2, 3, 4], [6_850_000, 600_000, 150_000, 80_000])
    number = DISTINCT - len(head) - len(TOP_TEN)
    total = IMAGES - int(head.sum()) - sum(TOP_TEN)
    places = (np.arange(number) + 0.5) / number
    low, high = 0.5, 5.0
    for _ in range(60):
        slope = (low + high) / 2
        copies = np.clip(5 * places ** (-1 / slope), 5, 9_800).astype(np.int64)
        low, high = (slope, high) if copies.sum() > total else (low, slope)
    missing = total - int(copies.sum())
    copies[np.arange(abs(missing)) % number] += np.sign(missing)
    return np.concatenate([head, copies, TOP_TEN])


def check_figure_4(found: Copies) -> None:
    """Check what the article says of copies."""
    points = {point.copies: point.images for point in found.frequencies}
    assert (found.images, found.distinct, found.most) == (IMAGES, DISTINCT, 16_643)
    assert found.once == points[1] == 6_850_000
    assert (points[2], points[3], points[4]) == (600_000, 150_000, 80_000)
    assert [c for c in sorted(points, reverse=True) for _ in range(points[c])][:10] == TOP_TEN
    assert sum(copies * images for copies, images in points.items()) == IMAGES
    assert sum(bin.total for bin in found.bins) == IMAGES


def test_figure_4_copies_of_twelve_million_images() -> None:
    copies = tail()
    number = np.repeat(np.arange(len(copies), dtype=np.int32), copies)
    check_figure_4(copy_distribution(copy_counts(number)))


@pytest.mark.slow
def test_figure_4_from_the_hashes_of_twelve_million_images() -> None:
    copies = tail()
    content = np.repeat(np.arange(len(copies), dtype=np.uint64), copies)
    np.random.default_rng(0).shuffle(content)
    hashes = np.stack([content * np.uint64(0x9E3779B97F4A7C15), ~content], axis=1)
    product = (np.arange(len(content)) // 2).astype(np.int32)
    nowhere = np.full(int(product[-1]) + 1, -1, np.int32)
    check_figure_4(
        copy_distribution(copy_counts(find_shared(product, hashes, nowhere).image_number))
    )


def test_the_counts_are_those_of_the_file(published: Published, shared: Path) -> None:
    path = shared / "data/cdiscount/category_stats.csv"
    with path.open(encoding="utf-8", newline="") as file:
        given: list[dict[str, Any]] = list(csv.DictReader(file))
    found = categories.count_leaves(published.labels, published.image_count, 5270)
    by_id = {int(row["category_id"]): (int(row["products"]), int(row["images"])) for row in given}
    pairs = zip(found.products.tolist(), found.images.tolist(), strict=True)
    assert dict(zip(published.taxonomy.ids.tolist(), pairs, strict=True)) == by_id
