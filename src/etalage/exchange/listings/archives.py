"""Lists the samples of WebDataset tars: consecutive members of one key are one product.

A member ``folder/key.rest`` belongs to the sample ``folder/key`` (all up to the first dot of its
last part). Read are, by the end of ``rest``::

    .jpg .jpeg .png .webp   an image; a product's images are in the order of the archive
    .cls                    the category: its id, or its name
    .json                   an object: _id or product_id, category_id, title, description, brand,
                            reseller, price and any further texts; ``images`` names the members
                            that are the product's images, in order (null: an entry without one)
    .txt                    the description, where the JSON has none

An image stays where it is, a range of the archive: archives must not be compressed. Names are
never used as paths; what is no plain file, or has an unsafe or repeated name, is refused.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from etalage.catalogue.tables.part import Issue
from etalage.errors import CatalogueError
from etalage.exchange.categories import LEVEL_MARK
from etalage.exchange.listings.ids import INTEGER_MAX, INTEGER_MIN, plain_integer
from etalage.exchange.listings.listing import BATCH, FIELDS, FILE, NOTHING, PRODUCT, Found, as_rows
from etalage.exchange.listings.tree import IMAGE_NAMES

MAX_TEXT_BYTES = 2**20
MAX_TEXTS = 256
_PACKED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"(\xb5": "zstd"}
_KEYS = ("_id", "product_id", "category_id", "images")
_Row = dict[str, Any]


class _Bounded(io.FileIO):
    """A file that refuses to read more at once than any honest header needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_TEXT_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size) or b""


@dataclass
class _Sample:
    """The members of one key."""

    key: str
    offset: int
    images: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    others: dict[str, tarfile.TarInfo] = field(default_factory=dict)


def list_archives(
    paths: list[Path], root: Path, exported: dict[str, str] | None = None
) -> Iterator[Found]:
    """Yield the samples of some tars, archive by archive.

    Args:
        paths: the tars.
        root: folder that places are relative to.
        exported: our name of each text, where ``etalage export`` wrote the tars.

    Raises:
        CatalogueError: one is compressed, or cannot be read at all.
    """
    for path in paths:
        place = Path(os.path.relpath(path, root)).as_posix()
        yield from _batches(_list_archive(path, place, exported or {}))


def _batches(items: Iterator[list[_Row] | Issue]) -> Iterator[Found]:
    rows: list[_Row] = []
    issues: list[Issue] = []
    for item in items:
        if isinstance(item, Issue):
            issues.append(item)
        else:
            rows += item
        if len(rows) >= BATCH or len(issues) >= BATCH:
            yield _found(rows, issues)
            rows, issues = [], []
    yield _found(rows, issues)


def _found(rows: list[_Row], issues: list[Issue]) -> Found:
    absent = {"offset": -1, "length": -1}
    columns = {name: [row.get(name, absent.get(name)) for row in rows] for name in FIELDS.names}
    arrays = {name: pa.array(column, FIELDS.field(name).type) for name, column in columns.items()}
    names = dict.fromkeys(name for row in rows for name in row.get("texts", ()))
    return Found(as_rows(arrays, FIELDS, len(rows)), issues, tuple(names))


def _list_archive(path: Path, place: str, names: dict[str, str]) -> Iterator[list[_Row] | Issue]:
    _refuse_packed(path)
    with _Bounded(path) as file:
        sample: _Sample | None = None
        for member in _members(file, place):
            if isinstance(member, Issue):
                yield member
                continue
            key, suffix = _split(member.name)
            if sample is None or sample.key != key:
                if sample is not None:
                    yield from _rows(sample, file, place, names)
                sample = _Sample(key, member.offset)
            refusal = _add(sample, suffix, member)
            if refusal:
                yield Issue(-1, member.offset, key, refusal, f"{place}: {member.name}")
        if sample is not None:
            yield from _rows(sample, file, place, names)


def _refuse_packed(path: Path) -> None:
    try:
        with path.open("rb") as file:
            packing = _PACKED.get(file.read(2))
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from error
    if packing:
        message = f"{path}: is packed with {packing}; images must lie in it as they are"
        raise CatalogueError(message, hint="unpack the archive itself, not its members")


def _members(file: _Bounded, place: str) -> Iterator[tarfile.TarInfo | Issue]:
    """Yield the plain files of an archive; what is refused, and where it is damaged, as issues."""
    size = os.fstat(file.fileno()).st_size
    last = -1
    try:
        with tarfile.TarFile(fileobj=file, mode="r") as archive:
            while (member := archive.next()) is not None:
                # Else the archive keeps every member it has seen.
                archive.members = []  # type: ignore[attr-defined]
                if member.offset <= last or member.offset_data + member.size > size:
                    raise tarfile.ReadError("a member ends outside the archive")
                last = member.offset
                refusal = _refusal(member)
                what = f"{place}: {member.name!r}"
                if not member.isdir():
                    yield Issue(-1, member.offset, "", refusal, what) if refusal else member
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        detail = f"{place}: {error}; what follows is not read"
        yield Issue(-1, max(last, 0), "", "damaged archive", detail)


def _refusal(member: tarfile.TarInfo) -> str:
    """Return the kind of issue of a member that is not taken, or an empty string."""
    if member.issparse():
        return "sparse member"
    if member.issym() or member.islnk():
        return "link"
    if not member.isreg():
        return "not a file"
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or "\0" in member.name:
        return "unsafe name"
    try:
        member.name.encode()
    except UnicodeEncodeError:
        return "name is not UTF-8"
    return "" if member.size >= 0 and parts[-1] else "unsafe name"


def _split(name: str) -> tuple[str, str]:
    """Return the key of a member and the rest of its name, without the dot."""
    folder, _, base = name.removeprefix("./").rpartition("/")
    stem, _, suffix = base.partition(".")
    return (f"{folder}/{stem}" if folder else stem), suffix


def _add(sample: _Sample, suffix: str, member: tarfile.TarInfo) -> str:
    """Put a member into its sample; return the kind of issue when it is refused."""
    if suffix in sample.images or suffix in sample.others:
        return "duplicate member"
    if f".{suffix}".lower().endswith(IMAGE_NAMES):
        sample.images[suffix] = member
    else:
        sample.others[suffix] = member
    return ""


def _rows(
    sample: _Sample, file: _Bounded, place: str, names: dict[str, str]
) -> Iterator[list[_Row] | Issue]:
    """Yield what is odd in a sample, then its rows."""
    said: dict[str, Any] = {}
    texts = {}
    for suffix in list(sample.others):
        kind = suffix.rpartition(".")[2].lower()
        if kind in ("json", "cls", "txt"):
            member = sample.others.pop(suffix)
            try:
                texts[kind] = _text(member, file)
                said |= _object(texts[kind]) if kind == "json" else {}
            except ValueError as error:
                yield _odd(sample, "unreadable member", f"{place}: {member.name}: {error}")
    images = _order(said.get("images"), sample)
    for member in sample.others.values():
        yield _odd(sample, "not an image file", f"{place}: {member.name}")
    row, odd = _product(sample.key, said, texts, names)
    yield from (_odd(sample, kind, detail) for kind, detail in odd)
    yield [row | _image(place, member) for member in images] or [row | {"kind": PRODUCT}]


def _odd(sample: _Sample, kind: str, detail: str) -> Issue:
    return Issue(-1, sample.offset, sample.key, kind, detail)


def _image(place: str, member: tarfile.TarInfo | None) -> _Row:
    if member is None:
        return {"kind": NOTHING}
    return {"kind": FILE, "place": place, "offset": member.offset_data, "length": member.size}


def _order(names: object, sample: _Sample) -> list[tarfile.TarInfo | None]:
    """Return the images as the JSON orders them, else in the order of the archive."""
    if not isinstance(names, list):
        return list(sample.images.values())
    members = sample.images | sample.others
    if not all(name is None or name in members for name in names):
        return list(sample.images.values())
    for name in names:
        sample.others.pop(name, None)
    return [None if name is None else members[name] for name in names]


def _text(member: tarfile.TarInfo, file: _Bounded) -> str:
    if member.size > MAX_TEXT_BYTES:
        raise ValueError(f"{member.size} bytes, at most {MAX_TEXT_BYTES} are read")
    return os.pread(file.fileno(), member.size, member.offset_data).decode()


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(said, dict):
        raise ValueError("no JSON object")
    return said


def _product(
    key: str, said: dict[str, Any], texts: dict[str, str], names: dict[str, str]
) -> tuple[_Row, list[tuple[str, str]]]:
    """Return the row of a product without its image, and what is odd: (kind, detail)."""
    odd: list[tuple[str, str]] = []
    row: _Row = _identity(said.get("_id", said.get("product_id", key)), key)
    if "category_id" in said or "cls" in texts:
        row |= _category(said.get("category_id", texts.get("cls", "").strip()), odd)
    further = {names.get(key, key): value for key, value in said.items() if key not in _KEYS}
    if "txt" in texts:
        further.setdefault("description", texts["txt"])
    kept = {name: _plain(value) for name, value in further.items() if value is not None}
    if len(kept) > MAX_TEXTS:
        odd.append(("too many texts", f"{len(kept)}, the first {MAX_TEXTS} are kept"))
    kept = dict(list(kept.items())[:MAX_TEXTS])
    return row | {"extra": json.dumps(kept) if kept else None, "texts": tuple(kept)}, odd


def _identity(value: object, key: str) -> _Row:
    if isinstance(value, int) and not isinstance(value, bool):
        fits = INTEGER_MIN <= value <= INTEGER_MAX
        return {"id_integer": value} if fits else {"id_text": str(value)}
    return {"id_text": value if isinstance(value, str) and value and _is_text(value) else key}


def _category(value: object, odd: list[tuple[str, str]]) -> _Row:
    number = plain_integer(value)
    if number is not None:
        return {"category": number}
    if isinstance(value, str) and value and _is_text(value):
        return {"branch": LEVEL_MARK.join(("", "", value))}
    if value is not None:
        odd.append(("no category", "category_id is no integer"))
    return {}


def _plain(value: object) -> str | float:
    """Return a text, or a number as it is; what is nested as JSON."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if _is_text(text) else text.encode(errors="replace").decode()


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
