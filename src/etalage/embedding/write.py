"""Writes EMBEDDINGS: images in the order of the files, part by part; a killed run goes on.

Batches never cross a part and a part that is there is not computed again, so that a resumed run
ends with the same bytes. A part is all that is held in memory.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.embedding.distinct import (
    UNREADABLE,
    Distinct,
    SingleImages,
    find_distinct,
    images_of,
)
from etalage.embedding.encoder import Encoder, open_encoder
from etalage.embedding.folder import IMAGES, MANIFEST, PARTS, Manifest, Part
from etalage.errors import ConfigError, ModelError
from etalage.files import (
    fingerprint,
    fingerprint_bytes,
    resumable_folder,
    run_record,
    whole_file,
    write_json,
)
from etalage.progress import progress_bar

PART_VECTORS = 4096
MOST_PARTS = 256
"""Each is mapped by its reader: more would need more open files than a system grants."""
BATCH_IMAGES = 64


@dataclass(frozen=True)
class EmbedReport:
    """What a run of ``embed`` did.

    Attributes:
        images: images asked for.
        vectors: distinct images among them whose header can be read, each with a row.
        resumed: how many of those an earlier run had computed.
        unreadable: images without a vector, listed in ``unreadable.csv``.
        width: numbers in a vector.
    """

    images: int
    vectors: int
    resumed: int
    unreadable: int
    width: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Wanted:
    """Which images are embedded.

    Attributes:
        rows: product rows.
        part: what they are called in the manifest, None for all products.
        max_images: only the first so many images of each, None for all.
    """

    rows: NDArray[np.int64]
    part: str | None = None
    max_images: int | None = None

    def mask(self, index: Index) -> NDArray[np.bool_]:
        """Return which images of the index they are, (I,)."""
        mask = np.zeros(len(index.readable), np.bool_)
        mask[images_of(index, self.rows, self.max_images)[0]] = True
        return mask


def embed(
    model: Path | None,
    index: Path,
    output: Path,
    *,
    backbone: str | None = None,
    weights: str = "pretrained",
    image_size: int = 160,
    load_size: int = 180,
    mirror: bool = True,
    split: Path | None = None,
    part: str | None = None,
    max_images: int | None = None,
    device: str = "auto",
    runtime: str = "auto",
    overwrite: bool = False,
) -> EmbedReport:
    """Write the EMBEDDINGS of the images of an index.

    Args:
        model: the MODEL folder whose backbone embeds; None to name a backbone instead.
        index: the INDEX folder.
        output: the EMBEDDINGS folder; an unfinished one of the same making is finished.
        backbone: timm's name of a backbone.
        weights: of that backbone: ``pretrained``, ``none``, a file, or a MODEL folder.
        image_size: side of the square that backbone sees, in pixels.
        load_size: side that images are loaded at for it.
        mirror: whether a vector is the mean over the image and its mirror image.
        split: a SPLIT, to embed one ``part`` of it only.
        part: ``train``, ``validation`` or ``test``.
        max_images: only the first so many images of each product.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: what computes: ``auto``, ``torch``, ``compile``, ``openvino`` or ``onnx``.
        overwrite: replace what stands at ``output``.

    Raises:
        ModelError: the model, backbone or weights cannot be had, or give no finite number.
        CatalogueError: the index cannot be used.
        OutputError: ``output`` is finished already, or cannot be written.
    """
    if (split is None) != (part is None):
        raise ConfigError("a split and a part go together", hint="add --split SPLIT --part test")
    opened = open_index(index)
    rows = np.arange(len(opened))
    if split is not None and part is not None:
        rows = read_split(split).rows(opened, part)
    encoder = open_encoder(
        model,
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        load_size=load_size,
        mirror=mirror,
        device=device,
    )
    wanted = Wanted(rows, part, max_images)
    return write_embeddings(encoder, opened, wanted, output, runtime=runtime, overwrite=overwrite)


def write_embeddings(
    encoder: Encoder,
    index: Index,
    wanted: Wanted,
    output: Path,
    *,
    runtime: str = "auto",
    overwrite: bool = False,
) -> EmbedReport:
    """Write the EMBEDDINGS of the images of some products: see ``embed``."""
    mask = wanted.mask(index)
    distinct = find_distinct(index, mask)
    source = {
        "encoder": encoder.identity(),
        "index": index.fingerprint,
        "part": wanted.part,
        "max_images": wanted.max_images,
        # A part of a run in bfloat16 beside one in float32 would be neither's.
        **encoder.use_runtime(runtime, images=len(distinct.images)),
    }
    images = fingerprint_bytes(distinct.images.tobytes())
    plan = source | {"images": images, "part_vectors": _each(distinct)}
    with resumable_folder(output, plan, overwrite=overwrite) as folder:
        resumed = _write_parts(encoder, index, distinct, folder / PARTS)
        vector = _without_undecoded(distinct, folder / PARTS)
        unreadable = np.flatnonzero(vector == UNREADABLE)
        _write_tables(index, vector, unreadable, folder)
        parts = tuple(_parts(distinct, folder / PARTS))
        counts = (len(distinct.images), _each(distinct), int(mask.sum()), len(unreadable))
        manifest = Manifest(encoder.width, *counts, source, parts)
        write_json(folder / MANIFEST, manifest.to_json())
        write_json(folder / "run.json", run_record())
    return EmbedReport(
        images=manifest.images,
        vectors=manifest.vectors,
        resumed=resumed,
        unreadable=manifest.unreadable,
        width=manifest.width,
    )


def _each(distinct: Distinct) -> int:
    """Return the number of vectors in a part."""
    return PART_VECTORS * max(1, -(-len(distinct.images) // (PART_VECTORS * MOST_PARTS)))


def _names(distinct: Distinct) -> list[str]:
    count = -(-len(distinct.images) // _each(distinct))
    return [f"part-{number:05d}.npy" for number in range(count)]


def _write_parts(encoder: Encoder, index: Index, distinct: Distinct, folder: Path) -> int:
    """Write the parts that are not there; return how many vectors were."""
    each, resumed = _each(distinct), 0
    single = SingleImages.of(index)
    with progress_bar("embed", len(distinct.images)) as advance:
        for number, name in enumerate(_names(distinct)):
            images = distinct.images[number * each : (number + 1) * each]
            if (folder / name).is_file():
                resumed += len(images)
                advance(len(images))
                continue
            block = np.full((len(images), encoder.width), np.nan, np.float16)
            done = 0
            for batch in load(single, in_order(images, BATCH_IMAGES), size=encoder.size):
                found = _encode(encoder, batch.pixels, batch.rows[batch.product])
                block[done + batch.product] = found
                done += len(batch.rows)
                advance(len(batch.rows))
            with whole_file(folder / name) as path, path.open("wb") as file:
                np.save(file, block)
    return resumed


def _encode(
    encoder: Encoder, pixels: NDArray[np.uint8], images: NDArray[np.int64]
) -> NDArray[np.float16]:
    """Return the vectors of some images as they are stored."""
    if not len(pixels):
        return np.empty((0, encoder.width), np.float16)
    vectors = encoder.vectors(pixels)
    fits = np.abs(vectors).max(axis=1) <= np.finfo(np.float16).max
    if not fits.all():
        image = int(images[~fits][0])
        worst = float(np.abs(vectors[~fits][0]).max())
        raise ModelError(
            f"backbone {encoder.architecture.backbone!r}: its features of image row {image} reach "
            f"{worst:.3g}, 65504 is the most a stored vector can hold",
            hint="look whether the weights, mean and std are those of this backbone",
        )
    return vectors.astype(np.float16)


def _without_undecoded(distinct: Distinct, folder: Path) -> NDArray[np.int64]:
    """Return the row of each image's vector, UNREADABLE for those that no part could decode."""
    bad = [np.isnan(np.load(folder / name, mmap_mode="r")[:, 0]) for name in _names(distinct)]
    undecoded = np.concatenate([*bad, np.zeros(1, np.bool_)])
    # The last place stands for all negative rows.
    return np.where(undecoded[distinct.vector.clip(min=-1)], UNREADABLE, distinct.vector)


def _write_tables(
    index: Index, vector: NDArray[np.int64], unreadable: NDArray[np.int64], folder: Path
) -> None:
    product = index.image_product[unreadable]
    columns = {
        "image": unreadable,
        "product_id": index.product_ids.take(pa.array(product)),
        "rank": unreadable - index.image_start[product],
    }
    with whole_file(folder / IMAGES, overwrite=True) as path:
        pq.write_table(pa.table({"vector": vector}), path, compression="zstd")
    with whole_file(folder / "unreadable.csv", overwrite=True) as path:
        csv.write_csv(pa.table(columns), path)


def _parts(distinct: Distinct, folder: Path) -> list[Part]:
    each, total = _each(distinct), len(distinct.images)
    return [
        Part(name, min(each, total - number * each), fingerprint(folder / name))
        for number, name in enumerate(_names(distinct))
    ]
