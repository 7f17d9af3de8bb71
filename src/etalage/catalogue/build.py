"""Makes the INDEX artefact from BSON files: one pass over them, then one over the tables."""

import os
import shutil
from pathlib import Path
from typing import Any

from etalage.catalogue.index import SCHEMA
from etalage.catalogue.merge import Merge, write_issues
from etalage.catalogue.parts import Parts
from etalage.catalogue.scan import HASHES, Issue, scan
from etalage.catalogue.taxonomy import read_taxonomy
from etalage.errors import CatalogueError, ConfigError
from etalage.files import fingerprint, run_record, whole_folder, write_json
from etalage.progress import progress_bar


def index(
    sources: list[Path],
    output: Path,
    *,
    taxonomy: Path | None = None,
    hash_name: str = "xxh3",
    root: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Scan BSON files and write the INDEX artefact.

    Args:
        sources: files, or folders in which every ``.bson`` file counts (``mongodump`` writes such).
        output: folder to write.
        taxonomy: ``category_names.csv``; without one the labels make a flat taxonomy.
        hash_name: ``xxh3`` (128 bits) or ``md5``, the identity of an image.
        root: folder the sources' paths are stored relative to; the index folder by default.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of ``index.json``.

    Raises:
        CatalogueError: no source, one that is no BSON catalogue, or not a single product.
        TaxonomyError: the category file cannot be used.
        OutputError: the output exists or cannot be written.
    """
    if hash_name not in HASHES:
        raise ConfigError(f"hash {hash_name!r} is unknown, there are {', '.join(HASHES)}")
    files = _files(sources)
    tree = read_taxonomy(taxonomy) if taxonomy else None
    with whole_folder(output, overwrite=overwrite) as folder:
        parts = _scan(files, folder / "scan", hash_name)
        merge = Merge(folder, parts, tree)
        merge.run()
        write_issues(folder / "issues.csv", parts.issues, files)
        shutil.rmtree(parts.folder)
        record = {
            "schema": SCHEMA,
            **_places(files, output, root),
            "hash": hash_name,
            "taxonomy": "given" if tree else "flat",
            "counts": merge.summary(),
            "fingerprint": merge.digest.hexdigest(),
            "run": run_record(),
        }
        write_json(folder / "index.json", record)
    return record


def _files(sources: list[Path]) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += _files_in(source)
        elif source.is_file():
            files.append(source)
        else:
            raise CatalogueError(f"{source}: is no file or folder")
    if not files:
        raise CatalogueError("no catalogue given", hint="name one or more .bson files or folders")
    return list(dict.fromkeys(path.resolve() for path in files))


def _files_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*.bson")) if path.is_file()]
    found = [path for path in found if not path.name.startswith("system.")]
    if not found:
        packed = any(folder.rglob("*.bson.gz"))
        hint = "unpack them first: gunzip *.bson.gz" if packed else ""
        raise CatalogueError(f"{folder}: holds no .bson file", hint=hint)
    return found


def _scan(files: list[Path], folder: Path, hash_name: str) -> Parts:
    folder.mkdir()
    parts = Parts(folder)
    sizes = [path.stat().st_size for path in files]
    with progress_bar("index", sum(sizes)) as advance:
        for number, path in enumerate(files):
            if not sizes[number]:
                parts.issues.append((number, Issue(0, "", "empty file", "")))
            done = 0
            for part in scan(path, hash_name=hash_name):
                parts.add(number, part)
                advance(part.stop - done)
                done = part.stop
    if not parts.files:
        names = ", ".join(str(path) for path in files)
        found = ", ".join(sorted({issue.kind for _, issue in parts.issues}))
        raise CatalogueError(f"{names}: not a single product ({found})")
    return parts


def _places(files: list[Path], output: Path, root: Path | None) -> dict[str, Any]:
    """Return where the sources are, relative to the root, and the root, relative to the index."""
    base = (root or output).resolve()
    return {
        "root": Path(os.path.relpath(base, output.resolve())).as_posix(),
        "sources": [
            {
                "path": Path(os.path.relpath(path, base)).as_posix(),
                "bytes": path.stat().st_size,
                "fingerprint": fingerprint(path),
            }
            for path in files
        ],
    }
