"""The EMBEDDINGS artefact: one vector for each distinct image of an index. Reading it.

A folder, schema 1::

    parts/part-00000.npy ...  float16 (M, F), C order: the vectors, ``part_vectors`` to a part, the
                              last one may be smaller; a row of NaN for an image that has a header
                              and cannot be decoded
    images.parquet            vector: int64, for each image row of the index the row of its vector
                              over all parts; -1 for an image that cannot be read, -2 for one that
                              was not asked for
    unreadable.csv            image (row), product_id, rank: the images with -1
    manifest.json             artefact, schema, width (F), vectors, part_vectors, images (asked
                              for), unreadable, source (encoder: backbone, backbone_args, weights
                              (hash), image_size, load_size, mean, std, mirror; index (fingerprint),
                              part, max_images, runtime,
                              precision), parts: a list of {file, rows, fingerprint}
    run.json                  command, versions, machine, time

Images with the same bytes share a vector. Vectors stand in the order of the files. Nothing is held
in memory but the row of each image's vector: parts are mapped when they are first read.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.embedding.distinct import NOT_WANTED
from etalage.errors import EmbeddingsError
from etalage.files import fingerprint, read_json

SCHEMA = 1
MANIFEST, IMAGES, PARTS = "manifest.json", "images.parquet", "parts"
AGAIN = "make them again with: etalage embed MODEL INDEX -o EMBEDDINGS --yes"


@dataclass(frozen=True)
class Part:
    """One file of vectors: its name, its rows, the fingerprint of its bytes."""

    file: str
    rows: int
    fingerprint: str


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``."""

    width: int
    vectors: int
    part_vectors: int
    images: int
    unreadable: int
    source: dict[str, Any]
    parts: tuple[Part, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``read_embeddings`` reads."""
        return {"artefact": "embeddings", "schema": SCHEMA, **asdict(self)}


class Embeddings:
    """A finished EMBEDDINGS folder.

    Attributes:
        folder: where it lies.
        manifest: what it holds.
        rows: row of each image's vector, negative where there is none, (I,) int64.
    """

    def __init__(self, folder: Path, manifest: Manifest, rows: NDArray[np.int64]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.rows = rows
        self._parts: dict[int, NDArray[np.float16]] = {}

    def __len__(self) -> int:
        """Return the number of vectors."""
        return self.manifest.vectors

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return self.manifest.width

    @property
    def model(self) -> str:
        """The hash of the weights that made the vectors."""
        return str(self.manifest.source["encoder"]["weights"])

    def has(self, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which image rows have a vector."""
        return np.asarray(self.rows[images] >= 0)

    def asked(self, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for which image rows a vector was asked, whether or not they could be read."""
        return np.asarray(self.rows[images] != NOT_WANTED)

    def vectors(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of image rows, (N, F), in the order asked.

        Raises:
            EmbeddingsError: an image has none, or a part is missing or damaged.
        """
        rows = self.rows[np.asarray(images, np.int64)]
        if (rows < 0).any():
            image = int(np.asarray(images)[rows < 0][0])
            raise EmbeddingsError(f"{self.folder}: has no vector of image row {image}", hint=AGAIN)
        return self.take(rows)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors by their own rows, (N, F), in the order asked."""
        answer = np.empty((len(rows), self.width), np.float32)
        part, within = np.divmod(rows, self.manifest.part_vectors)
        for number in np.unique(part).tolist():
            chosen = np.flatnonzero(part == number)
            answer[chosen] = self._part(number)[within[chosen]]
        return answer

    def _part(self, number: int) -> NDArray[np.float16]:
        if number not in self._parts:
            self._parts[number] = self._map(self.manifest.parts[number])
        return self._parts[number]

    def _map(self, part: Part) -> NDArray[np.float16]:
        path = self.folder / PARTS / part.file
        damaged = EmbeddingsError(f"{path}: is damaged or not there", hint=AGAIN)
        try:
            if fingerprint(path) != part.fingerprint:
                raise damaged
            vectors = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise damaged from error
        if vectors.shape != (part.rows, self.width) or vectors.dtype != np.float16:
            raise damaged
        # As a plain array: each slice of numpy's own kind of mapped array costs 10 microseconds.
        return np.asarray(vectors)


def read_embeddings(folder: Path) -> Embeddings:
    """Open a finished EMBEDDINGS folder.

    Raises:
        EmbeddingsError: absent, unfinished, of another schema, or damaged.
    """
    if not (folder / MANIFEST).is_file():
        raise EmbeddingsError(f"{folder}: is no folder of embeddings: it has no {MANIFEST}",
                              hint=AGAIN)  # fmt: skip
    record = read_json(folder / MANIFEST, EmbeddingsError, AGAIN)
    if record.get("artefact") != "embeddings" or record.get("schema") != SCHEMA:
        raise EmbeddingsError(
            f"{folder}: is {record.get('artefact')} of schema {record.get('schema')}, expected "
            f"embeddings of schema {SCHEMA}",
            hint=AGAIN,
        )
    try:
        parts = tuple(Part(**part) for part in record["parts"])
        named = {name: record[name] for name in Manifest.__annotations__ if name != "parts"}
        rows = pq.read_table(folder / IMAGES, columns=["vector"]).column("vector").to_numpy()
        return Embeddings(folder, Manifest(**named, parts=parts), rows)
    except (OSError, KeyError, TypeError, pa.ArrowException) as error:
        message = f"{folder}: is damaged: {type(error).__name__} {error}"
        raise EmbeddingsError(message, hint=AGAIN) from error
