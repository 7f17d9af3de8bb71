"""An import or export that was killed goes on, and ends with the same bytes."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etalage.catalogue.index import open_index
from etalage.exchange.exporter import export
from etalage.exchange.importer import import_catalogue
from indexes import tables

Make = Callable[..., Any]
IMPORT = """
import sys
from pathlib import Path
import etalage
etalage.import_catalogue([Path(sys.argv[1])], Path(sys.argv[2]), workers=2, shard_rows=50)
"""
EXPORT = """
import sys
from pathlib import Path
import etalage
etalage.export(Path(sys.argv[1]), Path(sys.argv[2]), form=sys.argv[3], shard_bytes=20_000)
"""


def killed(command: list[str], folder: Path, pattern: str, enough: int) -> int:
    """Run a command and kill it when so many files are there; return how many there are."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(folder.glob(pattern))) < enough:
        time.sleep(0.003)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(folder.glob(pattern)))


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def sources(folder: Path, photo: Make) -> dict[str, Path]:
    """Write a tree, and a table of bytes whose products are scattered."""
    for row in range(2000):
        place = folder / f"tree/{row % 7}/{row}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(photo(row % 50))
    ids = [row % 900 for row in range(2000)]
    table = pa.table({"_id": ids, "image": [photo(row % 50) for row in range(2000)]})
    pq.write_table(table, folder / "shop.parquet", row_group_size=100)
    return {"tree": folder / "tree", "table": folder / "shop.parquet"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tree", "table"])
def test_an_import_killed_anywhere_goes_on_and_ends_with_the_same_bytes(
    kind: str, tmp_path: Path, photo: Make
) -> None:
    source = sources(tmp_path, photo)[kind]
    import_catalogue([source], tmp_path / "whole", shard_rows=50)
    command = [sys.executable, "-c", IMPORT, str(source), str(tmp_path / "index")]
    work = tmp_path / ".index.part/import"
    done = [killed(command, work, "*.json", enough) for enough in (1, 4, 15)]
    assert not (tmp_path / "index").exists()
    subprocess.run(command, check=True)
    assert done[-1] > 1
    assert tables(tmp_path / "index") == tables(tmp_path / "whole")
    bson = {name: data for name, data in content(tmp_path / "whole").items() if "bson" in name}
    assert bson.items() <= content(tmp_path / "index").items()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["folder", "webdataset", "parquet"])
def test_an_export_killed_anywhere_goes_on_and_ends_with_the_same_bytes(
    form: str, tmp_path: Path, photo: Make
) -> None:
    import_catalogue([sources(tmp_path, photo)["tree"]], tmp_path / "index")
    export(tmp_path / "index", tmp_path / "whole", form=form, shard_bytes=20_000)
    command = [sys.executable, "-c", EXPORT, str(tmp_path / "index"), str(tmp_path / "out"), form]
    pattern = {"folder": "*/*.jpg", "webdataset": "*.tar", "parquet": "data/*.parquet"}[form]
    for enough in (1, 10, 40):
        killed(command, tmp_path / ".out.part", pattern, enough)
    assert not (tmp_path / "out").exists()
    subprocess.run(command, check=True)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_the_same_images_give_the_same_bytes_in_any_number_of_parts(
    tree: Make, imported: Make
) -> None:
    root = tree(*(f"{row % 3}/{row}.jpg" for row in range(30)))
    first = tables(imported(root, shard_rows=7).index.folder)
    assert tables(imported(root, shard_rows=1000).index.folder) == first


def test_a_part_that_is_whole_is_not_read_again(tmp_path: Path, photo: Make) -> None:
    for row in range(300):
        place = tmp_path / f"tree/a/{row:03}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(photo(row % 50))
    command = [sys.executable, "-c", IMPORT, str(tmp_path / "tree"), str(tmp_path / "index")]
    assert killed(command, tmp_path / ".index.part/import", "00000.json", 1) == 1
    (tmp_path / "tree/a/000.jpg").unlink()
    subprocess.run(command, check=True)
    assert open_index(tmp_path / "index", check=False).record["counts"]["unreadable"] == 0
