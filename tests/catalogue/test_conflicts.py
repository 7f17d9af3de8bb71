"""Label conflicts, ceilings and shared images, held against a count by hand."""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.catalogue.duplicates import Sharing, find_shared
from etalage.catalogue.ledger.conflicts import (
    Conflicts,
    LeafPairs,
    find_ceiling,
    find_conflicts,
    find_leaf_pairs,
)
from etalage.catalogue.ledger.copies import count_copies, showing_the_same

Products = list[tuple[int, list[int]]]
products_of_images = st.lists(
    st.tuples(st.integers(-1, 3), st.lists(st.integers(0, 6), max_size=4)), max_size=10
)


def arrays(products: Products) -> tuple[Sharing, np.ndarray, np.ndarray]:
    """Return what the functions take: sharing, product of each image, labels."""
    contents = [content for _, images in products for content in images]
    hashes = np.array([(content // 2, content) for content in contents], np.uint64).reshape(-1, 2)
    owner = [row for row, (_, images) in enumerate(products) for _ in images]
    image_product, labels = np.array(owner, np.int32), np.array([p[0] for p in products], np.int32)
    return find_shared(image_product, hashes, labels), image_product, labels


def conflicts_of(products: Products) -> tuple[Conflicts, LeafPairs]:
    """Return conflicts and pairs of leaves."""
    sharing, _, labels = arrays(products)
    found = find_conflicts(sharing.pairs, labels[sharing.products])
    return found, find_leaf_pairs(found, sharing.pairs, sharing.products, labels)


def holders(products: Products) -> dict[int, set[int]]:
    """Return the products of each image."""
    found: dict[int, set[int]] = defaultdict(set)
    for row, (_, images) in enumerate(products):
        for content in images:
            found[content].add(row)
    return found


@settings(max_examples=200, deadline=None)
@given(products_of_images)
def test_conflicts_are_the_images_on_two_leaves_or_more(products: Products) -> None:
    expected = []
    for rows in holders(products).values():
        labels = Counter(products[row][0] for row in rows if products[row][0] >= 0)
        if len(labels) > 1:
            expected.append(sorted(labels.items()))
    found, _ = conflicts_of(products)
    grouped: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for image, leaf, count in zip(found.image, found.leaf, found.products, strict=True):
        grouped[int(image)].append((int(leaf), int(count)))
    assert sorted(grouped.values()) == sorted(expected)
    assert found.images == len(expected)


@settings(max_examples=200, deadline=None)
@given(products_of_images)
def test_pairs_of_leaves_count_images_and_products_once(products: Products) -> None:
    images: Counter[tuple[int, int]] = Counter()
    shown: dict[tuple[int, int], set[int]] = defaultdict(set)
    for rows in holders(products).values():
        labelled = {row: products[row][0] for row in rows if products[row][0] >= 0}
        for pair in combinations(sorted(set(labelled.values())), 2):
            images[pair] += 1
            shown[pair] |= {row for row, label in labelled.items() if label in pair}
    _, pairs = conflicts_of(products)
    found = zip(pairs.first, pairs.second, pairs.images, pairs.products, strict=True)
    expected = {(*pair, count, len(shown[pair])) for pair, count in images.items()}
    assert {tuple(map(int, row)) for row in found} == expected
    assert list(pairs.images) == sorted(pairs.images, reverse=True)
    assert len(pairs) == len(expected)


@settings(max_examples=200, deadline=None)
@given(products_of_images)
def test_the_ceiling_is_what_the_best_rule_gets_right(products: Products) -> None:
    labelled = [(label, images) for label, images in products if label >= 0]

    def best(seen: list[tuple[int, object]]) -> float | None:
        answers: dict[object, Counter[int]] = defaultdict(Counter)
        for label, view in seen:
            answers[view][label] += 1
        right = sum(max(labels.values()) for labels in answers.values())
        return right / len(seen) if seen else None

    ceiling = find_ceiling(*arrays(products))
    singles = [(label, image) for label, images in labelled for image in set(images)]
    assert ceiling.same_images == best([(label, frozenset(images)) for label, images in labelled])
    assert ceiling.same_sequence == best([(label, tuple(images)) for label, images in labelled])
    assert ceiling.single_image == best(list(singles))
    assert (ceiling.products, ceiling.images) == (len(labelled), len(singles))


@settings(max_examples=200, deadline=None)
@given(products_of_images)
def test_every_distinct_image_is_counted_once(products: Products) -> None:
    sharing, image_product, labels = arrays(products)
    found = count_copies(sharing, image_product, labels)
    contents = [content for _, images in products for content in images]
    expected = sorted(
        (
            contents.index(content),
            contents.count(content),
            len(rows),
            len({products[row][0] for row in rows} - {-1}),
        )
        for content, rows in holders(products).items()
    )
    columns = (found.row, found.copies, found.products, found.categories)
    assert sorted(zip(*(column.tolist() for column in columns), strict=True)) == expected
    assert sum(copies * images for copies, images in found.histogram().items()) == len(contents)


@settings(max_examples=200, deadline=None)
@given(products_of_images, st.integers(0, 10))
def test_a_product_is_exposed_when_the_other_side_shows_its_image(
    products: Products, train: int
) -> None:
    sharing, _, _ = arrays(products)
    trained = np.arange(len(products)) < train
    found = showing_the_same(sharing, trained)
    shown = {image for _, images in products[:train] for image in images}
    expected = [bool(shown & set(images)) for _, images in products[train:]]
    assert found[train:].tolist() == expected


def test_products_without_a_label_conflict_with_nothing() -> None:
    found, pairs = conflicts_of([(-1, [1]), (0, [1]), (-1, [1, 2]), (-1, [2])])
    assert (found.images, len(pairs)) == (0, 0)


def test_an_image_left_out_is_not_the_same_as_any() -> None:
    product, labels = np.array([0, 1], np.int32), np.array([0, 1], np.int32)
    hashes, readable = np.ones((2, 2), np.uint64), np.zeros(2, np.bool_)
    sharing = find_shared(product, hashes, labels, readable=readable)
    ceiling = find_ceiling(sharing, product, labels)
    assert (ceiling.same_images, ceiling.single_image) == (0.5, None)
