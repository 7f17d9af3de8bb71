"""The PREDICTIONS folder: Parquet parts in order, the taxonomy, and a manifest that closes it.

    part-00000.parquet ...  the columns of ``etalage.predictions.table``, products in order
    categories.csv          the taxonomy that the categories are leaves of
    manifest.json           written last; see ``etalage.predictions.manifest``
    unfinished.json         in its place while parts are still being written
    run.json                command, versions, machine, time

A part is whole or absent, and its hash is in the manifest: a changed byte is noticed before
anything of the part is used. Reading goes part by part; memory is that of one part, and of the
product ids, which must all differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.errors import PredictionsError, TaxonomyError
from etalage.files import fingerprint_bytes
from etalage.predictions.manifest import AGAIN, Manifest, Part, read_manifest, taxonomy_hash
from etalage.predictions.product_ids import first_repeat
from etalage.predictions.table import Predictions, from_table, schema

CATEGORIES = "categories.csv"


@dataclass(frozen=True, eq=False)
class PredictionsTable(Predictions):
    """All products of a folder in memory, with the taxonomy and what they were made from."""

    taxonomy: Taxonomy
    source: dict[str, Any]


@dataclass(frozen=True)
class PredictionsFolder:
    """A finished folder, its manifest and taxonomy read, its parts not yet."""

    folder: Path
    manifest: Manifest
    taxonomy: Taxonomy

    def parts(self) -> Iterator[Predictions]:
        """Yield the parts in order, each checked; after the last, that no product occurs twice.

        Raises:
            PredictionsError: a part is missing or damaged, or holds what no prediction can say.
        """
        ids: list[pa.Array] = []
        for part in self.manifest.parts:
            predictions = read_part(self.folder, part, self.manifest, self.taxonomy)
            ids.append(predictions.product_ids)
            yield predictions
        refuse_repeats(self.folder, ids)


def open_predictions(folder: Path) -> PredictionsFolder:
    """Read the manifest and the taxonomy of a finished folder.

    Raises:
        PredictionsError: unfinished, no such folder, or a damaged manifest or taxonomy.
    """
    manifest = read_manifest(folder)
    try:
        taxonomy = read_taxonomy(folder / CATEGORIES)
    except TaxonomyError as cause:
        raise PredictionsError(cause.message, hint=AGAIN) from cause
    if taxonomy_hash(taxonomy) != manifest.categories_hash:
        raise PredictionsError(
            f"{folder / CATEGORIES}: is not the taxonomy of {manifest.leaves:,} categories that "
            "these predictions were made with",
            hint=AGAIN,
        )
    return PredictionsFolder(folder, manifest, taxonomy)


def iterate_parts(folder: Path) -> Iterator[Predictions]:
    """Yield the parts of a finished folder: see ``PredictionsFolder.parts``."""
    yield from open_predictions(folder).parts()


def read_predictions(folder: Path) -> PredictionsTable:
    """Read all parts of a finished folder into memory: some 180 bytes a product at k = 20."""
    opened = open_predictions(folder)
    parts = list(opened.parts())
    return PredictionsTable(
        pa.concat_arrays([part.product_ids for part in parts]),
        np.concatenate([part.categories for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.rest for part in parts]),
        np.concatenate([part.images for part in parts]),
        opened.taxonomy,
        opened.manifest.source,
    )


def read_part(folder: Path, part: Part, manifest: Manifest, taxonomy: Taxonomy) -> Predictions:
    """Read one part and check it: its hash, columns, rows and values."""
    path = folder / part.file
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise PredictionsError(f"{path}: cannot be read: {cause.strerror}", hint=AGAIN) from cause
    if fingerprint_bytes(data) != part.hash:
        raise PredictionsError(
            f"{path}: is damaged: its {len(data):,} bytes do not have the hash of the manifest",
            hint=f"delete {folder} and {AGAIN}",
        )
    return _parse(path, data, part, manifest, taxonomy)


def _parse(
    path: Path, data: bytes, part: Part, manifest: Manifest, taxonomy: Taxonomy
) -> Predictions:
    try:
        table = pq.read_table(pa.py_buffer(data))
    except (pa.ArrowException, OSError) as cause:
        raise PredictionsError(f"{path}: is not Parquet: {cause}", hint=AGAIN) from cause
    wanted = schema(manifest.k, manifest.id_type)
    if not table.schema.equals(wanted):
        columns = ", ".join(f"{field.name} {field.type}" for field in table.schema)
        expected = ", ".join(f"{field.name} {field.type}" for field in wanted)
        raise PredictionsError(f"{path}: has columns {columns}; expected {expected}")
    if table.num_rows != part.rows:
        raise PredictionsError(f"{path}: has {table.num_rows:,} rows, expected {part.rows:,}")
    return from_table(table, taxonomy, str(path))


def refuse_repeats(folder: Path, ids: list[pa.Array]) -> None:
    """Raise ``PredictionsError`` when a product occurs twice in the parts of ``folder``."""
    together = pa.concat_arrays(ids)
    repeat = first_repeat(together)
    if repeat is not None:
        raise PredictionsError(
            f"{folder}: product {together[repeat]} has two rows: the second is row {repeat:,} "
            f"of {len(together):,}"
        )
