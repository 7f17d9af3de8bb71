"""The accuracy on groups of products: by number of images, frequency, branch, and so on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.scoring.accuracy import Accuracy, Group, Hits
from etalage.scoring.resampling import Units, of_counts

FREQUENCIES = (1, 10, 100, 1000)
IMAGES = ("unknown", "0", "1", "2", "3", "4+")
SEEN = ("unknown", "unseen", "seen")
CONFLICT = ("unknown", "free", "in conflict")
_TENTHS = 10


def by_images(
    found: Hits, images: NDArray[np.integer[Any]], units: Units | None = None
) -> tuple[Group, ...]:
    """Group products by their number of images: 0, 1, 2, 3, 4 or more; -1 is ``unknown``."""
    return divide(found, IMAGES, images.clip(-1, 4) + 1, units)


def by_frequency(
    found: Hits, truth: NDArray[np.int32], units: Units | None = None
) -> tuple[Group, ...]:
    """Group products by the number of products of their category in the truth."""
    ends = [f"-{stop - 1}" for stop in FREQUENCIES[1:]] + ["+"]
    names = [f"{start}{end}" for start, end in zip(FREQUENCIES, ends, strict=True)]
    bins = np.searchsorted(FREQUENCIES, np.bincount(truth), side="right") - 1
    return divide(found, names, bins[truth], units)


def by_decile(
    found: Hits,
    truth: NDArray[np.int32],
    frequency: NDArray[np.int64],
    units: Units | None = None,
) -> tuple[Group, ...]:
    """Group products by how frequent their category is, in ten groups of as many categories.

    Categories are those of the truth, from the least frequent (decile 1) to the most frequent (10).
    Categories of the same frequency are in the same decile, so that some may be larger, or absent.

    Args:
        found: which products are right.
        truth: leaf row, (P,).
        frequency: how often each leaf occurs, (C,): among training products, or in the truth.
        units: what is drawn together.
    """
    leaves = np.flatnonzero(np.bincount(truth, minlength=len(frequency)))
    ordered = np.sort(frequency[leaves])
    # The first place of its frequency, so that equal ones go together.
    place = np.searchsorted(ordered, frequency[leaves])
    decile = np.full(len(frequency), -1)
    decile[leaves] = _TENTHS * place // len(leaves)
    groups = divide(found, [str(1 + tenth) for tenth in range(_TENTHS)], decile[truth], units)
    return tuple(
        replace(group, about=_extent(frequency[decile == int(group.name) - 1])) for group in groups
    )


def _extent(frequency: NDArray[np.int64]) -> dict[str, int]:
    return {
        "categories": len(frequency),
        "least": int(frequency.min()),
        "most": int(frequency.max()),
    }


def by_branch(
    found: Hits, taxonomy: Taxonomy, truth: NDArray[np.int32], units: Units | None = None
) -> tuple[Group, ...]:
    """Group products by their branch of level 1, those of the most products first."""
    if taxonomy.is_flat:
        return ()
    names = [name.strip() for name in sorted({path[0] for path in taxonomy.paths})]
    groups = divide(found, names, taxonomy.nodes(1)[truth], units)
    return tuple(sorted(groups, key=lambda group: -group.products))


def divide(
    found: Hits, names: Sequence[str], numbers: NDArray[np.integer[Any]], units: Units | None
) -> tuple[Group, ...]:
    """Return the groups that have products.

    Args:
        found: which products are right.
        names: of the groups.
        numbers: which of them each product is in, (P,).
        units: what is drawn together for the intervals; None for none.
    """
    products = np.bincount(numbers, minlength=len(names)).tolist()
    right = [
        None if hits is None else np.bincount(numbers[hits], minlength=len(names)).tolist()
        for hits in (*found.levels, found.top5)
    ]
    members = _members(numbers, products) if units is not None and units.unit is not None else None
    groups = []
    for place, name in enumerate(names):
        size = products[place]
        if not size:
            continue
        shares = [None if counts is None else counts[place] / size for counts in right]
        hit = 0 if right[2] is None else right[2][place]
        accuracy = Accuracy(shares[0], shares[1], hit / size, shares[3])
        interval = None
        if members is not None and units is not None:
            interval = units.share(found.levels[2], members[place])
        elif units is not None:
            interval = of_counts(hit, size, units.seed)
        groups.append(Group(name, size, accuracy, interval))
    return tuple(groups)


def _members(numbers: NDArray[np.integer[Any]], products: list[int]) -> list[NDArray[np.int64]]:
    order = np.argsort(numbers.astype(np.int16), kind="stable")
    return np.split(order, np.cumsum(products)[:-1])
