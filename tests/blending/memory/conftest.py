"""Small catalogues whose products share pictures, answers about them, vectors of their images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.files import fingerprint
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter

NAMES = """category_id,category_level1,category_level2,category_level3
10,HOME,TABLE,PLATE
20,HOME,TABLE,GLASS
30,GAMES,BOARD,CHESS
40,GAMES,CARDS,POKER
"""
Goods = list[tuple[int, list[int], int | None]]


@pytest.fixture
def stock(
    tmp_path: Path, photo: Callable[..., bytes], product: Callable[..., dict[str, Any]]
) -> Callable[..., Path]:
    """Returns a function that indexes products given as (id, numbers of pictures, category)."""

    def make(name: str, goods: Goods, *, hash: str = "xxh3") -> Path:
        documents = [
            product(row, [photo(one) for one in shown], leaf) for row, shown, leaf in goods
        ]
        (tmp_path / f"{name}.bson").write_bytes(b"".join(map(bson.encode, documents)))
        (tmp_path / "names.csv").write_text(NAMES, encoding="utf-8")
        index([tmp_path / f"{name}.bson"], tmp_path / name, taxonomy=tmp_path / "names.csv",
              hash_name=hash)  # fmt: skip
        return tmp_path / name

    return make


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    """The four leaves of ``NAMES``."""
    (tmp_path / "names.csv").write_text(NAMES, encoding="utf-8")
    return read_taxonomy(tmp_path / "names.csv")


@pytest.fixture
def answer(tmp_path: Path, taxonomy: Taxonomy) -> Callable[..., Path]:
    """Returns a function that writes PREDICTIONS of some ids, invented or given as (n, 4)."""

    def write(
        name: str, ids: list[int], shares: Any = None, *, k: int = 3, rows: int = 8, seed: int = 0
    ) -> Path:
        if shares is None:
            shares = np.random.default_rng(seed).dirichlet(np.full(4, 0.7), len(ids))
        top = top_k(np.asarray(shares, np.float32), k)
        writer = PredictionsWriter(tmp_path / name, taxonomy=taxonomy, source={"seed": seed})
        for start in range(0, len(ids), rows):
            cut = slice(start, start + rows)
            images = np.ones(len(ids[cut]), np.int16)
            part = top[0][cut], top[1][cut], top[2][cut]
            writer.write(Predictions(pa.array(ids[cut], pa.int64()), *part, images))
        writer.finish()
        return tmp_path / name

    return write


@pytest.fixture
def embed() -> Callable[..., Path]:
    """Returns a function that writes EMBEDDINGS with one given vector for each image row."""

    def write(folder: Path, index_folder: Path, vectors: Any, *, weights: str = "w") -> Path:
        values = np.asarray(vectors, np.float16)
        (folder / "parts").mkdir(parents=True)
        np.save(folder / "parts/part-00000.npy", values)
        rows = pa.table({"vector": pa.array(np.arange(len(values)))})
        pq.write_table(rows, folder / "images.parquet")
        part = {
            "file": "part-00000.npy",
            "rows": len(values),
            "fingerprint": fingerprint(folder / "parts/part-00000.npy"),
        }
        encoder = {"backbone": "by hand", "weights": weights}
        source = {"encoder": encoder, "index": open_index(index_folder).fingerprint}
        manifest = {
            "artefact": "embeddings", "schema": 1, "width": values.shape[1],
            "vectors": len(values), "part_vectors": len(values), "images": len(values),
            "unreadable": 0, "source": source, "parts": [part],
        }  # fmt: skip
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return folder

    return write
