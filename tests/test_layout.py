"""The shape of the package: short files, one place for each room."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/etalage"


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path.name: length for path, length in lengths.items() if length > 400} == {}


def test_every_room_is_described_in_the_architecture() -> None:
    page = (PACKAGE.parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    assert all(f"    {room}/" in page for room in rooms)
