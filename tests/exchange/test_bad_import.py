"""Every row of the import table of docs/bad-input.md: made, run, message and status compared."""

import gzip
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from documented import matches, rows

HEADING = "Imports"
Make = Callable[..., Any]


def taxonomy(root: Path) -> None:
    """Write a taxonomy that does not have the folder."""
    (root / "a").rename(root / "other")
    names = "category_id,category_level1,category_level2,category_level3\n1,,,a\n"
    (root / ".names.csv").write_text(names)


TREES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a file of a folder": (lambda root: (root / "a/notes.txt").write_text("x"), []),
    "a link that leads out": (lambda root: (root / "a/out.jpg").symlink_to("/etc/passwd"), []),
    "a link to a folder": (lambda root: (root / "a/loop").symlink_to(root), []),
    "a pipe": (lambda root: os.mkfifo(root / "a/pipe.jpg"), []),
    "a file name": (
        lambda root: Path(os.fsdecode(os.fsencode(root) + b"/a/caf\xe9.jpg")).touch(),
        [],
    ),
    "a file that `--group`": (
        lambda root: (root / "a/x.jpg").touch(),
        ["--group", r"(?P<product>\d+)"],
    ),
    "images of one product": (
        lambda root: shutil.copytree(root / "a", root / "b"),
        ["--group", r"(?P<product>\d+)\.jpg"],
    ),
    "a folder that `--taxonomy`": (taxonomy, ["--taxonomy", "photos/.names.csv"]),
    "a pattern": (lambda root: root, ["--group", r"\d+"]),
    "a folder without": (lambda root: (root / "a/1.jpg").unlink(), []),
}


def tree_case(case: str, root: Path) -> list[object]:
    """Put the fault into the tree; return the arguments."""
    ((fault, options),) = (TREES[start] for start in TREES if case.startswith(start))
    fault(root)
    return [root, *options]


TABLES = {
    "a path of a table that leaves": "_id,image\n1,../../etc/passwd\n",
    "a path of a table that is not there": "_id,image\n1,gone.jpg\n",
    "a range outside": "_id,image,offset,length\n1,1.jpg,0,999999\n",
    "an address, without": "_id,image\n1,http://127.0.0.1/x\n",
    "an address of a private": "_id,image\n1,http://127.0.0.1/x\n",
    "an address that is not": "_id,image\n1,ftp://127.0.0.1/x\n",
    "a row with another": "_id,image,title\n1,1.jpg\n7,1.jpg,x\n",
    "a row without": "_id,image\n,1.jpg\n7,1.jpg\n",
    "a table's text": "_id,image,title\n1,1.jpg,caf\udce9\n",
    "a price": "_id,image,price\n1,1.jpg,cheap\n",
    "a category id": "_id,image,category_id,category_level3\n1,1.jpg,1,A\n2,1.jpg,1,B\n",
    "a table without": "_id,title\n1,x\n",
}


def table_case(case: str, root: Path) -> list[object]:
    """Write the table of the fault; return the arguments."""
    (content,) = (content for start, content in TABLES.items() if case.startswith(start))
    path = root / "t.csv"
    path.write_bytes(content.encode(errors="surrogateescape"))
    return [path, *(["--fetch-urls"] if "private" in case else [])]


def parquet_case(case: str, root: Path, photo: Make) -> list[object]:
    """Write the Parquet file of the fault; return the arguments."""
    path = root / "t.parquet"
    pq.write_table(pa.table({"image": [photo(1)], "sizes": [[1, 2]]}), path)
    if case.endswith("that is none"):
        path.write_bytes(b"PAR1" * 9)
    return [path]


def tar_case(case: str, root: Path, photo: Make, tar: Make) -> list[object]:
    """Write the tar of the fault; return the arguments."""
    odd: Any = ("b.jpg", photo(2))
    if case.startswith("a link, a device"):
        link = tarfile.TarInfo("x.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
        odd = (link, b"")
    elif case.startswith("a member whose"):
        odd = ("../x.jpg", photo(2))
    elif case.startswith("a member named"):
        odd = ("a.jpg", photo(2))
    elif case.startswith("metadata"):
        odd = ("a.json", b"{")
    path: Path = tar(("a.jpg", photo(1)), odd)
    if case.startswith("a tar that is cut"):
        path.write_bytes(path.read_bytes()[:2100])
    elif case.startswith("a packed"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    return [path]


def arguments(case: str, tree: Make, tar: Make, photo: Make) -> list[object]:
    """Make the source of a case; return the arguments of the command."""
    root: Path = tree("a/1.jpg")
    if "tar" in case.split() or case.startswith(("a member", "metadata")):
        return tar_case(case, root, photo, tar)
    if "Parquet" in case or case.startswith("a column of lists"):
        return parquet_case(case, root, photo)
    if case == "a BSON file":
        (root / "x.bson").write_bytes(b"")
        return [root / "x.bson"]
    if not case.startswith(tuple(TABLES)):
        return tree_case(case, root)
    (root / "1.jpg").write_bytes(photo(1))
    return table_case(case, root)


@pytest.mark.parametrize("case", rows(HEADING))
def test_what_an_import_refuses_is_listed_or_one_line(
    case: str,
    tree: Make,
    tar: Make,
    photo: Make,
    tmp_path: Path,
    etalage: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    row = rows(HEADING)[case]
    given = arguments(case, tree, tar, photo)
    run = etalage("import", *given, "-o", tmp_path / "x", "--workers", "1")
    assert run.code == row.exit
    assert "Traceback" not in run.err
    if row.exit == 0:
        said = (tmp_path / "x/issues.csv").read_text(encoding="utf-8").splitlines()[1:]
        assert any(all(matches(text, line) for text in row.messages) for line in said), said
    else:
        assert matches(row.messages[0], run.err)
