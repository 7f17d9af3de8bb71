"""The second half of indexing: the parts of a scan become the two tables of the INDEX artefact."""

import csv
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from etalage.catalogue.parts import Parts, first_occurrences
from etalage.catalogue.scan import Issue
from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy


class Merge:
    """Writes the tables part by part, dropping the later products of an id, and counts.

    Args:
        folder: where to write.
        parts: what the scan found; what is odd is added to its issues.
        taxonomy: the categories given, or None for those seen.
    """

    def __init__(self, folder: Path, parts: Parts, taxonomy: Taxonomy | None) -> None:
        self.folder = folder
        self.parts = parts
        self.taxonomy = taxonomy or parts.labels()
        self.ids = parts.ids()
        self.first = first_occurrences(self.ids)
        self.texts = parts.texts_present()
        self.usual = parts.usual_size()
        self.counts: Counter[str] = Counter()
        self.by_images: Counter[int] = Counter()
        self.by_file: Counter[int] = Counter()
        tree = repr((self.taxonomy.ids.tolist(), self.taxonomy.paths))
        self.digest = xxhash.xxh3_128(tree.encode())
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._open = ExitStack()

    def run(self) -> None:
        """Write ``products.parquet``, ``images.parquet`` and ``categories.csv``."""
        start = 0
        with self._open:
            for file, products, images in self.parts:
                stop = start + products.num_rows
                self._merge(file, self.ids[start:stop], self.first[start:stop], products, images)
                start = stop
        write_taxonomy(self.taxonomy, self.folder / "categories.csv")

    def _merge(
        self,
        file: int,
        ids: pa.Array,
        first: NDArray[np.bool_],
        products: pa.Table,
        images: pa.Table,
    ) -> None:
        mask = pa.array(first)
        owners = np.repeat(np.arange(len(first)), products["image_count"].to_numpy())
        for row in (~first).nonzero()[0].tolist():
            self._issue(file, products, row, ids[row], "duplicate id", "an earlier one counts")
        images, ids = images.filter(pa.array(first[owners])), ids.filter(mask)
        products = self._known_labels(file, products.filter(mask), ids)
        owners = np.repeat(np.arange(len(ids)), products["image_count"].to_numpy())
        images = self._flag_sizes(file, products, images, ids, owners)
        self._digest(ids, products, images)
        self._write("products", self._number_products(file, ids, products))
        self._write("images", self._number_images(file, owners, images))
        self._count(file, products, images)

    def _issue(
        self, file: int, products: pa.Table, row: int, product_id: pa.Scalar, kind: str, detail: str
    ) -> None:
        offset = products["offset"][row].as_py()
        self.parts.issues.append((file, Issue(offset, str(product_id.as_py()), kind, detail)))

    def _known_labels(self, file: int, products: pa.Table, ids: pa.Array) -> pa.Table:
        given = products["category"].combine_chunks()
        known = pc.is_in(given, pa.array(self.taxonomy.ids))
        unknown = pc.and_(pc.is_valid(given), pc.invert(known)).to_numpy(zero_copy_only=False)
        for row in unknown.nonzero()[0].tolist():
            self._issue(file, products, row, ids[row], "unknown category", str(given[row].as_py()))
        column = products.schema.get_field_index("category")
        return products.set_column(column, "category", pc.if_else(known, given, None))

    def _flag_sizes(
        self,
        file: int,
        products: pa.Table,
        images: pa.Table,
        ids: pa.Array,
        owners: NDArray[np.int64],
    ) -> pa.Table:
        flags = images["flag"].cast(pa.string()).combine_chunks()
        width, height = images["width"].to_numpy(), images["height"].to_numpy()
        if self.usual:
            odd = (width > 0) & ((width != self.usual[0]) | (height != self.usual[1]))
            for row in odd.nonzero()[0].tolist():
                detail = f"rank {images['rank'][row].as_py()}: {width[row]}x{height[row]}"
                owner = int(owners[row])
                self._issue(file, products, owner, ids[owner], "unusual size", detail)
            flags = pc.if_else(pa.array(odd), "unusual size", flags)
        column = images.schema.get_field_index("flag")
        return images.set_column(column, "flag", flags)

    def _digest(self, ids: pa.Array, products: pa.Table, images: pa.Table) -> None:
        for column in (ids, products["category"], products["image_count"], images["hash"]):
            for value in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
                if pa.types.is_fixed_size_binary(value.type):
                    self.digest.update(b"".join(value.to_pylist()))
                elif pa.types.is_string(value.type):
                    self.digest.update("\0".join(value.to_pylist()).encode())
                else:
                    filled = value.fill_null(np.iinfo(np.int32).min)
                    self.digest.update(filled.to_numpy().tobytes())

    def _number_products(self, file: int, ids: pa.Array, products: pa.Table) -> pa.Table:
        counts = products["image_count"].to_numpy().astype(np.int64)
        starts = self.counts["images"] + np.cumsum(counts) - counts
        columns = {
            "product_id": ids,
            "category": products["category"],
            "image_start": pa.array(starts),
            "image_count": products["image_count"],
            "file": pa.array(np.full(len(ids), file, np.int16)),
            "offset": products["offset"],
            "length": products["length"],
        }
        return pa.table(columns | {name: products[name] for name in self.texts})

    def _number_images(self, file: int, owners: NDArray[np.int64], images: pa.Table) -> pa.Table:
        columns = {
            "product": pa.array((owners + self.counts["products"]).astype(np.int32)),
            "rank": images["rank"],
            "file": pa.array(np.full(len(owners), file, np.int16)),
        }
        others = ("offset", "length", "hash", "format", "width", "height", "flag")
        return pa.table(columns | {name: images[name] for name in others})

    def _write(self, name: str, table: pa.Table) -> None:
        if name not in self._writers:
            path = self.folder / f"{name}.parquet"
            writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            self._writers[name] = self._open.enter_context(writer)
        self._writers[name].write_table(table)

    def _count(self, file: int, products: pa.Table, images: pa.Table) -> None:
        self.counts["products"] += products.num_rows
        self.counts["images"] += images.num_rows
        self.counts["labelled"] += products.num_rows - products["category"].null_count
        readable = pc.greater(images["width"], 0)
        self.counts["unreadable"] += images.num_rows - (pc.sum(readable).as_py() or 0)
        self.by_images.update(products["image_count"].to_pylist())
        self.by_file[file] += products.num_rows

    def summary(self) -> dict[str, Any]:
        """Return the counts of ``index.json``."""
        hashes = pq.read_table(self.folder / "images.parquet", columns=["hash"])["hash"]
        kinds = Counter(issue.kind for _, issue in self.parts.issues)
        return {
            "products": self.counts["products"],
            "labelled": self.counts["labelled"],
            "images": self.counts["images"],
            "unique_images": pc.count_distinct(hashes).as_py(),
            "categories": len(self.taxonomy),
            "levels": None if self.taxonomy.is_flat else list(self.taxonomy.counts()),
            "unreadable": self.counts["unreadable"],
            "products_by_images": {str(key): self.by_images[key] for key in sorted(self.by_images)},
            "image_size": list(self.usual) if self.usual else None,
            "texts": self.texts,
            "issues": dict(sorted(kinds.items())),
        }


def write_issues(path: Path, issues: list[tuple[int, Issue]], files: list[Path]) -> None:
    """Write ``issues.csv``, in the order of the files and of the documents in them."""
    ordered = sorted(issues, key=lambda found: (found[0], found[1].offset))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "offset", "product_id", "kind", "detail"))
        for number, issue in ordered:
            row = (issue.offset, issue.product_id, issue.kind, issue.detail)
            writer.writerow((files[number].name, *row))
