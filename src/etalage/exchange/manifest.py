"""``export.json``: what an exported folder is, so that importing it loses nothing.

schema     1
format     folder, webdataset or parquet
files      the tables or tars in it, in order
ids        integer or text
texts      the name in the index of each text column
products, images, index (fingerprint of the INDEX), part of a split or null
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from etalage.errors import CatalogueError
from etalage.files import read_json, write_json

NAME = "export.json"
SCHEMA = 1
FORMATS = ("folder", "webdataset", "parquet")


@dataclass(frozen=True)
class Manifest:
    """The content of ``export.json``; ``files`` are paths below its folder."""

    format: str
    files: list[str]
    ids: str
    texts: dict[str, str]
    products: int
    images: int
    index: str
    part: str | None
    schema: int = SCHEMA


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, the last file of an export."""
    write_json(folder / NAME, asdict(manifest))


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of an exported folder, None for any other folder.

    Raises:
        CatalogueError: it is damaged, or of another version.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    said = read_json(path, CatalogueError, "export it again")
    try:
        manifest = Manifest(**said)
    except TypeError as error:
        raise CatalogueError(f"{path}: is no manifest of an export: {error}") from error
    strange = manifest.schema != SCHEMA or manifest.format not in FORMATS
    inside = isinstance(manifest.files, list) and all(map(_is_inside, manifest.files))
    if strange or not inside:
        raise CatalogueError(f"{path}: is no manifest of an export of schema {SCHEMA}")
    return manifest


def _is_inside(name: object) -> bool:
    return isinstance(name, str) and not name.startswith("/") and ".." not in Path(name).parts
