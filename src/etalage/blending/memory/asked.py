"""What a memory is asked with: predictions, the index of their products, the labelled catalogue."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.blending.memory.exact import recall_exact
from etalage.blending.memory.meeting import Meeting, meet
from etalage.blending.memory.near import Likenesses, recall_near
from etalage.blending.memory.witnesses import Witnesses
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.catalogue.taxonomy import Taxonomy
from etalage.embedding.folder import Embeddings, read_embeddings
from etalage.errors import ConfigError, PredictionsError
from etalage.files import fingerprint, fingerprint_bytes
from etalage.predictions.folder import PredictionsFolder
from etalage.predictions.product_ids import positions, some


@dataclass(frozen=True)
class Places:
    """Where everything lies.

    Attributes:
        index: the INDEX of the products asked about.
        known: the labelled INDEX; None for ``index`` itself.
        split: a SPLIT of the known INDEX, to remember one ``part`` of it only.
        part: ``train``, ``validation`` or ``test``.
        embeddings: EMBEDDINGS of ``index``, for near memory.
        known_embeddings: those of ``known``; None where both are one.
    """

    index: Path
    known: Path | None = None
    split: Path | None = None
    part: str | None = None
    embeddings: Path | None = None
    known_embeddings: Path | None = None

    def check(self) -> None:
        """Raise ``ConfigError`` for options that do not go together."""
        if (self.split is None) != (self.part is None):
            raise ConfigError(
                "a split and a part go together", hint="add --split SPLIT --part train"
            )
        if self.known_embeddings is not None and self.embeddings is None:
            raise ConfigError(
                "known embeddings without embeddings of the products asked about",
                hint="add --embeddings EMBEDDINGS of INDEX",
            )
        if self.known is not None and self.embeddings is not None and not self.known_embeddings:
            raise ConfigError(
                f"near memory needs the vectors of {self.known}, too",
                hint="add --known-embeddings EMBEDDINGS of the known INDEX",
            )


@dataclass(frozen=True, eq=False)
class Catalogues:
    """The two indexes, opened, and what is remembered of the known one."""

    places: Places
    asked: Index
    known: Index
    known_rows: NDArray[np.int64]

    def rows(self, ids: pa.Array, predictions: Path) -> NDArray[np.int64]:
        """Return the product row in the asked index of each id.

        Raises:
            PredictionsError: the index lacks some of them.
        """
        rows = positions(ids, self.asked.product_ids)
        if (rows < 0).any():
            missing = ids.filter(pa.array(rows < 0))
            raise PredictionsError(
                f"{predictions}: {len(missing):,} of {len(ids):,} products are not in "
                f"{self.asked.folder}: {some(missing)}",
                hint="give the INDEX that the predictions were made for",
            )
        return rows

    def meet(self, rows: NDArray[np.int64], taxonomy: Taxonomy) -> Meeting:
        """Let products of the asked index meet what is remembered."""
        return meet(self.asked, rows, self.known, self.known_rows, taxonomy)

    def source(self) -> dict[str, Any]:
        """Return fingerprints of what is remembered, for what is made of it."""
        places = self.places
        return {
            "index": self.asked.fingerprint,
            "known": self.known.fingerprint,
            "split": None if places.split is None else fingerprint(places.split),
            "part": places.part,
        }


def open_catalogues(places: Places) -> Catalogues:
    """Open the indexes.

    Raises:
        ConfigError: options that do not go together.
        CatalogueError, SplitError: an index or the split cannot be used.
    """
    places.check()
    asked = open_index(places.index)
    known = asked if places.known is None else open_index(places.known)
    rows = np.arange(len(known))
    if places.split is not None and places.part is not None:
        rows = read_split(places.split).rows(known, places.part)
    return Catalogues(places, asked, known, rows[known.labels[rows] >= 0])


def open_vectors(places: Places) -> tuple[Embeddings, Embeddings] | None:
    """Open the embeddings of asked and of known images, or None where there are none."""
    if places.embeddings is None:
        return None
    embeddings = read_embeddings(places.embeddings)
    if places.known_embeddings is None:
        return embeddings, embeddings
    return embeddings, read_embeddings(places.known_embeddings)


def recall(
    meeting: Meeting, places: Places, neighbours: int
) -> tuple[Witnesses, Likenesses | None]:
    """Return what exact memory and, where there are vectors, near memory tell."""
    vectors = open_vectors(places)
    near = None if vectors is None else recall_near(meeting, *vectors, neighbours)
    return recall_exact(meeting), near


def fingerprint_of_predictions(opened: PredictionsFolder) -> str:
    """Return a hash of the answers, whatever their folder is called."""
    manifest = opened.manifest
    hashes = [manifest.categories_hash, *(part.hash for part in manifest.parts)]
    return fingerprint_bytes(*(text.encode() for text in hashes))
