"""``ProductDataset``: the products of an INDEX and SPLIT for a PyTorch loop of one's own.

Étalage's own training does not use it: ``etalage.batches`` is about twice as fast. It is here for
whoever brings a loop, a framework or a transform and wants one item per product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import Split, read_split
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, ImageFormatError
from etalage.images.decode import decode, decode_into

Transform = Callable[[NDArray[np.uint8]], Any]


@dataclass(frozen=True, eq=False)
class Sample:
    """One product.

    Attributes:
        images: its readable images by rank, transformed; empty when there is none.
        target: row of its category in ``ProductDataset.categories``, -1 when unlabelled.
        product_id: its ``_id`` in the catalogue.
        row: its row in the index.
    """

    images: list[Any]
    target: int
    product_id: int | str
    row: int


class ProductDataset(Dataset[Sample]):
    """A map-style dataset whose items are products with all their images.

    Usable with any number of ``DataLoader`` workers, forked or spawned.

    Args:
        index: an INDEX folder, or an opened index.
        split: a SPLIT file, or a split that was read; without one all products are in.
        part: ``train``, ``validation`` or ``test``: which products of the split.
        transform: applied to each image, a uint8 RGB array (H, W, 3); what it returns is handed on.
        max_images: use only the first so many images of a product; None for all.
        size: fit each image to a square of so many pixels before ``transform``; None leaves it
            as it is stored.

    Raises:
        CatalogueError: the index cannot be opened.
        SplitError: the split cannot be read, or is one of another index.
        ConfigError: a split without a part or the other way round, or a number below 1.
    """

    def __init__(
        self,
        index: Path | str | Index,
        *,
        split: Path | str | Split | None = None,
        part: str | None = None,
        transform: Transform | None = None,
        max_images: int | None = None,
        size: int | None = None,
    ) -> None:
        for name, value in (("max_images", max_images), ("size", size)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}: at least 1 is needed")
        self.index = index if isinstance(index, Index) else open_index(Path(index))
        self.rows = _rows(self.index, split, part)
        self.transform = transform
        self.max_images = max_images
        self.size = size

    @property
    def categories(self) -> Taxonomy:
        """The categories; a target is a row of it."""
        return self.index.taxonomy

    @property
    def targets(self) -> NDArray[np.int64]:
        """The target of every item, shape (P,): for a sampler that balances categories."""
        return self.index.labels[self.rows].astype(np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: int) -> Sample:
        return self._sample(int(self.rows[item]))

    def __getitems__(self, items: Sequence[int]) -> list[Sample]:
        """Return several items: what ``DataLoader`` calls for a batch."""
        return [self._sample(row) for row in self.rows[np.asarray(items, np.int64)].tolist()]

    @staticmethod
    def collate(samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Join samples to a batch, the ``collate_fn`` for networks over all images of a product.

        Returns:
            Pixels of all images, (N, S, S, 3) uint8 unless the transform made something else of
            them; for each image the position of its product in the batch, (N,) int64; the targets,
            (P,) int64.

        Raises:
            ConfigError: images of different shapes.
        """
        images = [torch.as_tensor(image) for sample in samples for image in sample.images]
        shapes = sorted({tuple(image.shape) for image in images})
        if len(shapes) > 1:
            message = f"images of shapes {shapes[0]} and {shapes[1]} do not make a batch"
            raise ConfigError(message, hint="give ProductDataset a size")
        pixels = torch.stack(images) if images else torch.empty((0, 0, 0, 3), dtype=torch.uint8)
        counts = torch.tensor([len(sample.images) for sample in samples])
        product = torch.repeat_interleave(torch.arange(len(samples)), counts)
        return pixels, product, torch.tensor([sample.target for sample in samples])

    def _sample(self, row: int) -> Sample:
        index, first = self.index, int(self.index.image_start[row])
        count = int(index.image_count[row])
        count = count if self.max_images is None else min(count, self.max_images)
        pixels = (_pixels(index, image, self.size) for image in range(first, first + count))
        readable = [image for image in pixels if image is not None]
        return Sample(
            images=[self.transform(image) for image in readable] if self.transform else readable,
            target=int(index.labels[row]),
            product_id=index.product_ids[row].as_py(),
            row=row,
        )


def _rows(index: Index, split: Path | str | Split | None, part: str | None) -> NDArray[np.int64]:
    if split is None and part is None:
        return np.arange(len(index), dtype=np.int64)
    if split is None or part is None:
        raise ConfigError("a split and a part of it go together", hint="give both, or neither")
    opened = split if isinstance(split, Split) else read_split(Path(split))
    return opened.rows(index, part)


def _pixels(index: Index, image: int, size: int | None) -> NDArray[np.uint8] | None:
    if not index.readable[image]:
        return None
    try:
        if size is None:
            return decode(index.image_bytes(image))
        pixels = np.empty((size, size, 3), np.uint8)
        decode_into(index.image_bytes(image), pixels)
    except ImageFormatError:
        return None
    return pixels
