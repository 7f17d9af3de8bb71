"""An index that was killed goes on, one of a catalogue that grew reads what is new."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, OutputError
from etalage.files import resumable_folder
from indexes import tables

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]

INDEX = """
import sys
from pathlib import Path
import etalage
etalage.index([Path(sys.argv[1])], Path(sys.argv[2]), workers=2, stretch_bytes=30_000)
"""


@pytest.mark.slow
def test_an_index_killed_anywhere_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, product: Product, photo: Photo
) -> None:
    products = [bson.encode(product(row, [photo(row)], 1)) for row in range(2000)]
    (tmp_path / "c.bson").write_bytes(b"".join(products))
    index([tmp_path / "c.bson"], tmp_path / "whole")
    command = [sys.executable, "-c", INDEX, str(tmp_path / "c.bson"), str(tmp_path / "killed")]
    scanned = tmp_path / ".killed.part/scan"
    for enough in (1, 6, 15):
        process = subprocess.Popen(command)
        while process.poll() is None and len(list(scanned.glob("*.json"))) < enough:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "killed").exists()
    done = len(list(scanned.glob("*.json")))
    subprocess.run(command, check=True)
    assert done > 0
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")


def test_a_stretch_that_is_whole_is_not_read_again(
    tmp_path: Path, product: Product, photo: Photo
) -> None:
    with pytest.raises(KeyboardInterrupt), resumable_folder(tmp_path / "x", {"a": 1}) as part:
        (part / "done").write_text("done")
        raise KeyboardInterrupt
    with resumable_folder(tmp_path / "x", {"a": 1}) as part:
        assert (part / "done").read_text() == "done"
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["done"]


def test_what_was_begun_from_something_else_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), resumable_folder(tmp_path / "x", {"a": 1}) as part:
        (part / "done").write_text("done")
        raise KeyboardInterrupt
    with resumable_folder(tmp_path / "x", {"a": 2}) as part:
        assert not (part / "done").exists()


def test_two_jobs_do_not_write_one_folder(tmp_path: Path) -> None:
    with resumable_folder(tmp_path / "x", {}) as part:
        with (
            pytest.raises(OutputError, match="another process is writing it"),
            resumable_folder(tmp_path / "x", {}),
        ):
            pass
        assert part.is_dir()


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.data())
def test_a_grown_catalogue_gives_the_index_of_the_whole(
    tmp_path: Path, product: Product, photo: Photo, data: st.DataObject
) -> None:
    documents = [
        bson.encode(product(row % 9, [photo(row)] * (row % 3), row % 4, title=f"n{row}"))
        for row in range(12)
    ]
    whole = b"".join(documents)
    cut = data.draw(st.integers(len(documents[0]), len(whole)))
    shutil.rmtree(tmp_path / "grown", ignore_errors=True)
    (tmp_path / "c.bson").write_bytes(whole[:cut])
    (tmp_path / "d.bson").write_bytes(b"".join(documents[:3]))
    index([tmp_path / "c.bson", tmp_path / "d.bson"], tmp_path / "grown")
    (tmp_path / "c.bson").write_bytes(whole)
    (tmp_path / "e.bson").write_bytes(bson.encode(product("new", [photo(99)], 2)))
    index([tmp_path / "e.bson"], tmp_path / "grown", append=True)
    names = [tmp_path / f"{name}.bson" for name in "cde"]
    index(names, tmp_path / "whole", overwrite=True)
    assert tables(tmp_path / "grown") == tables(tmp_path / "whole")


def test_appending_nothing_writes_nothing(
    tmp_path: Path, product: Product, photo: Photo, catalogue: Callable[..., Path]
) -> None:
    index([catalogue(product(1, [photo(1)], 1))], tmp_path / "x")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "x").iterdir()}
    record = index([], tmp_path / "x", append=True)
    assert record["counts"]["products"] == 1
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "x").iterdir()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-9], "it did not only grow"),
        (lambda data: b"\x00" + data[1:], "has changed since it was indexed"),
        (lambda data: data[:40] + b"\x00" + data[41:] + data, "has changed since it was indexed"),
    ],
    ids=["cut", "changed", "changed and grown"],
)
def test_a_catalogue_that_did_not_only_grow_is_not_appended_to(
    tmp_path: Path,
    product: Product,
    photo: Photo,
    catalogue: Callable[..., Path],
    change: Callable[[bytes], bytes],
    message: str,
) -> None:
    path = catalogue(product(1, [photo(1)], 1))
    index([path], tmp_path / "x")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CatalogueError, match=message):
        index([], tmp_path / "x", append=True)


def test_a_new_taxonomy_knows_the_categories_that_the_old_one_did_not(
    tmp_path: Path, product: Product, photo: Photo, catalogue: Callable[..., Path]
) -> None:
    header = "category_id,category_level1,category_level2,category_level3\n"
    (tmp_path / "old.csv").write_text(header + "1,A,B,C\n")
    (tmp_path / "new.csv").write_text(header + "1,A,B,C\n2,A,B,D\n")
    source = catalogue(product(1, [photo(1)], 1), product(2, [photo(2)], 2))
    index([source], tmp_path / "x", taxonomy=tmp_path / "old.csv")
    assert open_index(tmp_path / "x").labels.tolist() == [0, -1]
    counts = index([], tmp_path / "x", append=True, taxonomy=tmp_path / "new.csv")["counts"]
    assert open_index(tmp_path / "x").labels.tolist() == [0, 1]
    assert counts["issues"] == {}
