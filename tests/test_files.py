"""Artefacts are whole or absent; fingerprints tell files apart."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.errors import CatalogueError, OutputError
from etalage.files import (
    fingerprint,
    fingerprint_bytes,
    fingerprint_of,
    read_json,
    run_record,
    whole_file,
    whole_folder,
    write_json,
)


class CrashError(Exception):
    """What happens in the middle of writing."""


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(CrashError), whole_file(tmp_path / "a/table") as part:
        part.write_text("half")
        raise CrashError
    assert list((tmp_path / "a").iterdir()) == []
    with whole_file(tmp_path / "a/table") as part:
        part.write_text("whole")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["table"]


def test_a_crash_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "table").write_text("before")
    with pytest.raises(CrashError), whole_file(tmp_path / "table", overwrite=True) as part:
        part.write_text("after")
        raise CrashError
    assert (tmp_path / "table").read_text() == "before"


def test_what_a_killed_run_left_is_not_taken_over(tmp_path: Path) -> None:
    left = tmp_path / ".index.part"
    left.mkdir()
    (left / "old").write_text("left over")
    with whole_folder(tmp_path / "index") as part:
        (part / "new").write_text("new")
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["new"]
    assert not left.exists()


def test_a_folder_replaces_another_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with pytest.raises(OutputError, match="exists already"), whole_folder(tmp_path / "index"):
        pass
    with whole_folder(tmp_path / "index", overwrite=True) as part:
        (part / "new").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert (tmp_path / "index/new").is_file()


def test_a_place_that_is_no_folder_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot be written: File exists"),
        whole_file(tmp_path / "file/inside"),
    ):
        pass


@given(st.binary(min_size=1, max_size=3000), st.data())
def test_a_small_file_that_changed_has_another_fingerprint(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("f") / "file"
    path.write_bytes(content)
    before = fingerprint(path)
    at = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert fingerprint(path) != before
    path.write_bytes(content + b"\0")
    assert fingerprint(path) != before


def test_a_large_file_is_sampled_from_head_to_tail(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytearray(5_000_000)
    path.write_bytes(content)
    before = fingerprint(path)
    for place in (0, len(content) - 1):
        changed = content.copy()
        changed[place] = 1
        path.write_bytes(changed)
        assert fingerprint(path) != before


def test_bytes_are_told_apart_by_their_order(tmp_path: Path) -> None:
    assert fingerprint_bytes(b"ab", b"c") == fingerprint_bytes(b"abc")
    assert fingerprint_bytes(b"abc") != fingerprint_bytes(b"acb")


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_json_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("j") / "a.json"
    write_json(path, document)
    assert read_json(path, CatalogueError, "") == document


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_damaged_json_is_an_error_of_its_artefact(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CatalogueError, match=r"a\.json: ") as error:
        read_json(tmp_path / "a.json", CatalogueError, "make it again")
    assert error.value.hint == "make it again"


def test_a_run_record_says_who_made_it() -> None:
    record = json.loads(json.dumps(run_record()))
    assert set(record) == {"command", "etalage", "python", "machine", "time"}


@pytest.mark.parametrize("size", [0, 1, 16_384, 2**20, 2**20 + 1, 3_000_000])
def test_the_fingerprint_of_bytes_is_that_of_a_file_with_them(size: int, tmp_path: Path) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "x").write_bytes(data[:size])
    assert fingerprint_of(data[:size]) == fingerprint(tmp_path / "x")


def test_every_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    data = bytearray(2**20)
    before = fingerprint_of(bytes(data))
    data[777_777] = 1
    assert fingerprint_of(bytes(data)) != before
