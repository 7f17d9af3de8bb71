"""What a split did: how many products where, what was kept together, what could not be."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Groups, SharedImages
from etalage.catalogue.index import Index
from etalage.catalogue.stratify import PARTS, TEST, TRAIN, UNLABELLED, VALIDATION

By = Literal["duplicates", "product"]
_LISTED = 10
_SHOWN = 5


@dataclass(frozen=True)
class SplitReport:
    """What a split did.

    Attributes:
        by: "duplicates", or "product" where duplicate groups were ignored.
        seed: of the random order.
        products: number of products of each part.
        unlabelled: products left out since they have no label.
        groups: number of duplicate groups of two or more products.
        grouped_products: number of products in these.
        largest_groups: the ten largest: products, example (a product id), category (its label).
        boilerplate_images: number of images on too many products or branches to connect anything.
        boilerplate: the ten most common: copies, products, branches, example (a product id).
        refused_images: number of images that would have made too large a group.
        refused_joins: number of joins refused for that.
        refused: the ten most common of these images.
        train_only: categories that are in no other part: category_id, category, products.
        leak: products of validation and of test that share an image with a product of train.
    """

    by: By
    seed: int
    products: dict[str, int]
    unlabelled: int
    groups: int
    grouped_products: int
    largest_groups: list[dict[str, Any]]
    boilerplate_images: int
    boilerplate: list[dict[str, Any]]
    refused_images: int
    refused_joins: int
    refused: list[dict[str, Any]]
    train_only: list[dict[str, Any]]
    leak: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def make_report(
    index: Index, groups: Groups, part: NDArray[np.int8], by: By, seed: int
) -> SplitReport:
    """Count what a split did; ``part`` is -1 for a product without a label, (P,)."""
    counts = np.bincount(part[part != UNLABELLED], minlength=len(PARTS))
    return SplitReport(
        by=by,
        seed=seed,
        products=dict(zip(PARTS, counts.tolist(), strict=True)),
        unlabelled=int((part == UNLABELLED).sum()),
        groups=int((groups.sizes > 1).sum()),
        grouped_products=int(groups.sizes[groups.sizes > 1].sum()),
        largest_groups=largest_groups(index, groups),
        boilerplate_images=len(groups.boilerplate),
        boilerplate=most_common(index, groups.boilerplate),
        refused_images=len(groups.refused),
        refused_joins=groups.refused_joins,
        refused=most_common(index, groups.refused),
        train_only=_train_only(index, part),
        leak=_leak(index, groups, part),
    )


def largest_groups(index: Index, groups: Groups) -> list[dict[str, Any]]:
    """Return the ten largest duplicate groups: products, example (a product id), category."""
    largest = np.argsort(-groups.sizes, kind="stable")[:_LISTED]
    listed = []
    for group in largest[groups.sizes[largest] > 1]:
        members = np.flatnonzero(groups.product_group == group)
        labels = index.labels[members]
        category = None
        if (labels >= 0).any():
            category = index.taxonomy.label(int(np.bincount(labels[labels >= 0]).argmax()))
        example = index.product_ids[int(members[0])].as_py()
        listed.append({"products": len(members), "example": example, "category": category})
    return listed


def most_common(index: Index, images: SharedImages) -> list[dict[str, Any]]:
    """Return the first ten images: copies, products, branches, example (a product id)."""
    return [
        {
            "copies": int(images.copies[at]),
            "products": int(images.products[at]),
            "branches": int(images.branches[at]),
            "example": index.product_ids[int(index.image_product[images.row[at]])].as_py(),
        }
        for at in range(min(len(images), _LISTED))
    ]


def _train_only(index: Index, part: NDArray[np.int8]) -> list[dict[str, Any]]:
    categories = len(index.taxonomy)
    trained = np.bincount(index.labels[part == TRAIN], minlength=categories)
    held_out = np.bincount(index.labels[part > TRAIN], minlength=categories)
    return [
        {
            "category_id": int(index.taxonomy.ids[row]),
            "category": index.taxonomy.label(row),
            "products": int(trained[row]),
        }
        for row in np.flatnonzero((trained > 0) & (held_out == 0)).tolist()
    ]


def _leak(index: Index, groups: Groups, part: NDArray[np.int8]) -> dict[str, int]:
    """Return how many products outside train share an image with one inside."""
    rows = np.flatnonzero(groups.image_number >= 0)
    product, image = index.image_product[rows], groups.image_number[rows]
    trained = np.zeros(int(image.max(initial=-1)) + 1, np.bool_)
    trained[image[part[product] == TRAIN]] = True
    exposed = np.zeros(len(part), np.bool_)
    exposed[product[trained[image]]] = True
    return {PARTS[k]: int((exposed & (part == k)).sum()) for k in (VALIDATION, TEST)}


def report_rows(report: SplitReport) -> list[tuple[str, str, str]]:
    """Return what to show a person: a name, a number of products, a remark."""
    rows = [(name, f"{report.products[name]:,}", _leaking(report, name)) for name in PARTS]
    if report.unlabelled:
        rows.append(("left out", f"{report.unlabelled:,}", "without a label"))
    remark = f"{report.groups:,} groups" + (", ignored" if report.by == "product" else "")
    rows.append(("in duplicate groups", f"{report.grouped_products:,}", remark))
    for rank, group in enumerate(report.largest_groups[:_SHOWN]):
        remark = f"product {group['example']}: {group['category'] or 'no label'}"
        rows.append(("" if rank else "  the largest", f"{group['products']:,}", remark))
    for title, count, images in (
        ("boilerplate", report.boilerplate_images, report.boilerplate),
        ("refused", report.refused_images, report.refused),
    ):
        rows += [("", "", f"{count:,} images do not connect: {title}")] if count else []
        rows += [_image_row(image) for image in images[:_SHOWN]]
    return rows + _train_only_rows(report)


def _leaking(report: SplitReport, part: str) -> str:
    if part == "train" or not report.products[part]:
        return ""
    exposed = report.leak[part]
    return f"{exposed:,} ({exposed / report.products[part]:.2%}) share an image with train"


def _image_row(image: dict[str, Any]) -> tuple[str, str, str]:
    remark = f"product {image['example']}: {image['copies']:,} copies, {image['branches']} branches"
    return "  an image on", f"{image['products']:,}", remark


def _train_only_rows(report: SplitReport) -> list[tuple[str, str, str]]:
    kept = report.train_only
    if not kept:
        return []
    products = sum(item["products"] for item in kept)
    rows = [("too small, only in train", f"{products:,}", f"{len(kept):,} categories")]
    for item in kept[:_LISTED]:
        label = f"{item['category_id']} {item['category']}"
        rows.append(("", f"{item['products']:,}", label))
    if len(kept) > _LISTED:
        rows.append(("", "", f"and {len(kept) - _LISTED:,} more (all with --json)"))
    return rows
