"""What an import was given: a folder of images, tables, tars, or what ``etalage export`` wrote."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from etalage.errors import CatalogueError, ConfigError
from etalage.exchange.categories import Path3
from etalage.exchange.listings.archives import list_archives
from etalage.exchange.listings.columns import parse_columns
from etalage.exchange.listings.listing import Found, ordered_texts
from etalage.exchange.listings.table_rows import Options
from etalage.exchange.listings.tables import Table, count_rows, list_table, open_table
from etalage.exchange.listings.tree import compile_group, list_tree
from etalage.exchange.manifest import read_manifest

SORTS = ("folder", "table", "webdataset")
_TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Given:
    """How sources are to be understood; see ``import_catalogue``.

    ``exported`` is the name of each text column where ``etalage export`` wrote the sources.
    """

    kind: str = "auto"
    root: Path | None = None
    group: str | None = None
    columns: tuple[str, ...] = ()
    category_from_path: bool = False
    text_ids: bool = False
    exported: dict[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Input:
    """Sources that were opened.

    Attributes:
        name: to call them by.
        root: folder that places are relative to.
        found: lists their rows.
        merge: whether all rows of one id are one product.
        plan: what they are, as JSON values: the same plan, the same listing.
        texts: text columns that are known beforehand.
        categories: paths of category ids that they say themselves.
        columns: column of pictures of each table.
        total: rows, 0 where that is not known.
        taxonomy: a category file that lies beside them.
    """

    name: str
    root: Path
    found: Callable[[], Iterator[Found]]
    merge: bool
    plan: dict[str, Any]
    texts: list[str] = field(default_factory=list)
    categories: dict[int, Path3] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    total: int = 0
    taxonomy: Path | None = None


def open_input(sources: list[Path], given: Given) -> Input:
    """Return what the sources are.

    Raises:
        CatalogueError: one is not there, or they are of several sorts.
        ConfigError: an option that does not fit them.
    """
    if not sources:
        raise CatalogueError("nothing to import", hint="name a folder, tables or tars")
    for source in sources:
        if not source.exists():
            raise CatalogueError(f"{source}: is no file or folder")
    manifest = read_manifest(sources[0]) if len(sources) == 1 and given.kind == "auto" else None
    taxonomy = None
    if manifest is not None:
        folder = sources[0]
        taxonomy = folder / "category_names.csv"
        sources = [folder / name for name in manifest.files]
        kind = {"folder": "table", "parquet": "table"}.get(manifest.format, manifest.format)
        text_ids = manifest.ids == "text"
        given = replace(given, kind=kind, root=folder, text_ids=text_ids, exported=manifest.texts)
    else:
        sources, kind = _expand(sources, given.kind)
    _check_options(kind, given)
    opened = {"folder": _folder, "table": _tables, "webdataset": _archives}[kind](sources, given)
    return replace(opened, taxonomy=taxonomy)


def _expand(sources: list[Path], kind: str) -> tuple[list[Path], str]:
    """Return the files to read, folders of tables or tars replaced by these, and their sort."""
    if kind not in (*SORTS, "auto"):
        raise ConfigError(f"--from {kind} is unknown, there are auto, {', '.join(SORTS)}")
    sorts = {kind if kind != "auto" else _sort(source) for source in sources}
    if len(sorts) > 1:
        raise CatalogueError(f"{sources[0]} and others: are {' and '.join(sorted(sorts))} at once")
    (sort,) = sorts
    if sort == "folder":
        if len(sources) > 1 or not sources[0].is_dir():
            raise CatalogueError(f"{sources[-1]}: expected one folder of images")
        return sources, sort
    suffixes = (".tar",) if sort == "webdataset" else _TABLES
    files: list[Path] = []
    for source in sources:
        files += _files(source, suffixes) if source.is_dir() else [source]
    if not files:
        raise CatalogueError(f"{sources[0]}: holds no {' or '.join(suffixes)} file")
    return files, sort


def _sort(source: Path) -> str:
    """Return what a source looks like."""
    if source.is_dir():
        if _files(source, (".parquet",)):
            return "table"
        return "webdataset" if _files(source, (".tar",)) else "folder"
    suffix = source.suffix.lower()
    if suffix in _TABLES:
        return "table"
    if suffix == ".tar":
        return "webdataset"
    if suffix == ".bson":
        raise CatalogueError(f"{source}: is BSON", hint=f"etalage index {source} -o INDEX")
    hint = "say what it is with --from folder, table or webdataset"
    raise CatalogueError(f"{source}: is no folder, .csv, .parquet or .tar", hint=hint)


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of these suffixes in a folder or its ``data`` folder, by name."""
    places = (folder, folder / "data")
    names = [path for place in places if place.is_dir() for path in place.iterdir()]
    return sorted(path for path in names if path.suffix.lower() in suffixes and path.is_file())


def _check_options(kind: str, given: Given) -> None:
    if given.exported is not None:
        return
    for option, value, needed in (
        ("--group", given.group, "folder"),
        ("--root", given.root, "table"),
        ("--column", given.columns, "table"),
        ("--category-from-path", given.category_from_path, "table"),
        ("--text-ids", given.text_ids, "table"),
    ):
        if value and kind != needed:
            raise ConfigError(f"{option} is for a {needed}, not for a {kind}")


def _plan(sources: list[Path], given: Given) -> dict[str, Any]:
    options = {name: str(value) for name, value in asdict(given).items()}
    files = [(source, source.stat()) for source in sources]
    return options | {
        "sources": [
            [str(path.resolve()), *([] if path.is_dir() else [found.st_size, found.st_mtime_ns])]
            for path, found in files
        ]
    }


def _folder(sources: list[Path], given: Given) -> Input:
    (root,) = sources
    pattern = compile_group(given.group)
    return Input(
        str(root),
        root,
        lambda: list_tree(root, pattern),
        merge=pattern is not None,
        plan=_plan(sources, given),
    )


def _archives(sources: list[Path], given: Given) -> Input:
    root = Path(os.path.commonpath([path.resolve().parent for path in sources]))
    return Input(
        ", ".join(map(str, sources)),
        root,
        lambda: list_archives([path.resolve() for path in sources], root, given.exported),
        merge=False,
        plan=_plan(sources, given),
    )


def _tables(sources: list[Path], given: Given) -> Input:
    chosen = parse_columns(list(given.columns))
    root = (given.root or sources[0].parent).resolve()
    tables = [open_table(path.resolve(), chosen, given.exported) for path in sources]
    texts = ordered_texts([name for table in tables for name in table.columns.texts.values()])
    options = Options(tuple(texts), given.text_ids, given.category_from_path)
    places = [Path(os.path.relpath(table.path, root)).as_posix() for table in tables]
    pictures = [table.columns.roles.get("image", "") for table in tables]
    categories = {
        number: path for table in tables for number, path in table.columns.categories.items()
    }
    return Input(
        ", ".join(map(str, sources)),
        root,
        lambda: _table_rows(tables, root, options),
        merge=all("_id" in table.columns.roles for table in tables),
        plan=_plan(sources, given),
        texts=texts,
        categories=categories,
        columns=dict(zip(places, pictures, strict=True)),
        total=sum(map(count_rows, tables)),
    )


def _table_rows(tables: list[Table], root: Path, options: Options) -> Iterator[Found]:
    first = 0
    for table in tables:
        first += yield from list_table(table, root, first, options)
