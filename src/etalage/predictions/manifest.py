"""``manifest.json``: what a finished PREDICTIONS folder holds, and from what it was made.

An unfinished folder has the same document under the name ``unfinished.json``, with the parts
written so far and, where it is known, how many products are expected::

    {"artefact": "predictions", "schema": 1, "k": 20, "product_id": "int64",
     "products": 200000, "expected": 200000,
     "categories": {"count": 5270, "hash": "..."},
     "parts": [{"file": "part-00000.parquet", "rows": 100000, "hash": "..."}, ...],
     "source": {"model": "...", "index": "..."}}

Hashes are XXH3 128 in hexadecimal: of the bytes of a part, and of the content of the taxonomy.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.files import fingerprint_bytes, read_json

SCHEMA = 1
NAME = "manifest.json"
UNFINISHED = "unfinished.json"
AGAIN = "run the same etalage predict again"


@dataclass(frozen=True)
class Part:
    """One Parquet file of the folder: its name, its rows, the hash of its bytes."""

    file: str
    rows: int
    hash: str


@dataclass(frozen=True)
class Manifest:
    """The document; ``k`` and ``id_type`` are 0 and empty until a part was written."""

    source: dict[str, Any]
    leaves: int
    categories_hash: str
    k: int = 0
    id_type: str = ""
    parts: tuple[Part, ...] = ()
    expected: int | None = None

    @property
    def products(self) -> int:
        """The number of products in the parts."""
        return sum(part.rows for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``from_json`` reads."""
        return {
            "artefact": "predictions",
            "schema": SCHEMA,
            "k": self.k,
            "product_id": self.id_type,
            "products": self.products,
            "expected": self.expected,
            "categories": {"count": self.leaves, "hash": self.categories_hash},
            "parts": [asdict(part) for part in self.parts],
            "source": self.source,
        }


def taxonomy_hash(taxonomy: Taxonomy) -> str:
    """Return a hash of the ids and names of a taxonomy."""
    names = "\x1f".join(name for path in taxonomy.paths for name in path)
    return fingerprint_bytes(taxonomy.ids.tobytes(), names.encode())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished folder.

    Raises:
        PredictionsError: no folder, none of ours, unfinished, damaged, or of another schema.
    """
    if not (folder / NAME).is_file():
        raise _absent(folder)
    manifest = _read(folder / NAME)
    if not manifest.parts:
        raise PredictionsError(f"{folder / NAME}: names no parts", hint=AGAIN)
    return manifest


def read_unfinished(folder: Path) -> Manifest:
    """Read how far an unfinished folder has come."""
    return _read(folder / UNFINISHED)


def _absent(folder: Path) -> PredictionsError:
    if not (folder / UNFINISHED).is_file():
        return PredictionsError(
            f"{folder}: is no predictions folder: it has no {NAME}",
            hint="etalage predict MODEL INDEX -o PREDICTIONS makes one",
        )
    state = read_unfinished(folder)
    of = "" if state.expected is None else f" of {state.expected:,}"
    return PredictionsError(
        f"{folder}: is unfinished: it has {state.products:,}{of} products in {len(state.parts)} "
        f"parts, and no {NAME}",
        hint=f"{AGAIN} to finish it",
    )


def _read(path: Path) -> Manifest:
    document = read_json(path, PredictionsError, hint=AGAIN)
    version = document.get("schema")
    if document.get("artefact") != "predictions" or version != SCHEMA:
        raise PredictionsError(
            f"{path}: is {document.get('artefact')} of schema {version}, "
            f"expected predictions of schema {SCHEMA}",
            hint=f"{AGAIN} with this version",
        )
    try:
        return _from_json(document)
    except (KeyError, TypeError, AttributeError) as cause:
        raise PredictionsError(f"{path}: is damaged: {cause!r}", hint=AGAIN) from cause


def _from_json(document: dict[str, Any]) -> Manifest:
    return Manifest(
        source=dict(document["source"]),
        leaves=int(document["categories"]["count"]),
        categories_hash=str(document["categories"]["hash"]),
        k=int(document["k"]),
        id_type=str(document["product_id"]),
        parts=tuple(Part(**part) for part in document["parts"]),
        expected=document.get("expected"),
    )


def differences(before: Manifest, now: Manifest) -> list[str]:
    """Return in words what two manifests were made from, where it is not the same."""
    old, new = (
        dict(_flat("", {**one.source, "categories": one.categories_hash})) for one in (before, now)
    )
    return [
        f"{key} was {old.get(key)!r} and is {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flat(prefix: str, document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value
