"""Zip files with the same bytes every time, and zip files from strangers."""

import re
import zipfile
import zlib
from pathlib import Path

from etalage.errors import PredictionsError

MAX_BYTES = 4_000_000_000
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 1 << 20
_LISTED = b"PK\x01\x02"
_MOST_LISTED = 1000


def entry(name: str) -> zipfile.ZipInfo:
    """Return a compressed member whose time and owner say nothing of when and where."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def without_times(source: Path, target: Path) -> None:
    """Copy an Office document, leaving out when it was made."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            with old.open(member) as read, new.open(entry(member.filename), "w") as write:
                while piece := read.read(_PIECE):
                    if member.filename == "docProps/core.xml":
                        piece = _MODIFIED.sub(rb"\g<1>1980-01-01T00:00:00Z", piece)
                    write.write(piece)


def read_only_csv(
    path: Path,
    error: type[PredictionsError],
    *,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """Return the bytes of the one CSV file in a zip file.

    Args:
        path: the zip file.
        error: what to raise.
        name: what to call the file in messages, its path when not given.
        max_bytes: the most that it may unpack to.

    Raises:
        PredictionsError: as ``error``: damaged, encrypted, none or several CSV files, one that
            says it unpacks to more than ``max_bytes``, or more than 1,000 files of any kind.
    """
    name = name or str(path)
    try:
        _refuse_crowded(path, name, error)
        with zipfile.ZipFile(path) as archive:
            member = _only_csv(name, archive, error, max_bytes)
            return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as cause:
        raise error(f"{name}: is a damaged zip file: {str(cause) or 'it ends too soon'}") from cause


def _refuse_crowded(path: Path, name: str, error: type[PredictionsError]) -> None:
    """Count what a zip file lists before the list is read: a million entries fill the memory."""
    count, overlap = 0, b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            piece = overlap + piece
            count += piece.count(_LISTED)
            # Three bytes are too few to hold a mark, and enough to begin one.
            overlap = piece[-3:]
    if count > _MOST_LISTED:
        raise error(f"{name}: lists {count:,} files, expected one")


def _only_csv(
    name: str, archive: zipfile.ZipFile, error: type[PredictionsError], max_bytes: int
) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".csv") and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise error(f"{name}: holds {len(members)} CSV files, expected one")
    member = members[0]
    if member.file_size > max_bytes:
        raise error(
            f"{name}: {member.filename} unpacks to {member.file_size:,} bytes, "
            f"at most {max_bytes:,} are read"
        )
    if member.flag_bits & 1 or member.compress_type not in _METHODS:
        raise error(f"{name}: {member.filename} is encrypted or packed in an unusual way")
    return member
