"""What a catalogue is, counted once, said as a page and as JSON."""

import csv
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import Sharing, find_shared
from etalage.catalogue.index import Index, open_index
from etalage.errors import ConfigError, TaxonomyError
from etalage.files import run_record
from etalage.progress import progress_bar
from etalage.reports import categories, copies, drift, examples, jpegs, resellers, suspects, texts
from etalage.reports.conflicts import LeafConflicts, rank_pairs
from etalage.reports.document import SCHEMA, Report
from etalage.reports.drawn import draw, picture_rows
from etalage.reports.page import Document, Pictures, render

DECODE = 1000
_PICTURES = 24
_FEW_PICTURES = 8
_LEAVES = 20
_PAIRS = 20
_LISTED = 100

_logger = logging.getLogger(__name__)


def catalogue_page(
    folder: Path,
    *,
    against: Path | None = None,
    translations: Path | None = None,
    decode: int = DECODE,
    seed: int = 0,
) -> tuple[Document, str]:
    """Return the numbers of an index and the page that shows them; options as ``report`` has them.

    Raises:
        CatalogueError: no index, or a damaged one.
        ConfigError: ``decode`` below 0.
        TaxonomyError: translations that cannot be read.
    """
    if decode < 0:
        raise ConfigError(f"{decode} images to decode: give 0 or more")
    index = open_index(folder)
    other = open_index(against) if against else None
    known = read_translations(translations) if translations else {}
    document = asdict(describe(index, other, known, decode=decode, seed=seed))
    pictures = Pictures(index, picture_rows(document))
    return document, render("catalogue.html", document, draw(document), pictures)


def describe(
    index: Index,
    other: Index | None = None,
    translations: dict[str, str] | None = None,
    *,
    decode: int = DECODE,
    seed: int = 0,
) -> Report:
    """Count everything that a report says."""
    taxonomy, counts = index.taxonomy, index.record["counts"]
    leaves = categories.count_leaves(index.labels, index.image_count, len(taxonomy))
    branches = categories.level1_table(taxonomy, leaves, translations)
    _warn_unknown(translations or {}, branches)
    with progress_bar("Comparing images", 1) as advance:
        sharing = _sharing(index)
        number, often = sharing.image_number, copies.copy_counts(sharing.image_number)
        conflicts = _conflicts(index, sharing)
        del sharing
        advance(1)
    return Report(
        schema=SCHEMA,
        name=index.folder.resolve().name,
        fingerprint=index.fingerprint,
        hash=index.record["hash"],
        totals=_totals(index, len(often)),
        issues=counts["issues"],
        level1=branches,
        levels=categories.levels_table(taxonomy, leaves),
        homonyms=categories.homonyms(taxonomy, leaves),
        images_per_product=copies.image_counts(index.image_count),
        examples=examples.draw_examples(index, seed),
        category_bins=categories.category_bins(taxonomy, leaves),
        concentration=categories.concentration(leaves.products),
        largest_leaves=categories.largest_leaves(taxonomy, leaves, _LEAVES // 2),
        smallest_leaves=categories.smallest_leaves(taxonomy, leaves, _LEAVES),
        copies=copies.copy_distribution(often),
        most_copied=copies.most_copied(
            number, often, index.image_product, index.labels, index.product_ids, _PICTURES
        ),
        resellers=_resellers(index, number),
        headers=jpegs.read_headers(index),
        suspects=suspects.find_suspects(
            index, number, often, limit=decode, shown=_FEW_PICTURES, listed=_LISTED
        ),
        conflicts=conflicts,
        texts=texts.texts_of(index),
        amounts=texts.amounts_of(index),
        drift=drift.compare(index, other) if other else None,
        run=run_record(),
    )


def _totals(index: Index, different: int) -> dict[str, int]:
    images = index.column("images", "length")
    return {
        "products": len(index),
        "labelled": int((index.labels >= 0).sum()),
        "without_images": int((index.image_count == 0).sum()),
        "images": len(images),
        "different_images": different,
        "unreadable": int(index.record["counts"]["unreadable"]),
        "bytes": int(np.sum(images.to_numpy(), dtype=np.int64)),
    }


def _sharing(index: Index) -> Sharing:
    branch = np.append(index.taxonomy.nodes(2), np.int32(-1))[index.labels]
    return find_shared(index.image_product, index.hashes, branch, labels=index.labels)


def _conflicts(index: Index, sharing: Sharing) -> LeafConflicts:
    return rank_pairs(sharing, index.labels, index.readable, index.taxonomy, number=_PAIRS)


def _resellers(index: Index, number: NDArray[np.int32]) -> resellers.Resellers | None:
    if "reseller" not in index.columns("products"):
        return None
    column = index.column("products", "reseller").dictionary_encode()
    seller = column.indices.fill_null(-1).to_numpy()
    names = column.dictionary.to_pylist()
    return resellers.resellers_of(names, seller, index.image_product, number, _LEAVES)


def _warn_unknown(translations: dict[str, str], branches: list[categories.Branch]) -> None:
    names = {branch.name.strip() for branch in branches}
    unknown = [name for name in translations if name.strip() not in names]
    if unknown:
        _logger.warning(
            "%d of %d translated names are no category of level 1: %s",
            len(unknown),
            len(translations),
            ", ".join(unknown[:3]),
        )


def read_translations(path: Path) -> dict[str, str]:
    """Read a CSV file of ``name,translation``.

    Raises:
        TaxonomyError: not readable, or of another shape.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TaxonomyError(f"{path}: cannot be read: {error}") from error
    if header != ["name", "translation"]:
        raise TaxonomyError(f"{path}: the header is {','.join(header)!r}, not 'name,translation'")
    if wrong := [row for row in rows if len(row) != len(header)]:
        raise TaxonomyError(f"{path}: {','.join(wrong[0])!r}: {len(wrong[0])} fields, expected 2")
    return dict(rows)
