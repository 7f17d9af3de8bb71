"""What two indexes must have in common to be the same."""

from pathlib import Path

TABLES = ("products.parquet", "images.parquet", "sources.parquet", "issues.csv", "categories.csv")


def tables(folder: Path) -> list[bytes]:
    """Return the bytes of an index but for its run record, which has the time in it."""
    return [(folder / name).read_bytes() for name in TABLES]
