"""Writes the INDEX artefact from parts, wherever they come from; ``index`` has its form.

Nothing holds the tables: what must be known of all parts is surveyed first, then they are written
one after another. Row groups have a fixed number of rows, so that the same products give the same
bytes however they were cut into parts.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from etalage.catalogue.hashes import count_distinct, words
from etalage.catalogue.index import SCHEMA
from etalage.catalogue.sources import Source, relative, write_sources
from etalage.catalogue.tables.part import (
    FLAGS,
    IMAGE_FIELDS,
    ISSUE_FIELDS,
    NO_ISSUES,
    UNUSUAL_SIZE,
    Part,
    coded,
    codes,
)
from etalage.catalogue.tables.parts import Parts
from etalage.catalogue.tables.rowgroups import RowGroups
from etalage.catalogue.tables.survey import Survey, survey
from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy, write_taxonomy
from etalage.files import run_record, write_json

PRODUCT_ROWS, IMAGE_ROWS = 2**16, 2**17
RECOMPUTED = ("unknown category", UNUSUAL_SIZE)
"""Kinds of issues that depend on the whole catalogue, found here."""


def assemble(
    folder: Path,
    parts: Parts,
    *,
    sources: Sequence[Source],
    root: Path,
    output: Path,
    taxonomy: Taxonomy | None,
    hash_name: str,
) -> dict[str, Any]:
    """Write all files of an INDEX.

    Args:
        folder: where to write them.
        parts: the products.
        sources: the files that ``file`` of the parts is a row of.
        root: folder that the sources' paths are stored relative to.
        output: where the INDEX will lie in the end.
        taxonomy: the categories given, or None for those that occur.
        hash_name: what identifies an image.

    Returns:
        The content of ``index.json``.
    """
    base, place = root.resolve(), output.resolve()
    found = survey(parts)
    tree = flat_taxonomy(found.labels) if taxonomy is None else taxonomy
    paths = write_sources(folder, sources, base)
    tables = _Tables(found, tree)
    with (
        RowGroups(folder / "products.parquet", PRODUCT_ROWS) as products,
        RowGroups(folder / "images.parquet", IMAGE_ROWS) as images,
    ):
        for part in parts:
            finished = tables.finish(part)
            products.add(finished.products)
            images.add(finished.images)
    write_taxonomy(tree, folder / "categories.csv")
    kinds = _write_issues(folder / "issues.csv", pa.concat_tables(tables.issues), paths)
    record = {
        "schema": SCHEMA,
        "root": relative(base, place),
        "sources": len(sources),
        "hash": hash_name,
        "taxonomy": "flat" if taxonomy is None else "given",
        "counts": tables.counts() | {"unique_images": _unique_images(folder), "issues": kinds},
        "fingerprint": tables.fingerprint(),
        "run": run_record(),
    }
    write_json(folder / "index.json", record)
    return record


class _Tables:
    """Makes the rows of the index from part after part, and counts what goes by."""

    def __init__(self, found: Survey, taxonomy: Taxonomy) -> None:
        self.survey = found
        self.taxonomy = taxonomy
        self.issues: list[pa.Table] = [NO_ISSUES]
        self._row = 0
        self._total: Counter[str] = Counter()
        self._by_images: Counter[int] = Counter()
        self._digests = [xxhash.xxh3_128() for _ in range(5)]
        self._digests[0].update(repr((taxonomy.ids.tolist(), taxonomy.paths)).encode())

    def finish(self, part: Part) -> Part:
        """Return the part as the index has it; products of an id seen before are left out."""
        start, self._row = self._row, self._row + part.products.num_rows
        ids = self.survey.ids[start : self._row]
        first = self.survey.first[start : self._row]
        self.issues.append(part.issues)
        if not first.all():
            self._list(part.products, ids, np.flatnonzero(~first), "duplicate id", _EARLIER)
            counts = part.products["image_count"].to_numpy()
            images = part.images.filter(pa.array(np.repeat(first, counts)))
            part = replace(part, products=part.products.filter(pa.array(first)), images=images)
            ids = ids.filter(pa.array(first))
        self._list_unknown(part.products, ids)
        owners = np.repeat(np.arange(len(ids)), part.products["image_count"].to_numpy())
        part = replace(part, images=self._flag_sizes(part, ids, owners))
        numbered = Part(self._products(part.products, ids), self._images(part, owners), part.issues)
        self._count(numbered)
        return numbered

    def _list(
        self,
        products: pa.Table,
        ids: pa.Array,
        rows: NDArray[np.int64],
        kind: str,
        detail: pa.Array | str,
    ) -> None:
        chosen = products.select(["file", "offset"]).take(pa.array(rows))
        names = ids.take(pa.array(rows)).cast(pa.string())
        details = pa.repeat(detail, len(rows)) if isinstance(detail, str) else detail
        columns = [*chosen.columns, names, pa.repeat(kind, len(rows)), details]
        self.issues.append(pa.table(columns, schema=ISSUE_FIELDS))

    def _list_unknown(self, products: pa.Table, ids: pa.Array) -> None:
        given = products["category"].combine_chunks()
        known = pc.is_in(given, pa.array(self.taxonomy.ids))
        unknown = pc.and_(pc.is_valid(given), pc.invert(known)).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(unknown)
        details = given.take(pa.array(rows)).cast(pa.string())
        self._list(products, ids, rows, "unknown category", details)
        self._total["labelled"] += len(given) - given.null_count - len(rows)

    def _flag_sizes(self, part: Part, ids: pa.Array, owners: NDArray[np.int64]) -> pa.Table:
        """Flag images of another size than nearly all; what was flagged so before is forgotten."""
        flags = codes(part.images["flag"]).copy()
        flags[flags == _ODD_SIZE] = 0
        if self.survey.usual:
            width, height = (part.images[name].to_numpy() for name in ("width", "height"))
            odd = (width != self.survey.usual[0]) | (height != self.survey.usual[1])
            rows = np.flatnonzero(odd & (width > 0))
            chosen = part.images.select(["rank", "width", "height"]).take(pa.array(rows))
            rank, wide, high = (column.cast(pa.string()) for column in chosen.columns)
            ranks = pc.binary_join_element_wise("rank", rank, " ")
            sizes = pc.binary_join_element_wise(wide, high, "x")
            details = pc.binary_join_element_wise(ranks, sizes, ": ")
            self._list(part.products, ids, owners[rows], UNUSUAL_SIZE, details)
            flags[rows[flags[rows] == 0]] = _ODD_SIZE
        column = part.images.schema.get_field_index("flag")
        return part.images.set_column(column, "flag", coded(flags, FLAGS))

    def _products(self, products: pa.Table, ids: pa.Array) -> pa.Table:
        counts = products["image_count"].to_numpy().astype(np.int64)
        starts = self._total["images"] + np.cumsum(counts) - counts
        columns = {"product_id": ids, "category": products["category"], "image_start": starts}
        for name in ("image_count", "file", "offset", "length"):
            columns[name] = products[name]
        for name in self.survey.texts:
            columns[name] = products[name] if name in products.column_names else _no_text(len(ids))
        return pa.table(columns)

    def _images(self, part: Part, owners: NDArray[np.int64]) -> pa.Table:
        columns = {"product": pa.array((owners + self._total["products"]).astype(np.int32))}
        return pa.table(columns | {name: part.images[name] for name in IMAGE_FIELDS.names})

    def _count(self, part: Part) -> None:
        products, images = part.products, part.images
        self._total["products"] += products.num_rows
        self._total["images"] += images.num_rows
        self._total["unreadable"] += int((images["width"].to_numpy() <= 0).sum())
        counts, often = np.unique(products["image_count"].to_numpy(), return_counts=True)
        self._by_images.update(dict(zip(counts.tolist(), often.tolist(), strict=True)))
        columns = [products[name] for name in ("product_id", "category", "image_count")]
        for digest, column in zip(self._digests[1:], [*columns, images["hash"]], strict=True):
            for chunk in column.chunks:
                digest.update(_bytes(chunk))

    def fingerprint(self) -> str:
        """Return the hash of taxonomy, ids, labels, numbers of images and image hashes."""
        together = xxhash.xxh3_128(b"".join(digest.digest() for digest in self._digests))
        return together.hexdigest()

    def counts(self) -> dict[str, Any]:
        """Return most of the counts of ``index.json``."""
        taxonomy, usual = self.taxonomy, self.survey.usual
        return {
            "products": self._total["products"],
            "labelled": self._total["labelled"],
            "images": self._total["images"],
            "unique_images": 0,
            "categories": len(taxonomy),
            "levels": None if taxonomy.is_flat else list(taxonomy.counts()),
            "unreadable": self._total["unreadable"],
            "products_by_images": {
                str(key): self._by_images[key] for key in sorted(self._by_images)
            },
            "image_size": list(usual) if usual else None,
            "texts": list(self.survey.texts),
        }


_EARLIER = "an earlier one counts"
_ODD_SIZE = FLAGS.index(UNUSUAL_SIZE)


def _no_text(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string())


def _bytes(column: pa.Array) -> bytes:
    """Return bytes that tell two columns apart."""
    if pa.types.is_fixed_size_binary(column.type):
        return words(column).tobytes()
    if pa.types.is_string(column.type):
        return "".join(f"{value}\0" for value in column.to_pylist()).encode()
    return bytes(column.fill_null(np.iinfo(np.int32).min).to_numpy().tobytes())


def _unique_images(folder: Path) -> int:
    column = pq.read_table(folder / "images.parquet", columns=["hash"]).column("hash")
    return count_distinct(np.concatenate([words(chunk) for chunk in column.chunks]))


def _write_issues(path: Path, issues: pa.Table, files: pa.Array) -> dict[str, int]:
    """Write ``issues.csv`` in the order of files and documents; return how many of each kind."""
    order = np.lexsort((issues["offset"].to_numpy(), issues["file"].to_numpy()))
    with path.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(("file", "offset", "product_id", "kind", "detail"))
        for start in range(0, len(order), PRODUCT_ROWS):
            rows = issues.take(pa.array(order[start : start + PRODUCT_ROWS]))
            known = pc.if_else(pc.greater_equal(rows["file"], 0), rows["file"], None)
            names = files.take(known.combine_chunks()).fill_null("")
            columns = [names.to_pylist(), *(column.to_pylist() for column in rows.columns[1:])]
            # A carriage return alone ends a line for readers; not every Python quotes it.
            writer = quoted if _has_return(names) or _has_return(rows["product_id"]) else plain
            writer.writerows(zip(*columns, strict=True))
    counted = pc.value_counts(issues["kind"]).to_pylist()
    return dict(sorted((found["values"], found["counts"]) for found in counted))


def _has_return(texts: pa.Array | pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring(texts, "\r")).as_py())
