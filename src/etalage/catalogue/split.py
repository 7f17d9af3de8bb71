"""The SPLIT artefact: which products train, validate and test.

One Parquet file, schema 1, a row for each labelled product in the index's order::

    product_id   int64 or string, as in the index
    part         string: "train", "validation" or "test"

The file's key ``etalage`` holds a JSON object: schema, by ("duplicates" or "product"), seed,
validation and test (fractions asked for), max_products, max_branches, max_share (what is
boilerplate), index (its fingerprint) and the report (counts). It has no time in it: same index,
same options, same bytes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.duplicates import (
    MAX_BRANCHES,
    MAX_PRODUCTS,
    MAX_SHARE,
    duplicate_groups,
)
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split_report import By, SplitReport, make_report
from etalage.catalogue.stratify import PARTS, UNLABELLED, deal
from etalage.errors import ConfigError, SplitError
from etalage.files import whole_file

SCHEMA = 1
_REMAKE = "make it again with: etalage split INDEX -o SPLIT --yes"


@dataclass(frozen=True, eq=False)
class Split:
    """A split that was read.

    Attributes:
        path: the file it came from.
        product_ids: int64 or string, all different, (N,).
        part: 0 train, 1 validation, 2 test, (N,).
        record: seed, rule, index fingerprint and report, as in the file.
    """

    path: Path
    product_ids: pa.Array
    part: NDArray[np.int8]
    record: dict[str, Any]

    def rows(self, index: Index, part: str) -> NDArray[np.int64]:
        """Return the product rows of ``index`` that are in ``part``, ascending.

        Raises:
            SplitError: it is a split of another index.
            ConfigError: there is no such part.
        """
        if part not in PARTS:
            raise ConfigError(f"part {part!r} is unknown, there are {', '.join(PARTS)}")
        if self.record.get("index") != index.fingerprint:
            raise SplitError(
                f"{self.path}: is a split of the index {self.record.get('index')}, "
                f"{index.folder} is {index.fingerprint}",
                hint=f"split this one with: etalage split {index.folder} -o SPLIT",
            )
        chosen = self.product_ids.filter(pa.array(self.part == PARTS.index(part)))
        rows = pc.index_in(chosen, value_set=index.product_ids)
        if rows.null_count:
            missing = chosen.filter(rows.is_null())[0]
            raise SplitError(f"{self.path}: {index.folder} has no product {missing}", hint=_REMAKE)
        return np.sort(rows.to_numpy().astype(np.int64))


def split(
    index_folder: Path,
    output: Path,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    by: By = "duplicates",
    max_products: int = MAX_PRODUCTS,
    max_branches: int = MAX_BRANCHES,
    max_share: float = MAX_SHARE,
    seed: int = 0,
    overwrite: bool = False,
) -> SplitReport:
    """Split the labelled products of an index, stratified by category, and write the SPLIT.

    Args:
        index_folder: the INDEX.
        output: the file to write.
        validation: share of each category's products to validate on.
        test: share of each category's products to test on.
        by: "duplicates" never cuts a duplicate group; "product" ignores them, as a random split
            by product does, and leaks.
        max_products: an image on more products is boilerplate and connects nothing.
        max_branches: an image on products of more level-2 branches is boilerplate.
        max_share: largest share of all products that a duplicate group may hold.
        seed: of the random order; same seed, same bytes.
        overwrite: whether ``output`` may be replaced.

    Raises:
        ConfigError: an option out of its range.
        CatalogueError: the index cannot be opened.
        SplitError: the index has no labels.
        OutputError: the output exists or cannot be written.
    """
    rule = {
        "max_products": max_products,
        "max_branches": max_branches,
        "max_share": max_share,
    }
    _check(by, seed, validation, test, rule)
    index = open_index(index_folder)
    if not (index.labels >= 0).any():
        raise SplitError(
            f"{index_folder}: none of its {len(index):,} products has a label to split by",
            hint="index the labelled catalogue (train.bson), not the test file",
        )
    groups = duplicate_groups(
        index, max_products=max_products, max_branches=max_branches, max_share=max_share
    )
    units = groups.product_group
    if by == "product":
        units = np.arange(len(index), dtype=np.int32)
    leaves = len(index.taxonomy)
    part = deal(units, index.labels, categories=leaves, validation=validation, test=test, seed=seed)
    report = make_report(index, groups, part, by, seed)
    made = {"schema": SCHEMA, "by": by, "seed": seed, "validation": validation, "test": test}
    record = made | rule | {"index": index.fingerprint, "report": report.to_json()}
    write_split(output, index.product_ids, part, record, overwrite=overwrite)
    return report


def _check(by: str, seed: int, validation: float, test: float, rule: dict[str, Any]) -> None:
    fraction, count = "at least 0 and less than 1", "at least 1"
    for name, value, good, expected in (
        ("validation", validation, 0 <= validation < 1, fraction),
        ("test", test, 0 <= test < 1, fraction),
        ("validation + test", validation + test, validation + test < 1, "less than 1"),
        ("by", by, by in ("duplicates", "product"), "duplicates or product"),
        ("max_products", rule["max_products"], rule["max_products"] >= 1, count),
        ("max_branches", rule["max_branches"], rule["max_branches"] >= 1, count),
        ("max_share", rule["max_share"], 0 < rule["max_share"] <= 1, "over 0 and at most 1"),
        ("seed", seed, seed >= 0, "at least 0"),
    ):
        if not good:
            raise ConfigError(f"{name} is {value}, expected {expected}")


def write_split(
    output: Path,
    product_ids: pa.Array,
    part: NDArray[np.int8],
    record: dict[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Write a SPLIT.

    Args:
        output: the file.
        product_ids: of the index, (P,).
        part: of each product, -1 for one that is in none, (P,).
        record: how it was made, with ``schema`` and ``index``, the index's fingerprint.
        overwrite: whether ``output`` may be replaced.

    Raises:
        OutputError: it exists, or the disk refuses.
    """
    kept = part != UNLABELLED
    names = pa.DictionaryArray.from_arrays(pa.array(part[kept]), pa.array(PARTS))
    table = pa.table({"product_id": product_ids.filter(pa.array(kept)), "part": names})
    text = json.dumps(record, ensure_ascii=False)
    with whole_file(output, overwrite=overwrite) as path:
        pq.write_table(table.replace_schema_metadata({"etalage": text}), path, compression="zstd")


def read_split(path: Path) -> Split:
    """Read a SPLIT.

    Raises:
        SplitError: it is absent, no Parquet file, of another form or schema, names a part that
            there is not, or has a product twice.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SplitError(f"{path}: cannot be read: {reason}", hint=_REMAKE) from error
    except pa.ArrowException as error:
        raise SplitError(f"{path}: is no SPLIT: {error}", hint=_REMAKE) from error
    record = _record(path, table)
    ids = table.column("product_id").combine_chunks()
    if ids.null_count or len(ids.unique()) != len(ids):
        raise SplitError(f"{path}: has products without an id, or twice", hint=_REMAKE)
    return Split(path, ids, _parts(path, table.column("part")), record)


def _record(path: Path, table: pa.Table) -> dict[str, Any]:
    missing = {"product_id", "part"} - set(table.column_names)
    if missing:
        raise SplitError(f"{path}: lacks {', '.join(sorted(missing))}", hint=_REMAKE)
    try:
        record = json.loads((table.schema.metadata or {})[b"etalage"])
    except (KeyError, ValueError) as error:
        raise SplitError(f"{path}: says not how it was made", hint=_REMAKE) from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else record
        raise SplitError(f"{path}: has schema {found}, this version reads {SCHEMA}", hint=_REMAKE)
    return record


def _parts(path: Path, column: pa.ChunkedArray) -> NDArray[np.int8]:
    names = column.cast(pa.string())
    parts = pc.index_in(names, value_set=pa.array(PARTS))
    if parts.null_count:
        unknown = names.filter(parts.is_null())[0]
        message = f"{path}: has part {unknown}, expected {', '.join(PARTS)}"
        raise SplitError(message, hint=_REMAKE)
    return np.asarray(parts.to_numpy(), np.int8)
