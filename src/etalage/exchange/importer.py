"""Makes an INDEX from what is no BSON catalogue: list, group, read, assemble.

1. The sources are listed: one row for each image, on disk, nothing of the images read.
2. Rows are grouped to products; this is done again when a job goes on.
3. Shards of products are read, on every core: each becomes a part of the INDEX, and a BSON file
   where images lie in no file of their own.
4. ``catalogue.tables.assemble`` makes the INDEX of the parts.
"""

import shutil
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from etalage.catalogue.index import SCHEMA
from etalage.catalogue.tables.assemble import assemble
from etalage.catalogue.tables.part import (
    HASHES,
    NO_IMAGES,
    NO_PRODUCTS,
    Issue,
    Part,
    issue_table,
)
from etalage.catalogue.tables.parts import StoredParts, read_summary, write_parts
from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.engines.local import run_shards
from etalage.errors import CatalogueError, ConfigError
from etalage.exchange.categories import Numbering, number_categories
from etalage.exchange.listings.inputs import Given, Input, open_input
from etalage.exchange.listings.listing import (
    CELL,
    Found,
    Listing,
    as_rows,
    listing_schema,
    ordered_texts,
)
from etalage.exchange.reading.cells import in_listed_order, spool
from etalage.exchange.reading.fetch import Fetching
from etalage.exchange.reading.grouping import Grouping, group
from etalage.exchange.reading.numbering import FileNumbers, Renumbered
from etalage.exchange.reading.pictures import Origin, Pictures
from etalage.exchange.reading.shards import (
    ARRAYS,
    ROWS,
    Job,
    Shard,
    cut,
    read_alone,
    read_shard,
    read_sources,
)
from etalage.files import resumable_folder
from etalage.progress import progress_bar

_LISTED, _CONFLICTS = "listed", "conflicts"


@dataclass(frozen=True, eq=False)
class _How:
    """Options of an import that have nothing to do with what is imported."""

    output: Path
    taxonomy: Taxonomy | None
    fetching: Fetching | None
    hash_name: str
    workers: int | None
    shard_rows: int


def import_catalogue(
    sources: list[Path],
    output: Path,
    *,
    kind: str = "auto",
    root: Path | None = None,
    taxonomy: Path | None = None,
    group: str | None = None,
    columns: list[str] | None = None,
    category_from_path: bool = False,
    text_ids: bool = False,
    fetching: Fetching | None = None,
    hash_name: str = "xxh3",
    workers: int | None = None,
    shard_rows: int = ROWS,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make an INDEX of images in folders, tables or WebDataset tars; see ``docs/import.md``.

    Args:
        sources: a folder of images; CSV or Parquet tables; tars; or a folder of these.
        output: the INDEX to write.
        kind: ``folder``, ``table``, ``webdataset``, or ``auto``: what the sources look like.
        root: folder that paths in tables are relative to; that of the first table by default.
        taxonomy: ``category_names.csv``; without one, categories given by path are numbered.
        group: of a folder: regular expression with a group ``product``, perhaps one ``rank``.
        columns: of a table: ``ROLE=NAME``, where a column has no name that is known.
        category_from_path: of a table: the folders of an image's path are its category.
        text_ids: of a table: ids are texts, also those that look like integers.
        fetching: how images at an address are fetched; None: they are not, and are listed.
        hash_name: ``xxh3`` (128 bits) or ``md5``, the identity of an image.
        workers: processes; None for one on each core.
        shard_rows: images that a process reads at a time, about.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of ``index.json``.

    Raises:
        CatalogueError: a source cannot be used, or there is not a single product.
        TaxonomyError: the category file cannot be used.
        ConfigError: an option that means nothing.
        OutputError: the output exists or cannot be written.
    """
    if hash_name not in HASHES:
        raise ConfigError(f"hash {hash_name!r} is unknown, there are {', '.join(HASHES)}")
    given = Given(kind, root, group, tuple(columns or ()), category_from_path, text_ids)
    source = open_input(sources, given)
    names = taxonomy or source.taxonomy
    tree = read_taxonomy(names) if names else None
    plan = {
        "schema": SCHEMA,
        "import": source.plan,
        "output": str(output.resolve()),
        "hash": hash_name,
        "taxonomy": None if tree is None else [tree.ids.tolist(), list(tree.paths)],
        "fetching": vars(fetching) if fetching else None,
    }
    with resumable_folder(output, plan, overwrite=overwrite) as folder:
        work = folder / "import"
        work.mkdir(exist_ok=True)
        _list(source, work)
        how = _How(output, tree, fetching, hash_name, workers, shard_rows)
        return _finish(source, folder, how)


def _list(source: Input, work: Path) -> None:
    """Write the listing, unless it is there; its parts hold what was refused."""
    if read_summary(work, _LISTED) is not None:
        return
    schema = listing_schema(source.texts)
    issues: list[pa.Table] = []
    texts: dict[str, None] = dict.fromkeys(source.texts)
    with (
        progress_bar("list", source.total) as advance,
        pa.ipc.new_file(str(work / "listing.arrow"), schema) as file,
    ):
        for found in source.found():
            file.write_table(_as_listed(found, schema))
            issues.append(issue_table(found.issues))
            texts |= dict.fromkeys(found.texts)
            advance(found.rows.num_rows)
    listed = pa.concat_tables([*issues, issue_table([])]).combine_chunks()
    part = Part(NO_PRODUCTS, NO_IMAGES, listed)
    write_parts(work, _LISTED, [part], lambda: {"texts": ordered_texts(list(texts))})


def _as_listed(found: Found, schema: pa.Schema) -> pa.Table:
    rows = found.rows
    if rows.schema.equals(schema):
        return rows
    columns = {name: rows.column(name).combine_chunks() for name in rows.column_names}
    return as_rows(columns, schema, rows.num_rows)


def _finish(
    source: Input,
    folder: Path,
    how: _How,
) -> dict[str, Any]:
    """Read the images of the listing and write the INDEX."""
    work = folder / "import"
    listing = Listing(work / "listing.arrow")
    texts = tuple((read_summary(work, _LISTED) or {})["texts"])
    if not len(listing):
        raise CatalogueError(f"{source.name}: not a single product{_why(work)}")
    numbering = number_categories(_categories(listing), source.categories, how.taxonomy)
    products = group(listing, merge=source.merge, fetch=how.fetching is not None)
    for name in ARRAYS:
        np.save(work / f"{name}.npy", getattr(products, name))
    origin = Origin(source.root, source.columns, how.fetching)
    files = len(products.source_row)
    job = Job(folder, work, how.output, origin, how.hash_name, texts, numbering.ids, files)
    shards = cut(products.start, how.shard_rows)
    _read(job, listing, products, shards, how.workers)
    _list_conflicts(work, numbering)
    numbers = FileNumbers(read_sources(job, shards), files + len(shards))
    names = [_LISTED, _CONFLICTS, *(shard.name for shard in shards)]
    record = assemble(
        folder,
        Renumbered(StoredParts(work, names), numbers),
        sources=numbers,
        root=how.output if products.copied.any() else source.root,
        output=how.output,
        taxonomy=numbering.taxonomy,
        hash_name=how.hash_name,
    )
    shutil.rmtree(work)
    return record


def _why(work: Path) -> str:
    kinds = {
        kind for part in StoredParts(work, [_LISTED]) for kind in part.issues["kind"].to_pylist()
    }
    return f" ({', '.join(sorted(kinds))})" if kinds else ""


def _categories(listing: Listing) -> dict[tuple[int | None, str | None], None]:
    """Return every pair of category and branch that occurs, in the order of the listing."""
    seen: dict[tuple[int | None, str | None], None] = {}
    for batch in listing.batches(["category", "branch"]):
        pairs = pa.Table.from_batches([batch]).group_by(["category", "branch"], use_threads=False)
        found = pairs.aggregate([]).to_pydict()
        seen |= dict.fromkeys(zip(found["category"], found["branch"], strict=True))
    return seen


def _read(
    job: Job, listing: Listing, products: Grouping, shards: list[Shard], workers: int | None
) -> None:
    """Read all shards: on every core, or here where bytes come one after another."""
    with progress_bar("import", len(products.rows)) as advance:
        if not products.copied.any():
            for rows in run_shards(partial(read_alone, job), shards, workers=workers):
                advance(rows)
            return
        with closing(Pictures(job.origin)) as pictures:
            kind = listing.column("kind")
            if not in_listed_order(products.rows, kind[products.rows] == CELL):
                pictures.spool = spool(job.work, listing, pictures.cells)
            for shard in shards:
                advance(read_shard(job, pictures, shard))


def _list_conflicts(work: Path, numbering: Numbering) -> None:
    issues = [
        Issue(-1, 0, "", "several names", f"category {number}: {path}, the first one counts")
        for number, path in numbering.conflicts
    ]
    write_parts(work, _CONFLICTS, [Part(NO_PRODUCTS, NO_IMAGES, issue_table(issues))])
