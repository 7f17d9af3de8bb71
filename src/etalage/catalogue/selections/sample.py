"""A new index of products drawn by lot, of every category its share; no image is copied."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import open_index
from etalage.catalogue.selections.derive import derive
from etalage.errors import ConfigError


def sample(
    index: Path,
    output: Path,
    *,
    products: int | None = None,
    share: float | None = None,
    at_least: int = 0,
    seed: int = 0,
    root: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write an index of products drawn by lot, of every category its share.

    Args:
        index: the INDEX.
        output: the INDEX to write.
        products: how many to draw; or
        share: what share of them, over 0 and at most 1.
        at_least: of every category at least so many, or all it has.
        seed: of the lot; the same seed draws the same products.
        root: folder that the sources' paths are stored relative to; the index folder by default.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of its ``index.json``.

    Raises:
        ConfigError: not exactly one of ``products`` and ``share``, or one out of its range.
        CatalogueError: the index cannot be opened.
    """
    if (products is None) == (share is None):
        raise ConfigError("a sample needs its size", hint="add --products N or --share 0.1")
    opened = open_index(index)
    share = products / max(len(opened), 1) if products is not None else share
    if share is None or not 0 < share <= 1 or at_least < 0 or seed < 0:
        wanted = f"{products:,} of {len(opened):,} products" if products is not None else share
        raise ConfigError(f"a sample of {wanted} cannot be drawn, at least {at_least} of each")
    rows = draw(opened.labels, share, at_least=at_least, seed=seed)
    chosen = [(opened, rows)]
    return derive(chosen, output, taxonomy=opened.taxonomy, root=root, overwrite=overwrite)


def draw(labels: NDArray[np.int32], share: float, *, at_least: int, seed: int) -> NDArray[np.int64]:
    """Return rows drawn by lot, ascending, ``share`` of every label, to one more or less.

    What a label's share has behind the point is paid out over all labels together, so that the
    whole sample has its size.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, start, size = np.unique(labels[order], return_index=True, return_counts=True)
    paid = np.floor(np.cumsum(size) * share + 0.5).astype(np.int64)
    quota = np.maximum(np.diff(paid, prepend=0), np.minimum(at_least, size))
    place = np.arange(len(labels)) - np.repeat(start, size)
    return np.sort(order[place < np.repeat(quota, size)])
