"""Near duplicates of an index: looks, pairs, clusters, and the labels of their products."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.ledger.conflicts import Conflicts, find_conflicts
from etalage.catalogue.ledger.ledger import Ledger
from etalage.catalogue.ledger.near.clusters import Clusters, make_clusters
from etalage.catalogue.ledger.near.join import Pairs, find_pairs
from etalage.catalogue.ledger.near.looks import Looks, look_at_images
from etalage.catalogue.ledger.near.report import NearReport
from etalage.images.perceptual import STATES

DISTANCE = 16
TONE = 8


@dataclass(frozen=True, eq=False)
class Near:
    """The near duplicates of a catalogue; an image here is one of D distinct ones.

    Attributes:
        first: first image row of each, ascending, (D,).
        looks: what each looks like; ``state`` says which were not compared.
        clusters: which are near duplicates.
        rows: image rows of clusters of two or more, by cluster, then by row, (N,).
        number: the image that each of these rows shows, (N,).
        cluster: its cluster, numbered from 0 in the order of their representatives, (N,).
        conflicts: clusters on products of different leaves.
        report: the counts.
    """

    first: NDArray[np.int64]
    looks: Looks
    clusters: Clusters
    rows: NDArray[np.int64]
    number: NDArray[np.int64]
    cluster: NDArray[np.int64]
    conflicts: Conflicts
    report: NearReport


def find_near(
    ledger: Ledger,
    folder: Path,
    *,
    distance: int = DISTANCE,
    tone: int = TONE,
    workers: int | None = None,
) -> Near:
    """Find the near duplicates among the distinct images of a catalogue.

    Args:
        ledger: the exact duplicates.
        folder: where what the images look like is kept; a second call goes on from there.
        distance: most bits of 256 that may differ.
        tone: most levels that any mean colour may differ.
        workers: processes that decode; None for one on each core.
    """
    order = np.argsort(ledger.copies.row)
    first = ledger.copies.row[order]
    looks = look_at_images(ledger.index, first, folder, workers=workers)
    pairs = find_pairs(looks, distance=distance, tone=tone, threads=workers)
    clusters = make_clusters(looks, pairs, distance=distance, tone=tone)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    rows, number, cluster = _members(ledger, clusters, place)
    product = ledger.index.image_product[rows]
    conflicts = _conflicts(cluster, product, ledger.index.labels)
    report = NearReport(
        distance=distance,
        tone=tone,
        **_counts(looks, pairs, clusters),
        products=len(np.unique(product)),
        conflicting_clusters=conflicts.images,
        newly_conflicting=_new(ledger, conflicts, rows, cluster),
        conflicting_products=int(conflicts.products.sum()),
    )
    return Near(first, looks, clusters, rows, number, cluster, conflicts, report)


def _members(
    ledger: Ledger, clusters: Clusters, place: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    rows = np.flatnonzero(ledger.sharing.image_number >= 0)
    number = place[ledger.sharing.image_number[rows]]
    kept = clusters.clustered[number]
    rows, number = rows[kept], number[kept]
    leader = clusters.leader[number]
    order = np.argsort(leader, kind="stable")
    cluster = np.unique(leader[order], return_inverse=True)[1]
    return rows[order], number[order], cluster


def _conflicts(
    cluster: NDArray[np.int64], product: NDArray[np.int32], labels: NDArray[np.int32]
) -> Conflicts:
    width = len(labels)
    pairs = np.unique(cluster * width + product)
    return find_conflicts(pairs // max(width, 1), labels[pairs % max(width, 1)])


def _new(
    ledger: Ledger,
    conflicts: Conflicts,
    rows: NDArray[np.int64],
    cluster: NDArray[np.int64],
) -> int:
    """Return how many conflicting clusters have no image that conflicts by itself."""
    numbers = ledger.sharing.image_number
    known = np.zeros(len(ledger.copies), np.bool_)
    known[numbers[ledger.image_rows(ledger.conflicts.image)]] = True
    return len(np.setdiff1d(conflicts.image, cluster[known[numbers[rows]]]))


def _counts(looks: Looks, pairs: Pairs, clusters: Clusters) -> dict[str, Any]:
    sizes = clusters.size[clusters.size > 1]
    counts, states = np.bincount(sizes), np.bincount(looks.state, minlength=len(STATES))
    return {
        "compared": int(states[0]),
        "apart": {why: int(states[place]) for place, why in enumerate(STATES) if why},
        "pairs": len(pairs.pairs),
        "crowded": pairs.crowded,
        "cut": pairs.cut,
        "clusters": len(sizes),
        "clustered": int(sizes.sum()),
        "sizes": {int(size): int(counts[size]) for size in np.flatnonzero(counts)},
        "largest": int(sizes.max(initial=0)),
        "blocked": clusters.blocked,
    }
