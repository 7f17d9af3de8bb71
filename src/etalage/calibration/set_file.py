"""The SETS artefact: the set of categories of every product, one Parquet file.

Columns::

    product_id   int64 or string, in the order of the predictions
    categories   list<int64>   category ids, most probable first, at least one
    cut          bool          the set would have held more: the cap or the k of the table ended it

Key ``etalage`` of the file's metadata is a JSON object: ``artefact`` "sets", ``schema`` 1, ``rule``
(see ``SetRule``), ``truth`` ("given" or "audited"), ``fitted_on`` (predictions, fingerprint, file,
products), ``predictions`` (fingerprint of the predictions' manifest) and ``held_out``, the coverage
on products that thresholds were not fitted on.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.calibration.evidence import evidence_of
from etalage.calibration.sets import (
    Coverage,
    SetRule,
    Thresholds,
    coverage_table,
    fit_sets,
    held_out_sets,
    set_sizes,
)
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.files import fingerprint, refuse_existing, whole_file
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.manifest import NAME
from etalage.predictions.table import Predictions

SCHEMA = 1


@dataclass(frozen=True)
class SetsReport:
    """What ``sets`` did.

    Attributes:
        products: sets written.
        size: mean number of categories in them.
        single: share with one category.
        cut: share that the cap or the k ended.
        truth: ``given`` or ``audited``: what the coverage stands on.
        rule: what the sets are.
        held_out: coverage of sets of products that were not fitted on: all, then by branch.
    """

    products: int
    size: float
    single: float
    cut: float
    truth: str
    rule: SetRule
    held_out: tuple[Coverage, ...]


def sets(
    predictions: Path,
    output: Path,
    *,
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    fit: Path | None = None,
    rule: SetRule | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> SetsReport:
    """Write the SETS of predictions.

    Args:
        predictions: a PREDICTIONS folder.
        output: the Parquet file to write.
        truth: given labels of the products that thresholds are fitted on.
        audited: blind decisions on a random sample of them: see ``evidence_of``.
        split: a SPLIT to restrict the truth to one part of.
        part: of the split, else of a column ``part``.
        fit: PREDICTIONS that the truth is of, of the same making; without it it is of
            ``predictions``.
        rule: what the sets are to be.
        seed: of the folds.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: no truth.
        PredictionsError: predictions or truth cannot be used, two predictions of different
            categories, or a coverage that cannot be reached: the message says which one can.
        OutputError: ``output`` exists, or cannot be written.
    """
    refuse_existing(output, overwrite=overwrite)
    opened, rule = open_predictions(predictions), rule or SetRule()
    evidence, _ = evidence_of(
        fit or predictions, truth=truth, audited=audited, split=split, part=part
    )
    if fit is not None:
        _require_same(opened, open_predictions(fit))
    thresholds = fit_sets(evidence, rule)
    held_out = tuple(coverage_table(evidence, held_out_sets(evidence, rule, seed)))
    record = {
        "artefact": "sets",
        "schema": SCHEMA,
        "rule": asdict(rule),
        "truth": evidence.standing,
        "fitted_on": evidence.record | {"products": len(evidence)},
        "predictions": fingerprint(predictions / NAME),
        "held_out": [asdict(row) for row in held_out],
    }
    counts = _write(opened, thresholds, record, output, overwrite=overwrite)
    size, single, cut = (counts[1:] / max(1, counts[0])).tolist()
    return SetsReport(int(counts[0]), size, single, cut, evidence.standing, rule, held_out)


def _require_same(one: PredictionsFolder, other: PredictionsFolder) -> None:
    if one.manifest.categories_hash != other.manifest.categories_hash:
        raise PredictionsError(
            f"{other.folder}: has another taxonomy ({len(other.taxonomy):,} categories) than "
            f"{one.folder} ({len(one.taxonomy):,})",
            hint="fit on predictions of the same model",
        )
    if one.manifest.k != other.manifest.k:
        raise PredictionsError(
            f"{other.folder}: keeps {other.manifest.k} categories a product, {one.folder} "
            f"{one.manifest.k}",
            hint="predict both with the same --top",
        )


def _write(
    opened: PredictionsFolder,
    fitted: Thresholds,
    record: dict[str, Any],
    output: Path,
    *,
    overwrite: bool,
) -> NDArray[np.int64]:
    """Write the file part by part; return products, categories, single sets and cut sets."""
    kind = pa.int64() if opened.manifest.id_type == "int64" else pa.string()
    metadata = {"etalage": json.dumps(record, ensure_ascii=False)}
    schema = pa.schema(
        [("product_id", kind), ("categories", pa.list_(pa.int64())), ("cut", pa.bool_())],
        metadata=metadata,
    )
    counts = np.zeros(4, np.int64)
    with (
        whole_file(output, overwrite=overwrite) as path,
        pq.ParquetWriter(path, schema, compression="zstd") as writer,
    ):
        for part in opened.parts():
            sizes, cut = set_sizes(part, fitted, opened.taxonomy)
            columns = [part.product_ids, _lists(part, sizes, opened.taxonomy), pa.array(cut)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            counts += [len(part), sizes.sum(), (sizes == 1).sum(), cut.sum()]
    return counts


def _lists(part: Predictions, sizes: NDArray[np.int64], taxonomy: Taxonomy) -> pa.ListArray:
    """Return the first so many category ids of every product."""
    held = np.arange(part.k) < sizes[:, None]
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(taxonomy.ids[part.categories[held]]))
