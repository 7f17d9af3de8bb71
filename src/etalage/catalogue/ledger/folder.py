"""The DUPLICATES artefact: which images a catalogue repeats, and what follows from it.

A folder, schema 1; docs/duplicates.md describes every column::

    images.parquet        hash, image, product_id, copies, products, categories, boilerplate,
                          refused
    products.parquet      product_id, group, group_products
    conflicts.parquet     hash, category_id, products
    leaf_pairs.parquet    category_a, category_b, images, products
    near.parquet          product_id, rank, image, hash, cluster, distance, category    (with near)
    near_conflicts.parquet   cluster, category_id, products                             (with near)
    apart.parquet         product_id, image, hash, copies, contrast, why                (with near)
    duplicates.json       schema, index (its fingerprint), options, report, run record

Hashes are 16 bytes as in the index; ``image`` is a row of its ``images.parquet``.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.ledger.ledger import Ledger, make_ledger
from etalage.catalogue.ledger.near.find import DISTANCE, TONE, Near, find_near
from etalage.catalogue.ledger.overlap import Overlap, overlap_of_indexes, overlap_of_split
from etalage.catalogue.ledger.report import DuplicateReport, make_report
from etalage.catalogue.split import Split, read_split
from etalage.errors import ConfigError
from etalage.files import fingerprint, resumable_folder, run_record, whole_file, write_json
from etalage.images.perceptual import STATES

SCHEMA = 1
_LOOKS = "looks"


def duplicates(
    index_folder: Path,
    output: Path | None = None,
    *,
    near: bool = False,
    split: Path | None = None,
    against: Path | None = None,
    distance: int = DISTANCE,
    tone: int = TONE,
    workers: int | None = None,
    overwrite: bool = False,
) -> DuplicateReport:
    """Find the duplicate images of a catalogue and what follows for products and labels.

    Args:
        index_folder: the INDEX.
        output: the DUPLICATES folder to write, if any; with ``near`` a job that was killed goes
            on where it was.
        near: also find pictures that were encoded anew or resized.
        split: a SPLIT; count the products of test that share an image with train.
        against: another INDEX; count the products of each that share an image with the other.
        distance: most bits of 256 in which near duplicates differ.
        tone: most levels of 255 by which their mean colours differ.
        workers: processes that decode; None for one on each core.
        overwrite: whether ``output`` may be replaced.

    Raises:
        ConfigError: an option out of its range.
        CatalogueError, SplitError: an index or the split cannot be used.
        OutputError: the output exists or cannot be written.
    """
    for name, value, most in (("distance", distance, 256), ("tone", tone, 255)):
        if not 0 <= value <= most:
            raise ConfigError(f"{name} is {value}, expected 0 to {most}")
    index = open_index(index_folder)
    dealt = None if split is None else read_split(split)
    other = None if against is None else open_index(against)
    options: dict[str, Any] = {"near": near}
    options |= {"distance": distance, "tone": tone} if near else {}
    options["split"] = None if split is None else fingerprint(split)
    options["against"] = None if other is None else other.fingerprint
    with _place(output, {"index": index.fingerprint, **options}, overwrite=overwrite) as folder:
        ledger = make_ledger(index)
        overlaps = _overlaps(ledger, dealt, other)
        found = None
        if near:
            looks = folder / _LOOKS
            found = find_near(ledger, looks, distance=distance, tone=tone, workers=workers)
        report = make_report(ledger, overlaps, None if found is None else found.report)
        if output is not None:
            _write(folder, ledger, found, report, options)
    return report


@contextmanager
def _place(output: Path | None, plan: dict[str, Any], *, overwrite: bool) -> Iterator[Path]:
    """Yield the folder to write to: the output's, or one that is thrown away."""
    if output is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        with resumable_folder(output, plan, overwrite=overwrite) as part:
            yield part


def _overlaps(ledger: Ledger, split: Split | None, other: Index | None) -> list[Overlap]:
    found: list[Overlap] = []
    if split is not None:
        found += overlap_of_split(ledger.index, ledger.sharing, split)
    if other is not None:
        found += overlap_of_indexes(ledger.index, other)
    return found


def _write(
    folder: Path,
    ledger: Ledger,
    near: Near | None,
    report: DuplicateReport,
    options: dict[str, Any],
) -> None:
    write_tables(folder, ledger, near)
    shutil.rmtree(folder / _LOOKS, ignore_errors=True)
    made = {"schema": SCHEMA, "index": ledger.index.fingerprint, "options": options}
    write_json(folder / "duplicates.json", made | {"report": report.to_json(), "run": run_record()})


def write_tables(folder: Path, ledger: Ledger, near: Near | None) -> None:
    """Write the Parquet tables of a DUPLICATES folder."""
    tables = [
        ("images", _images),
        ("products", _products),
        ("conflicts", _conflicts),
        ("leaf_pairs", _leaf_pairs),
    ]
    for name, columns in tables:
        _write_table(folder, name, columns(ledger))
    if near is not None:
        _write_table(folder, "near", _near(ledger, near))
        _write_table(folder, "near_conflicts", _near_conflicts(ledger, near))
        _write_table(folder, "apart", _apart(ledger, near))


def _write_table(folder: Path, name: str, columns: dict[str, Any]) -> None:
    with whole_file(folder / f"{name}.parquet", overwrite=True) as path:
        pq.write_table(pa.table(columns), path, compression="zstd")


def _images(ledger: Ledger) -> dict[str, Any]:
    copies, groups = ledger.copies, ledger.groups
    order = np.lexsort((copies.row, -copies.copies))
    rows = copies.row[order]
    return {
        "hash": _hashes(ledger.index, rows),
        "image": rows,
        "product_id": _product_ids(ledger.index, rows),
        "copies": copies.copies[order].astype(np.int32),
        "products": copies.products[order].astype(np.int32),
        "categories": copies.categories[order].astype(np.int32),
        "boilerplate": np.isin(rows, groups.boilerplate.row),
        "refused": np.isin(rows, groups.refused.row),
    }


def _products(ledger: Ledger) -> dict[str, Any]:
    group = ledger.groups.product_group
    return {
        "product_id": ledger.index.product_ids,
        "group": group,
        "group_products": ledger.groups.sizes[group].astype(np.int32),
    }


def _conflicts(ledger: Ledger) -> dict[str, Any]:
    conflicts = ledger.conflicts
    return {
        "hash": _hashes(ledger.index, ledger.image_rows(conflicts.image)),
        "category_id": ledger.index.taxonomy.ids[conflicts.leaf],
        "products": conflicts.products.astype(np.int32),
    }


def _leaf_pairs(ledger: Ledger) -> dict[str, Any]:
    pairs, ids = ledger.leaf_pairs, ledger.index.taxonomy.ids
    return {
        "category_a": ids[pairs.first],
        "category_b": ids[pairs.second],
        "images": pairs.images,
        "products": pairs.products,
    }


def _near(ledger: Ledger, near: Near) -> dict[str, Any]:
    index = ledger.index
    labels = index.labels[index.image_product[near.rows]]
    category = np.append(index.taxonomy.ids, 0)[labels]
    return {
        "product_id": _product_ids(index, near.rows),
        "rank": index.column("images", "rank").take(pa.array(near.rows)),
        "image": near.rows,
        "hash": _hashes(index, near.rows),
        "cluster": near.cluster.astype(np.int32),
        "distance": near.clusters.distance[near.number],
        "category": pa.array(category, mask=labels < 0),
    }


def _near_conflicts(ledger: Ledger, near: Near) -> dict[str, Any]:
    return {
        "cluster": near.conflicts.image.astype(np.int32),
        "category_id": ledger.index.taxonomy.ids[near.conflicts.leaf],
        "products": near.conflicts.products.astype(np.int32),
    }


def _apart(ledger: Ledger, near: Near) -> dict[str, Any]:
    chosen = np.flatnonzero(near.looks.state)
    rows = near.first[chosen]
    copies = ledger.copies.copies[ledger.sharing.image_number[rows]]
    return {
        "product_id": _product_ids(ledger.index, rows),
        "image": rows,
        "hash": _hashes(ledger.index, rows),
        "copies": copies.astype(np.int32),
        "contrast": near.looks.contrast[chosen],
        "why": pa.array(STATES).take(pa.array(near.looks.state[chosen])),
    }


def _product_ids(index: Index, rows: NDArray[np.int64]) -> pa.Array:
    return index.product_ids.take(pa.array(index.image_product[rows]))


def _hashes(index: Index, rows: NDArray[np.int64]) -> pa.Array:
    words = np.ascontiguousarray(index.hashes[rows])
    buffers = [None, pa.py_buffer(words)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(rows), buffers)
