"""What the catalogue says of the scored products: images, copies, label conflicts, training.

All of it comes from indexes: the INDEX of the scored products, and the products of training, which
are those of another INDEX or the ``train`` part of a SPLIT. What no index tells is None.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.duplicates import group_products
from etalage.catalogue.index import Index
from etalage.catalogue.split import read_split
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import CatalogueError, PredictionsError
from etalage.predictions.product_ids import positions
from etalage.predictions.truth import Truth


@dataclass(frozen=True, eq=False)
class Training:
    """The products that the answers were learned from, by what is known of them.

    Attributes:
        index: where they lie.
        rows: their rows in it.
        name: what to call them.
    """

    index: Index
    rows: NDArray[np.int64]
    name: str

    def frequency(self, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Return the number of products labelled with each leaf of ``taxonomy``, (C,)."""
        labels = self.index.labels[self.rows]
        leaf = np.append(taxonomy.rows(self.index.taxonomy.ids), np.int32(-1))[labels]
        return np.bincount(leaf[leaf >= 0], minlength=len(taxonomy))


@dataclass(frozen=True, eq=False)
class Circumstances:
    """What is known of P scored products.

    Attributes:
        images: number of images, -1 where not known, (P,), or None.
        unit: number of the duplicate group, (P,), or None.
        conflict: 0 not known, 1 all labels of the duplicate group agree, 2 they do not, (P,).
        seen: 0 not known, 1 no image is one of training's, 2 at least one is, (P,).
        frequency: training products of each leaf, (C,), or None.
    """

    images: NDArray[np.int32] | None = None
    unit: NDArray[np.int32] | None = None
    conflict: NDArray[np.int8] | None = None
    seen: NDArray[np.int8] | None = None
    frequency: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[np.int64]) -> "Circumstances":
        """Return what is known of some of the products."""
        return replace(
            self,
            images=None if self.images is None else self.images[rows],
            unit=None if self.unit is None else self.unit[rows],
            conflict=None if self.conflict is None else self.conflict[rows],
            seen=None if self.seen is None else self.seen[rows],
        )


def find_training(
    known: Index | None, index: Index | None, split_path: Path | None
) -> Training | None:
    """Return the products of training, where they are known.

    Args:
        known: the INDEX of training; of a split of it, the part ``train`` only.
        index: the INDEX of the scored products: training is the split's ``train`` part of it.
        split_path: the SPLIT.

    Raises:
        PredictionsError: ``known`` is ``index``, and there is no split of it.
    """
    split = None if split_path is None else read_split(split_path)
    where = index if known is None else known
    if where is None:
        return None
    if split is not None and split.record.get("index") == where.fingerprint:
        return Training(where, split.rows(where, "train"), f"train of {split.path}")
    if known is None:
        return None
    if index is not None and index.fingerprint == known.fingerprint:
        raise PredictionsError(
            f"{known.folder}: is the very index that is scored: all its images are known",
            hint="give the INDEX of the training products with --known, or --split SPLIT",
        )
    return Training(known, np.arange(len(known)), str(known.folder))


def find_circumstances(
    truth: Truth, taxonomy: Taxonomy, index: Index | None, training: Training | None
) -> Circumstances:
    """Look the scored products up in their index.

    Args:
        truth: the products.
        taxonomy: what labels are leaves of.
        index: where they lie; one that is not there is a unit of its own, and nothing is known.
        training: what the answers were learned from.

    Raises:
        CatalogueError: the images of both indexes were hashed in two ways.
    """
    frequency = None if training is None else training.frequency(taxonomy)
    if index is None:
        return Circumstances(images=truth.images, frequency=frequency)
    rows = positions(truth.product_ids, index.product_ids)
    labels = _labels(truth, taxonomy, index, rows)
    group = _groups(index, labels, taxonomy)
    return Circumstances(
        images=np.append(index.image_count, np.int32(-1))[rows],
        unit=_units(group, rows),
        conflict=np.append(_conflicts(group, labels), np.int8(0))[rows],
        seen=None if training is None else np.append(_seen(index, training), np.int8(0))[rows],
        frequency=frequency,
    )


def _labels(
    truth: Truth, taxonomy: Taxonomy, index: Index, rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return the given label of every product of the index; the truth's where it has none."""
    leaf = np.append(taxonomy.rows(index.taxonomy.ids), np.int32(-1))
    labels = leaf[index.labels]
    there = rows >= 0
    at, right = rows[there], taxonomy.rows(truth.categories)[there]
    labels[at] = np.where(labels[at] < 0, right, labels[at])
    return labels


def _groups(index: Index, labels: NDArray[np.int32], taxonomy: Taxonomy) -> NDArray[np.int32]:
    branch = np.append(taxonomy.nodes(2), np.int32(-1))[labels]
    found = group_products(
        index.image_product,
        index.hashes,
        branch,
        len(index),
        labels=labels,
        readable=index.readable,
    )
    return found.product_group


def _units(group: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the group of each scored product, numbered from 0; what is not indexed is its own."""
    first = int(group.max(initial=-1)) + 1
    alone = first + np.arange(len(rows), dtype=np.int64)
    every = np.where(rows >= 0, np.append(group, 0)[rows], alone)
    return np.unique(every, return_inverse=True)[1].astype(np.int32)


def _conflicts(group: NDArray[np.int32], labels: NDArray[np.int32]) -> NDArray[np.int8]:
    """Return 1 for products whose group has one label, 2 for several, 0 for none, (P,)."""
    known = labels >= 0
    groups = int(group.max(initial=-1)) + 1
    most, least = np.full(groups, -1, np.int32), np.full(groups, np.iinfo(np.int32).max, np.int32)
    np.maximum.at(most, group[known], labels[known])
    np.minimum.at(least, group[known], labels[known])
    found = np.where(most < 0, 0, np.where(most == least, 1, 2)).astype(np.int8)
    return found[group]


def _seen(index: Index, training: Training) -> NDArray[np.int8]:
    """Return 2 for products that show an image of training, byte for byte, else 1, (P,)."""
    ways = [str(each.record.get("hash")) for each in (index, training.index)]
    if ways[0] != ways[1]:
        raise CatalogueError(
            f"{index.folder}: its images are hashed with {ways[0]}, those of "
            f"{training.index.folder} with {ways[1]}",
            hint=f"index it again with: etalage index CATALOGUE... -o INDEX --hash {ways[1]}",
        )
    trained = np.zeros(len(training.index), np.bool_)
    trained[training.rows] = True
    learned = trained[training.index.image_product] & training.index.readable
    known = training.index.column("images", "hash").filter(pa.array(learned)).unique()
    same = pc.is_in(index.column("images", "hash"), value_set=known)
    shown = same.to_numpy(zero_copy_only=False) & index.readable
    found = np.ones(len(index), np.int8)
    found[index.image_product[shown]] = 2
    return found
