"""Where examples are written: in memory where Linux has a place there, for each is synced."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import etalage
from fuzz.catalogues import plain

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder for all examples of a module, one after another."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile what there is to compile, which no example shall be charged with."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "a.bson").write_bytes(plain(1, b"\1") + b"\xff" * 9 + plain(2) + plain(3))
    (folder / "a.csv").write_text("_id,title\n1,one\n")
    for stretch_bytes in (2**30, 40):
        etalage.index(
            [folder / "a.bson"],
            folder / "x",
            text=folder / "a.csv",
            workers=1,
            stretch_bytes=stretch_bytes,
            overwrite=True,
        )
