"""Asked products meet the known catalogue: the contents of their images, numbered together.

Nothing is joined product by product: the 128-bit hashes of both catalogues are sorted once (15.5
million of them in a few seconds and less than a gigabyte), and equal ones get one number.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.hashes import numbered
from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.embedding.distinct import images_of
from etalage.errors import CatalogueError, PredictionsError
from etalage.predictions.product_ids import positions


@dataclass(frozen=True, eq=False)
class Images:
    """Readable images of some products, each content once a product, by product.

    Attributes:
        product: position of the product, ascending, (S,) int64.
        content: number of what the image shows, (S,) int32.
        row: image row in the index, (S,) int64.
    """

    product: NDArray[np.int64]
    content: NDArray[np.int32]
    row: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meeting:
    """Asked products, known products, and which of their images are the same.

    Attributes:
        asked_index: the index of the asked products.
        asked_rows: their product rows, (P,).
        asked: their images; ``product`` is a position in ``asked_rows``.
        known_index: the labelled index.
        known_rows: product rows that are remembered, all with a label, (K,).
        known: their images; ``product`` is a position in ``known_rows``.
        labels: leaf row of each known product in the taxonomy of the predictions, (K,).
        own: position in ``known_rows`` of each asked product itself, -1 for none, (P,).
        contents: number of different contents.
        leaves: number of categories of the predictions.
    """

    asked_index: Index
    asked_rows: NDArray[np.int64]
    asked: Images
    known_index: Index
    known_rows: NDArray[np.int64]
    known: Images
    labels: NDArray[np.int32]
    own: NDArray[np.int64]
    contents: int
    leaves: int

    @property
    def same_index(self) -> bool:
        """Whether the asked products are of the known index."""
        return self.asked_index.fingerprint == self.known_index.fingerprint

    def prior(self) -> NDArray[np.float64]:
        """Return the share of each category among the known products, none of them 0, (C,)."""
        counts = np.bincount(self.labels, minlength=self.leaves) + 1.0
        return counts / counts.sum()


def meet(
    asked: Index,
    asked_rows: NDArray[np.int64],
    known: Index,
    known_rows: NDArray[np.int64],
    taxonomy: Taxonomy,
) -> Meeting:
    """Number the images of asked and of known products together.

    Args:
        asked: the index of the asked products.
        asked_rows: their product rows, all different.
        known: the labelled index; may be the same.
        known_rows: product rows to remember; those without a label in ``taxonomy`` are left out.
        taxonomy: of the predictions.

    Raises:
        CatalogueError: the images of the two were hashed in two ways.
        PredictionsError: no known product has a category of the taxonomy.
    """
    _refuse_other_hash(asked, known)
    leaf = np.append(taxonomy.rows(known.taxonomy.ids), np.int32(-1))[known.labels[known_rows]]
    known_rows, leaf = known_rows[leaf >= 0], leaf[leaf >= 0]
    if not len(known_rows):
        raise PredictionsError(
            f"{known.folder}: none of the products to remember has a label among the "
            f"{len(taxonomy):,} categories of the predictions",
            hint="give the labelled INDEX that the model was trained on with --known",
        )
    asked_number, known_number = _numbers(asked, known)
    own = positions(asked.product_ids.take(pa.array(asked_rows)),
                    known.product_ids.take(pa.array(known_rows)))  # fmt: skip
    return Meeting(
        asked_index=asked,
        asked_rows=asked_rows,
        asked=_images(asked, asked_rows, asked_number),
        known_index=known,
        known_rows=known_rows,
        known=_images(known, known_rows, known_number),
        labels=leaf,
        own=own,
        contents=1 + max(int(asked_number.max(initial=-1)), int(known_number.max(initial=-1))),
        leaves=len(taxonomy),
    )


def _refuse_other_hash(asked: Index, known: Index) -> None:
    ways = [index.record.get("hash") for index in (asked, known)]
    if ways[0] != ways[1]:
        raise CatalogueError(
            f"{known.folder}: its images are hashed with {ways[1]}, those of {asked.folder} "
            f"with {ways[0]}",
            hint=f"index it again with: etalage index CATALOGUE... -o INDEX --hash {ways[0]}",
        )


def _numbers(asked: Index, known: Index) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the number of the content of each image row of both."""
    if asked.fingerprint == known.fingerprint:
        number = numbered(known.hashes)
        return number, number
    number = numbered(np.concatenate([asked.hashes, known.hashes]))
    return number[: len(asked.hashes)], number[len(asked.hashes) :]


def _images(index: Index, rows: NDArray[np.int64], number: NDArray[np.int32]) -> Images:
    image, product, _ = images_of(index, rows)
    readable = index.readable[image]
    image, product = image[readable], product[readable]
    content = number[image]
    # A product that shows one picture twice has seen it once.
    width = int(number.max(initial=0)) + 1
    _, first = np.unique(product * width + content, return_index=True)
    return Images(product[first], content[first], image[first])
