"""One index of several; no image is copied."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.selections.derive import derive
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import CatalogueError, ConfigError, TaxonomyError


def merge(
    indexes: Sequence[Path],
    output: Path,
    *,
    root: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write one index of several; of products with one id the first counts, the others are listed.

    Args:
        indexes: the INDEX folders, in the order of the products.
        output: the INDEX to write.
        root: folder that the sources' paths are stored relative to; the index folder by default.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of its ``index.json``.

    Raises:
        CatalogueError: an index cannot be opened, or they have different image hashes.
        TaxonomyError: a category has other names in another of them.
    """
    if len(indexes) < 2:
        raise ConfigError(f"to merge, two indexes are needed, not {len(indexes)}")
    opened = [open_index(path) for path in indexes]
    hashes = {index.folder: index.record["hash"] for index in opened}
    if len(set(hashes.values())) > 1:
        found = ", ".join(f"{folder} {name}" for folder, name in hashes.items())
        hint = "make them again with one --hash"
        raise CatalogueError(f"their images have different hashes: {found}", hint=hint)
    chosen = [(index, None) for index in opened]
    return derive(chosen, output, taxonomy=_union(opened), root=root, overwrite=overwrite)


def _union(indexes: Sequence[Index]) -> Taxonomy:
    """Return all categories of some indexes; names go before a bare id."""
    paths: dict[int, tuple[str, str, str]] = {}
    for index in indexes:
        tree = index.taxonomy
        for leaf, path in zip(tree.ids.tolist(), tree.paths, strict=True):
            before = paths.get(leaf, ("", "", ""))
            if any(path) and any(before) and path != before:
                raise TaxonomyError(
                    f"{index.folder}: category {leaf} is {' > '.join(path)}, "
                    f"before it was {' > '.join(before)}",
                    hint="index one of them again with the other's --taxonomy",
                )
            paths[leaf] = path if any(path) else before
    ids = np.array(sorted(paths), np.int64)
    return Taxonomy(ids, tuple(paths[leaf] for leaf in ids.tolist()))
