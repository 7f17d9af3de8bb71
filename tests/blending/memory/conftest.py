"""Small catalogues whose products share pictures, answers about them, vectors of their images."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etalage.blending.memory.fit import memory
from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split, split
from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.files import fingerprint
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter
from etalage.scoring.score import score

NAMES = """category_id,category_level1,category_level2,category_level3
10,HOME,TABLE,PLATE
20,HOME,TABLE,GLASS
30,GAMES,BOARD,CHESS
40,GAMES,CARDS,POKER
"""
Goods = list[tuple[int, list[int], int | None]]


class Shop:
    """Writes indexes and answers to a folder."""

    def __init__(
        self, folder: Path, photo: Callable[..., bytes], product: Callable[..., Any]
    ) -> None:
        self.folder, self.photo, self.product = folder, photo, product
        (folder / "names.csv").write_text(NAMES, encoding="utf-8")
        self.taxonomy = read_taxonomy(folder / "names.csv")

    def stock(self, name: str, goods: Goods, *, hash: str = "xxh3") -> Path:
        """Index products given as (id, numbers of pictures, category)."""
        documents = [
            self.product(row, [self.photo(one) for one in shown], leaf)
            for row, shown, leaf in goods
        ]
        file, names = self.folder / f"{name}.bson", self.folder / "names.csv"
        file.write_bytes(b"".join(map(bson.encode, documents)))
        index([file], self.folder / name, taxonomy=names, hash_name=hash)
        return self.folder / name

    def answer(self, name: str, ids: list[int], *, rows: int = 8, seed: int = 0) -> Path:
        """Invent PREDICTIONS of some ids."""
        shares = np.random.default_rng(seed).dirichlet(np.full(4, 0.7), len(ids))
        top = top_k(shares.astype(np.float32), 3)
        source = {"seed": seed}
        writer = PredictionsWriter(self.folder / name, taxonomy=self.taxonomy, source=source)
        for start in range(0, len(ids), rows):
            cut = slice(start, start + rows)
            images = np.ones(len(ids[cut]), np.int16)
            part = top[0][cut], top[1][cut], top[2][cut]
            writer.write(Predictions(pa.array(ids[cut], pa.int64()), *part, images))
        writer.finish()
        return self.folder / name


@pytest.fixture
def shop_of(photo: Callable[..., bytes], product: Callable[..., Any]) -> Callable[[Path], Shop]:
    """Returns a function that opens a shop in a folder."""
    return lambda folder: Shop(folder, photo, product)


@pytest.fixture
def stock(tmp_path: Path, shop_of: Callable[[Path], Shop]) -> Callable[..., Path]:
    """``Shop.stock`` in the folder of the test."""
    return shop_of(tmp_path).stock


@pytest.fixture
def taxonomy(tmp_path: Path, shop_of: Callable[[Path], Shop]) -> Taxonomy:
    """The four leaves of ``NAMES``."""
    return shop_of(tmp_path).taxonomy


@dataclass(frozen=True)
class Case:
    """An index split by product, answers for its validation and test part, a MEMORY."""

    folder: Path
    shop: Shop

    @property
    def index(self) -> Path:
        """The INDEX."""
        return self.folder / "index"

    @property
    def validation(self) -> Path:
        """PREDICTIONS of the validation part."""
        return self.folder / "validation"

    @property
    def test(self) -> Path:
        """PREDICTIONS of the test part."""
        return self.folder / "test"

    @property
    def known(self) -> dict[str, Any]:
        """What is remembered: the training part."""
        return {"split": self.folder / "split", "part": "train"}

    @property
    def settings(self) -> dict[str, Any]:
        """The MEMORY, and what is remembered."""
        return {"memory": self.folder / "m.json", **self.known}

    def accuracy(self, predictions: Path) -> float:
        """Return the share of the test part that is answered rightly."""
        found = score(predictions, self.index, split=self.known["split"], part="test")
        return found.accuracy.level3

    def fit(self, name: str, **more: Any) -> Path:
        """Fit a MEMORY."""
        output = self.folder / name
        memory(self.validation, self.index, output, truth=self.index, **self.known, **more)
        return output


@pytest.fixture(scope="session")
def goods() -> Goods:
    """Eight offers of each of twenty things, that share pictures and mostly labels."""
    random = np.random.default_rng(1)
    return [
        (row, [row % 20, 100 + row], int(10 * (1 + row % 4)) if random.random() < 0.9 else 40)
        for row in range(160)
    ]


@pytest.fixture(scope="session")
def made(
    goods: Goods,
    tmp_path_factory: pytest.TempPathFactory,
    photo: Callable[..., bytes],
    product: Callable[..., Any],
) -> Path:
    """The folder of a ``Case``, made once."""
    folder = tmp_path_factory.mktemp("made")
    shop = Shop(folder, photo, product)
    shop.stock("index", goods)
    split(folder / "index", folder / "split", by="product", validation=0.4, test=0.2)
    opened = open_index(folder / "index")
    for part in ("validation", "test"):
        rows = read_split(folder / "split").rows(opened, part)
        shop.answer(part, opened.product_ids.to_numpy()[rows].tolist(), seed=len(part))
    Case(folder, shop).fit("m.json")
    return folder


@pytest.fixture
def case(made: Path, tmp_path: Path, shop_of: Callable[[Path], Shop]) -> Case:
    """A copy of it for the test to change."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Case(tmp_path, shop_of(tmp_path))


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
