"""``etalage import``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.cli.show import print_made
from etalage.exchange.importer import import_catalogue as import_sources
from etalage.exchange.reading.fetch import Fetching


def import_catalogue(
    *source: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    kind: Annotated[
        Literal["auto", "folder", "table", "webdataset"], Parameter(name="--from")
    ] = "auto",
    root: Path | None = None,
    taxonomy: Path | None = None,
    group: str | None = None,
    column: Annotated[list[str] | None, Parameter(name="--column", negative="")] = None,
    category_from_path: Annotated[bool, Parameter(negative="")] = False,
    text_ids: Annotated[bool, Parameter(negative="")] = False,
    fetch_urls: Annotated[bool, Parameter(negative="")] = False,
    allow_private: Annotated[bool, Parameter(negative="")] = False,
    url_bytes: int = Fetching.max_bytes,
    url_seconds: float = Fetching.seconds,
    url_threads: int = Fetching.threads,
    hash: Literal["xxh3", "md5"] = "xxh3",
    workers: int | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make an index of images in folders, tables or WebDataset tars.

    Args:
        source: a folder of images, CSV or Parquet tables, tars, a folder of these, or of an export.
        output: the INDEX folder to write.
        kind: what the sources are, where that cannot be seen.
        root: folder that paths in tables are relative to; by default that of the first table.
        taxonomy: category_names.csv; without one, categories given by path are numbered from 1.
        group: of a folder: which files are one product, a pattern with a group named product.
        column: of a table: ROLE=NAME, for a column whose name does not say what it is.
        category_from_path: of a table: the folders of an image's path are its category.
        text_ids: of a table: ids are texts, also those that look like integers.
        fetch_urls: fetch images at http and https addresses.
        allow_private: also from addresses of private and local networks.
        url_bytes: largest image that is fetched.
        url_seconds: longest time for one image.
        url_threads: images fetched at once.
        hash: what identifies an image.
        workers: processes; by default one on each core.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    fetching = Fetching(allow_private, url_bytes, url_seconds, url_threads) if fetch_urls else None
    record = import_sources(
        list(source),
        output,
        kind=kind,
        root=root,
        taxonomy=taxonomy,
        group=group,
        columns=column,
        category_from_path=category_from_path,
        text_ids=text_ids,
        fetching=fetching,
        hash_name=hash,
        workers=workers,
        overwrite=yes,
    )
    print_made(output, record, json=json)
