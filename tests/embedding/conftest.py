"""A catalogue in which images repeat, and a model that embeds them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index
from etalage.embedding import write as module
from etalage.embedding.write import EmbedReport, embed

PRODUCTS = 12


@pytest.fixture(scope="session")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    product: Callable[..., dict[str, Any]],
    photo: Callable[..., bytes],
) -> Path:
    """Return an INDEX of 12 products with two images each; see ``pictures``."""
    place = tmp_path_factory.mktemp("embedding")
    documents = [product(row, pictures(row, photo), 10 + row % 3) for row in range(PRODUCTS)]
    (place / "c.bson").write_bytes(b"".join(map(bson.encode, documents)))
    index([place / "c.bson"], place / "index")
    return place / "index"


def pictures(row: int, photo: Callable[..., bytes]) -> list[bytes]:
    """Return images: all second ones are the same; 3 is cut, 5 is no image, 7 is a copy of 6."""
    first = photo(6 if row == 7 else row)
    first = first[:-200] if row == 3 else b"no image" if row == 5 else first
    return [first, photo(99)]


@pytest.fixture
def opened(folder: Path) -> Index:
    """Return the index, opened."""
    return open_index(folder)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EmbedReport]:
    """Embeds the catalogue with a tiny backbone, in parts of four vectors."""
    monkeypatch.setattr(module, "PART_VECTORS", 4)
    monkeypatch.setattr(module, "BATCH_IMAGES", 3)
    tiny: dict[str, Any] = {
        "backbone": "test_byobnet",
        "weights": "none",
        "image_size": 32,
        "load_size": 36,
    }

    def embed_tiny(output: Path, **options: Any) -> EmbedReport:
        import torch

        torch.manual_seed(0)  # the weights of the backbone are drawn
        return embed(None, folder, output, **tiny | options)

    return embed_tiny
