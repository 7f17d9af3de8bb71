"""No bytes make the index crash, hang, or give one product what is another's."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import etalage
from fuzz.bounds import bounded, fuzzed
from fuzz.catalogues import Piece, catalogues, damaged
from fuzz.reading import check, check_all_bytes, read_found, read_issues, write

TABLES = ("products.parquet", "images.parquet", "categories.csv", "issues.csv")


def make_index(source: Path, folder: Path, *, stretch_bytes: int = 2**30) -> bool:
    """Make an index; False when the catalogue is refused."""
    try:
        with bounded():
            etalage.index([source], folder, workers=1, stretch_bytes=stretch_bytes, overwrite=True)
    except etalage.EtalageError:
        return False
    return True


@fuzzed
@given(pieces=catalogues())
def test_damage_harms_no_intact_product(place: Path, pieces: list[Piece]) -> None:
    source, folder = place / "a.bson", place / "a"
    write(pieces, source)
    if not make_index(source, folder):
        assert not any(piece.product for piece in pieces)
        return
    found, issues = read_found(folder, source.read_bytes()), read_issues(folder)
    check(pieces, found, issues)
    check_all_bytes(source.stat().st_size, found, issues)


@fuzzed
@given(pieces=catalogues(), stretches=st.integers(2, 9))
def test_reading_in_small_stretches_gives_the_same_bytes(
    place: Path, pieces: list[Piece], stretches: int
) -> None:
    source = place / "b.bson"
    write(pieces, source)
    each = -(-source.stat().st_size // stretches) or 1
    made = make_index(source, place / "whole")
    assert make_index(source, place / "cut", stretch_bytes=each) == made
    if made:
        whole, cut = ([(place / name / table).read_bytes() for table in TABLES]
                      for name in ("whole", "cut"))  # fmt: skip
        assert whole == cut


@fuzzed
@given(data=st.binary(max_size=300) | catalogues(most=2).flatmap(
    lambda pieces: damaged(b"".join(piece.data for piece in pieces))))  # fmt: skip
def test_any_bytes_are_read_or_refused(place: Path, data: bytes) -> None:
    source, folder = place / "c.bson", place / "c"
    source.write_bytes(data)
    if make_index(source, folder):
        found, issues = read_found(folder, data), read_issues(folder)
        check_all_bytes(len(data), found, issues)
