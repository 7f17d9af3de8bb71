"""A new index of the products that a rule keeps; no image is copied."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.selections.derive import derive
from etalage.catalogue.taxonomy import Taxonomy, chosen_leaves
from etalage.errors import CatalogueError


@dataclass(frozen=True)
class Rule:
    """Which products to keep; each that is given must hold.

    Attributes:
        categories: ids of leaves, or names from the first level down, as ``A > B``.
        without: likewise, what to leave out.
        labelled: only products with a category of the taxonomy.
        min_products: only leaves with so many products (in the whole index), and their products.
        max_products: only leaves with at most so many.
        min_images: only products with so many readable images.
        max_images: only products with at most so many images.
        min_side: with an image whose shorter side has so many pixels.
        min_quality: with an image of such a JPEG quality (1 to 100), or of another format.
        no_flag: only products whose images are all without a flag.
    """

    categories: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    labelled: bool = False
    min_products: int | None = None
    max_products: int | None = None
    min_images: int | None = None
    max_images: int | None = None
    min_side: int | None = None
    min_quality: int | None = None
    no_flag: bool = False

    @property
    def chooses_leaves(self) -> bool:
        """Whether the taxonomy becomes smaller."""
        sizes = (self.min_products, self.max_products)
        return bool(self.categories or self.without) or sizes != (None, None)


def filter(
    index: Path, output: Path, rule: Rule, *, root: Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Write an index of the products that a rule keeps; leaves it leaves out are no categories.

    Args:
        index: the INDEX.
        output: the INDEX to write.
        rule: which products to keep.
        root: folder that the sources' paths are stored relative to; the index folder by default.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of its ``index.json``.

    Raises:
        CatalogueError: the index cannot be opened, or nothing is left.
        TaxonomyError: a category that is not in it.
    """
    opened = open_index(index)
    leaves = _leaves(opened, rule)
    kept = _of_leaves(opened, leaves) if rule.chooses_leaves else np.ones(len(opened), np.bool_)
    if rule.labelled:
        kept &= opened.labels >= 0
    kept &= _of_images(opened, rule)
    if not kept.any():
        raise CatalogueError(f"{index}: not one of its {len(opened):,} products is kept")
    tree = opened.taxonomy
    if rule.chooses_leaves:
        tree = Taxonomy(tree.ids[leaves], tuple(tree.paths[row] for row in np.flatnonzero(leaves)))
    chosen = [(opened, np.flatnonzero(kept))]
    return derive(chosen, output, taxonomy=tree, root=root, overwrite=overwrite)


def _leaves(index: Index, rule: Rule) -> NDArray[np.bool_]:
    """Return which leaves of the taxonomy stay, (C,)."""
    tree = index.taxonomy
    leaves = np.ones(len(tree), np.bool_)
    if rule.categories:
        leaves = chosen_leaves(tree, rule.categories)
    if rule.without:
        leaves &= ~chosen_leaves(tree, rule.without)
    sizes = np.bincount(index.labels[index.labels >= 0], minlength=len(tree))
    if rule.min_products is not None:
        leaves &= sizes >= rule.min_products
    if rule.max_products is not None:
        leaves &= sizes <= rule.max_products
    return leaves


def _of_leaves(index: Index, leaves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labelled: NDArray[np.bool_] = index.labels >= 0
    return labelled & leaves[index.labels.clip(min=0)] if len(leaves) else labelled


def _of_images(index: Index, rule: Rule) -> NDArray[np.bool_]:
    """Return the products whose images are as the rule wants them, (P,)."""
    kept = np.ones(len(index), np.bool_)
    if rule.max_images is not None:
        kept &= index.image_count <= rule.max_images
    if rule.min_images is not None:
        kept &= _images_of(index, index.readable) >= rule.min_images
    if rule.min_side is not None:
        width, height = (index.column("images", name).to_numpy() for name in ("width", "height"))
        kept &= _images_of(index, np.minimum(width, height) >= rule.min_side) > 0
    if rule.min_quality is not None:
        quality = index.column("images", "quality").to_numpy()
        good = (quality >= rule.min_quality) | ((quality == 0) & index.readable)
        kept &= _images_of(index, good) > 0
    if rule.no_flag:
        flagged = pc.not_equal(index.column("images", "flag").cast(pa.string()), "")
        kept &= _images_of(index, flagged.to_numpy(zero_copy_only=False)) == 0
    return kept


def _images_of(index: Index, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many of the chosen images each product has, (P,)."""
    return np.bincount(index.image_product[chosen], minlength=len(index))
