"""WebDataset tars: samples are products, images stay where they are, tricks are refused."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import make_photo
from etalage.errors import CatalogueError
from etalage.exchange.listings.archives import list_archives

Make = Callable[..., Any]


def test_samples_are_products_and_nothing_is_copied(tar: Make, imported: Make, photo: Make) -> None:
    said = {"title": "Verre", "price": 2, "colour": "bleu", "sizes": [1, 2]}
    source = tar(
        ("shop/a.jpg", photo(1)), ("shop/a.1.png", photo(2)), ("shop/a.cls", b"5\n"),
        ("shop/a.json", json.dumps(said).encode()), ("shop/b.jpg", photo(3)),
        ("shop/b.cls", b"cup"), ("shop/b.txt", b"Une tasse"), ("shop/c.cls", b"5"),
    )  # fmt: skip
    found = imported(source)
    assert found.products == {"shop/a": [photo(1), photo(2)], "shop/b": [photo(3)], "shop/c": []}
    assert found.index.column("products", "category").to_pylist() == [5, 1, 5]
    texts = ("title", "description", "price", "colour", "sizes")
    assert [found.index.column("products", name)[0].as_py() for name in texts] == [
        "Verre", None, 2.0, "bleu", "[1, 2]",
    ]  # fmt: skip
    assert [str(path) for path in found.index.sources] == [str(source)]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """Return a member of any type."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_tricks_are_refused_and_listed(tar: Make, imported: Make, photo: Make) -> None:
    found = imported(
        tar(
            ("a.jpg", photo(1)),
            ("a.jpg", photo(2)),
            ("/etc/b.jpg", photo(3)),
            ("x/../../c.jpg", photo(3)),
            (member("d.jpg", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (member("e.jpg", tarfile.LNKTYPE, "a.jpg"), b""),
            (member("f.jpg", tarfile.CHRTYPE), b""),
            (member("g.jpg", tarfile.GNUTYPE_SPARSE), b""),
            (member("h", tarfile.DIRTYPE), b""),
            ("i.exe", b"MZ"),
        )
    )
    assert found.products == {"a": [photo(1)], "i": []}
    assert [kind for _, kind, _ in found.issues] == [
        "no images", "duplicate member", "unsafe name", "unsafe name", "link", "link",
        "not a file", "sparse member", "not an image file",
    ]  # fmt: skip


def test_a_key_that_comes_again_is_a_duplicate_id(tar: Make, imported: Make, photo: Make) -> None:
    names = ("a.jpg", "b.jpg", "a.jpg")
    found = imported(tar(*((name, photo(row)) for row, name in enumerate(names))))
    assert found.products == {"a": [photo(0)], "b": [photo(1)]}
    assert ("a", "duplicate id", "an earlier one counts") in found.issues


def test_a_cut_archive_keeps_what_is_whole(tar: Make, imported: Make, photo: Make) -> None:
    source = tar(("a.jpg", photo(1)), ("b.jpg", photo(2)))
    source.write_bytes(source.read_bytes()[: 512 + 1024 + 512 + 100])
    found = imported(source)
    assert found.products == {"a": [photo(1)]}
    assert [kind for _, kind, _ in found.issues] == ["damaged archive"]


def test_a_packed_archive_is_refused_with_a_hint(tar: Make, imported: Make, photo: Make) -> None:
    source = tar(("a.jpg", photo(1)))
    source.write_bytes(gzip.compress(source.read_bytes()))
    with pytest.raises(CatalogueError, match="packed with gzip"):
        imported(source)


def test_a_header_that_claims_gigabytes_is_not_believed(tmp_path: Path, photo: Make) -> None:
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2**34
    (tmp_path / "x.tar").write_bytes(long.tobuf(tarfile.GNU_FORMAT) + b"a" * 2048)
    (found,) = list_archives([tmp_path / "x.tar"], tmp_path)
    assert [issue.kind for issue in found.issues] == ["damaged archive"]


def some_archive() -> bytes:
    """Return the bytes of a small tar with a long name in it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (("a.jpg", make_photo(1)), ("é" * 90 + ".jpg", b"x"), ("a.json", b"{}")):
            made = tarfile.TarInfo(name)
            made.size = len(data)
            archive.addfile(made, io.BytesIO(data))
    return file.getvalue()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8), st.integers(0))
def test_damaged_bytes_never_raise_and_never_leave_the_archive(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(some_archive())
    for at, value in changes:
        data[at % len(data)] = value
    (tmp_path / "x.tar").write_bytes(data[: max(cut % len(data), 1024)])
    for found in list_archives([tmp_path / "x.tar"], tmp_path):
        for row in found.rows.select(["offset", "length"]).to_pylist():
            assert row["offset"] + row["length"] <= len(data)
