"""What ``duplicates`` found: one JSON object, and tables for a person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from etalage.catalogue.ledger.ledger import Ledger
from etalage.catalogue.ledger.near.report import NearReport
from etalage.catalogue.ledger.overlap import Overlap
from etalage.catalogue.split_report import largest_groups, most_common

_LISTED = 10
_PAIRS = 50
_SHOWN = 5


@dataclass(frozen=True)
class DuplicateReport:
    """What ``duplicates`` found.

    Attributes:
        index: fingerprint of the INDEX.
        hash: how its images are hashed.
        products: number of products.
        labelled: how many of them have a label.
        images: number of images.
        unreadable: images left out: their headers are of no known format.
        distinct_images: number of different readable images.
        copies: how many of these have how many copies.
        shared_images: distinct images on two or more products.
        products_sharing: products with one of these.
        most_copied: the ten most copied images: copies, products, categories, example (product id).
        groups: duplicate groups of two or more products: groups, products, sizes (how many
            groups have how many products), the ten largest.
        boilerplate: images that connect nothing: images, the ten most common.
        refused: images of refused joins: images, joins, the ten most common.
        conflicts: images on products of different leaves: images, products, leaf_pairs, and the
            fifty pairs that share the most images.
        ceiling: highest accuracy that the conflicts leave, against these labels.
        overlap: products that show an image of train, or of the other index.
        near: what near duplicates were found, where asked for.
    """

    index: str
    hash: str
    products: int
    labelled: int
    images: int
    unreadable: int
    distinct_images: int
    copies: dict[int, int]
    shared_images: int
    products_sharing: int
    most_copied: list[dict[str, Any]]
    groups: dict[str, Any]
    boilerplate: dict[str, Any]
    refused: dict[str, Any]
    conflicts: dict[str, Any]
    ceiling: dict[str, Any]
    overlap: list[dict[str, Any]]
    near: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def make_report(
    ledger: Ledger, overlaps: Sequence[Overlap], near: NearReport | None
) -> DuplicateReport:
    """Count what was found."""
    index, sharing = ledger.index, ledger.sharing
    return DuplicateReport(
        index=index.fingerprint,
        hash=str(index.record.get("hash", "")),
        products=len(index),
        labelled=ledger.ceiling.products,
        images=len(index.image_product),
        unreadable=int((~index.readable).sum()),
        distinct_images=len(ledger.copies),
        copies=ledger.copies.histogram(),
        shared_images=len(sharing.images),
        products_sharing=len(np.unique(sharing.products)),
        most_copied=_most_copied(ledger),
        groups=_groups(ledger),
        boilerplate={
            "images": len(ledger.groups.boilerplate),
            "most_common": most_common(index, ledger.groups.boilerplate),
        },
        refused={
            "images": len(ledger.groups.refused),
            "joins": ledger.groups.refused_joins,
            "most_common": most_common(index, ledger.groups.refused),
        },
        conflicts=_conflicts(ledger),
        ceiling=asdict(ledger.ceiling),
        overlap=[overlap.to_json() for overlap in overlaps],
        near=None if near is None else asdict(near),
    )


def _most_copied(ledger: Ledger) -> list[dict[str, Any]]:
    copies, index = ledger.copies, ledger.index
    most = np.argsort(-copies.copies, kind="stable")[:_LISTED]
    return [
        {
            "copies": int(copies.copies[at]),
            "products": int(copies.products[at]),
            "categories": int(copies.categories[at]),
            "image": int(copies.row[at]),
            "example": index.product_ids[int(index.image_product[copies.row[at]])].as_py(),
        }
        for at in most[copies.copies[most] > 1].tolist()
    ]


def _groups(ledger: Ledger) -> dict[str, Any]:
    sizes = ledger.groups.sizes
    counts = np.bincount(sizes[sizes > 1])
    return {
        "groups": int(counts.sum()),
        "products": int(sizes[sizes > 1].sum()),
        "sizes": {int(size): int(counts[size]) for size in np.flatnonzero(counts)},
        "largest": largest_groups(ledger.index, ledger.groups),
    }


def _conflicts(ledger: Ledger) -> dict[str, Any]:
    conflicts, pairs, taxonomy = ledger.conflicts, ledger.leaf_pairs, ledger.index.taxonomy
    listed = [
        {
            "category_a": int(taxonomy.ids[pairs.first[at]]),
            "category_b": int(taxonomy.ids[pairs.second[at]]),
            "name_a": taxonomy.label(int(pairs.first[at])),
            "name_b": taxonomy.label(int(pairs.second[at])),
            "images": int(pairs.images[at]),
            "products": int(pairs.products[at]),
        }
        for at in range(min(len(pairs), _PAIRS))
    ]
    involved = np.isin(ledger.sharing.pairs, conflicts.image)
    involved &= ledger.index.labels[ledger.sharing.products] >= 0
    products = len(np.unique(ledger.sharing.products[involved]))
    return {
        "images": conflicts.images,
        "products": products,
        "leaf_pairs": len(pairs),
        "most_images": listed,
    }


def report_rows(report: DuplicateReport) -> list[tuple[str, str, str]]:
    """Return what to show a person: a name, a number, a remark."""
    rows = [
        ("images", f"{report.images:,}", f"{report.unreadable:,} unreadable, left out"),
        ("different images", f"{report.distinct_images:,}", _copies(report)),
        ("on several products", f"{report.shared_images:,}", ""),
        ("products", f"{report.products:,}", f"{report.labelled:,} with a label"),
        ("sharing an image", f"{report.products_sharing:,}", ""),
        (
            "in duplicate groups",
            f"{report.groups['products']:,}",
            f"{report.groups['groups']:,} groups",
        ),
    ]
    for title, found in (("boilerplate", report.boilerplate), ("refused joins", report.refused)):
        if found["images"]:
            rows.append((title, f"{found['images']:,}", "images that do not connect"))
    rows += _conflict_rows(report)
    rows += [_overlap_row(overlap) for overlap in report.overlap]
    return rows + (_near_rows(report.near) if report.near else [])


def _copies(report: DuplicateReport) -> str:
    few = [f"{report.copies.get(count, 0):,} {name}" for count, name in ((1, "once"), (2, "twice"))]
    return ", ".join([*few, f"at most {max(report.copies, default=0):,} copies"])


def _conflict_rows(report: DuplicateReport) -> list[tuple[str, str, str]]:
    conflicts, ceiling = report.conflicts, report.ceiling
    products = f"on {conflicts['products']:,} products"
    rows = [("images of several leaves", f"{conflicts['images']:,}", products)]
    for pair in conflicts["most_images"][:_SHOWN]:
        rows.append(("", f"{pair['images']:,}", f"{pair['name_a']} | {pair['name_b']}"))
    for title, name in (
        ("highest accuracy, all images", "same_images"),
        ("highest accuracy, one image", "single_image"),
    ):
        if ceiling[name] is not None:
            rows.append((title, f"{ceiling[name]:.4f}", "the conflicts leave no more"))
    return rows


def _overlap_row(overlap: dict[str, Any]) -> tuple[str, str, str]:
    by = f" (split by {overlap['by']})" if overlap["by"] else ""
    remark = f"{overlap['share']:.2%} share an image with {overlap['others']}{by}"
    ordinary = f"{overlap['share_ordinary']:.2%} without boilerplate"
    return overlap["of"], f"{overlap['sharing']:,}", f"{remark}, {ordinary}"


def _near_rows(near: dict[str, Any]) -> list[tuple[str, str, str]]:
    apart = ", ".join(f"{count:,} {why}" for why, count in near["apart"].items() if count)
    differing = f"{near['conflicting_clusters']:,} of different leaves"
    return [
        ("images compared", f"{near['compared']:,}", f"apart: {apart}" if apart else ""),
        ("near duplicates", f"{near['clustered']:,}", "different images in clusters of two up"),
        ("clusters", f"{near['clusters']:,}", f"at most {near['largest']:,}, {differing}"),
    ]
