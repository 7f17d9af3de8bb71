"""How many products show an image that others show too: the parts of a split, or two indexes."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Sharing, find_shared, is_boilerplate
from etalage.catalogue.index import Index
from etalage.catalogue.ledger.copies import showing_the_same
from etalage.catalogue.split import Split
from etalage.catalogue.stratify import PARTS, TEST, TRAIN, VALIDATION
from etalage.errors import CatalogueError


@dataclass(frozen=True)
class Overlap:
    """Products that share an image with others.

    Attributes:
        of: what these products are of: a part of the split, or an index.
        others: what they are compared with.
        by: how the split was made ("duplicates" or "product"), empty for two indexes.
        products: number of products.
        sharing: how many of them share an image with the others.
        sharing_ordinary: the same, where boilerplate does not count.
    """

    of: str
    others: str
    by: str
    products: int
    sharing: int
    sharing_ordinary: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object with the two shares."""
        total = max(self.products, 1)
        shares = {
            "share": self.sharing / total,
            "share_ordinary": self.sharing_ordinary / total,
        }
        return asdict(self) | shares


def overlap_of_split(index: Index, sharing: Sharing, split: Split) -> list[Overlap]:
    """Compare the products of validation and of test with those of train."""
    part = np.full(len(index), -1, np.int8)
    for number, name in enumerate(PARTS):
        part[split.rows(index, name)] = number
    by = str(split.record.get("by", ""))
    trained = part == TRAIN
    return [
        _compare(sharing, part == number, trained, PARTS[number], PARTS[TRAIN], by)
        for number in (VALIDATION, TEST)
    ]


def overlap_of_indexes(first: Index, second: Index) -> list[Overlap]:
    """Compare the products of each of two indexes with the other's.

    Raises:
        CatalogueError: their images were hashed in two ways.
    """
    ways = [index.record.get("hash") for index in (first, second)]
    if ways[0] != ways[1]:
        raise CatalogueError(
            f"{second.folder}: its images are hashed with {ways[1]}, those of {first.folder} "
            f"with {ways[0]}",
            hint=f"index it again with: etalage index CATALOGUE... -o INDEX --hash {ways[0]}",
        )
    sharing = _share_between(first, second)
    here = np.arange(len(first) + len(second)) < len(first)
    names = str(first.folder), str(second.folder)
    return [
        _compare(sharing, ~here, here, names[1], names[0], ""),
        _compare(sharing, here, ~here, names[0], names[1], ""),
    ]


def _share_between(first: Index, second: Index) -> Sharing:
    """Find the shared images of both as if they were one catalogue with the first's taxonomy."""
    leaves = first.taxonomy.rows(second.taxonomy.ids)
    labels = np.concatenate([first.labels, np.append(leaves, np.int32(-1))[second.labels]])
    branch = np.append(first.taxonomy.nodes(2), np.int32(-1))[labels]
    return find_shared(
        np.concatenate([first.image_product, second.image_product + np.int32(len(first))]),
        np.concatenate([first.hashes, second.hashes]),
        branch,
        labels=labels,
        readable=np.concatenate([first.readable, second.readable]),
    )


def _compare(
    sharing: Sharing,
    these: NDArray[np.bool_],
    others: NDArray[np.bool_],
    of: str,
    name: str,
    by: str,
) -> Overlap:
    ordinary = ~is_boilerplate(sharing.images)
    found = [
        int(showing_the_same(sharing, others, which)[these].sum()) for which in (None, ordinary)
    ]
    return Overlap(of, name, by, int(these.sum()), found[0], found[1])
