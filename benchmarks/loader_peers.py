"""What people read pictures with, for ``benchmarks/loader.py``: each a round over the same JPEGs.

Every one has two workers (or threads), batches of 256 and pixels in uint8, except the classic
loader, which does what most training scripts do: floats, normalised. Those with a format of their
own get the pictures converted to it first, untouched, and decode with the library they decode with
by themselves or, given bytes, with Pillow, as their guides show. A package that is not installed is
left out. Conversion and the start of workers are not timed.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bson
import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from etalage.catalogue.index import Index

BATCH = 256
WORKERS = 2
_SHARDS = 4
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

Round = Callable[[], int]
"""Reads every picture once and returns how many there were."""


@dataclass(frozen=True)
class Job:
    """What is read: a BSON file, its index, the image rows in the order wanted, and a place."""

    catalogue: Path
    index: Index
    images: NDArray[np.int64]
    folder: Path


class Documents(Dataset[torch.Tensor]):
    """The classic: one image an item, its whole document decoded, Pillow, float, normalised."""

    def __init__(self, job: Job) -> None:
        self.catalogue = job.catalogue
        self.products = job.index.image_product[job.images]
        self.ranks = job.images - job.index.image_start[self.products]
        self.offsets, self.lengths = (
            job.index.column("products", name).to_numpy() for name in ("offset", "length")
        )

    def __len__(self) -> int:
        return len(self.products)

    def __getitem__(self, item: int) -> torch.Tensor:
        product = self.products[item]
        with self.catalogue.open("rb") as file:
            file.seek(self.offsets[product])
            document = bson.decode(file.read(self.lengths[product]))
        picture = document["imgs"][self.ranks[item]]["picture"]
        planes = pillow(picture).permute(2, 0, 1).contiguous().float()
        return planes.div_(255).sub_(MEAN).div_(DEVIATION)


class Offsets(Dataset[torch.Tensor]):
    """One image an item, read at its offset, decoded by simplejpeg, left in uint8."""

    def __init__(self, job: Job) -> None:
        self.index = job.index
        self.images = job.images.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: int) -> torch.Tensor:
        data = self.index.image_bytes(self.images[item])
        return torch.from_numpy(simplejpeg.decode_jpeg(data, "RGB"))


def pillow(data: bytes) -> torch.Tensor:
    """Return the pixels of a JPEG, (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(np.array(image.convert("RGB")))


def workers(dataset: Dataset[Any], **options: Callable[..., Any] | bool) -> Round:
    """Return a round through a ``DataLoader`` whose workers are started once."""
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=BATCH,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="fork",
        **options,  # type: ignore[arg-type]
    )
    return lambda: sum(len(batch) for batch in loader)


def classic(job: Job) -> Round:
    """Seek, bson.decode, Pillow."""
    return workers(Documents(job))


def offsets(job: Job) -> Round:
    """Read by offset, decode with simplejpeg."""
    return workers(Offsets(job))


def pictures(job: Job) -> Iterator[bytes]:
    """Yield the JPEGs in the order wanted."""
    return (data for some in np.array_split(job.images, 99) for data in job.index.images(some))


def webdataset(job: Job) -> Round:
    """Tar files, decoded by WebDataset's ``rgb8``, shuffled in its buffer."""
    import webdataset as wds

    names = [str(job.folder / f"{shard}.tar") for shard in range(_SHARDS)]
    shards = [wds.TarWriter(name) for name in names]
    for number, data in enumerate(pictures(job)):
        shards[number % _SHARDS].write({"__key__": f"{number:08}", "jpg": data})
    for shard in shards:
        shard.close()
    data = wds.WebDataset(names, shardshuffle=_SHARDS).shuffle(1000).decode("rgb8")
    return workers(data.to_tuple("jpg").map(lambda item: torch.from_numpy(item[0])))


def litdata(job: Job) -> Round:
    """Its chunks of bytes, through its own loader."""
    import litdata as ld

    class Chunks(ld.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, item: object) -> torch.Tensor:
            return pillow(super().__getitem__(item))

    folder = str(job.folder / "chunks")
    ld.optimize(
        fn=partial(Index.image_bytes, job.index),
        inputs=job.images.tolist(),
        output_dir=folder,
        num_workers=1,
        chunk_bytes="64MB",
    )
    data = Chunks(folder, shuffle=True)
    loader = ld.StreamingDataLoader(
        data,
        batch_size=BATCH,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="fork",
    )
    return lambda: sum(len(batch) for batch in loader)


def streaming(job: Job) -> Round:
    """MosaicML's shards of bytes."""
    from streaming import MDSWriter, StreamingDataset

    class Shards(StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, item: object) -> torch.Tensor:
            return pillow(super().__getitem__(item)["jpeg"])

    folder = str(job.folder / "mds")
    with MDSWriter(out=folder, columns={"jpeg": "bytes"}) as writer:
        for data in pictures(job):
            writer.write({"jpeg": data})
    return workers(Shards(local=folder, shuffle=True, batch_size=BATCH))


def hugging_face(job: Job) -> Round:
    """An Arrow table with the feature Image, decoded by ``datasets``."""
    import datasets

    features = datasets.Features({"jpeg": datasets.Image()})
    made = {"jpeg": [{"bytes": data, "path": None} for data in pictures(job)]}
    datasets.Dataset.from_dict(made, features=features).save_to_disk(job.folder / "arrow")
    data = datasets.load_from_disk(job.folder / "arrow").with_transform(
        lambda batch: {
            "jpeg": [torch.from_numpy(np.array(image.convert("RGB"))) for image in batch["jpeg"]]
        }
    )
    return workers(data, shuffle=True, collate_fn=_stack)


def _stack(items: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    return torch.stack([item["jpeg"] for item in items])


def dali(job: Job) -> Round:
    """NVIDIA's pipeline on the processor: bytes by offset, decoded by its threads."""
    from nvidia.dali import fn, pipeline_def, types

    whole = len(job.images) // BATCH * BATCH
    batches = job.images[:whole].reshape(-1, BATCH)

    def source(number: int) -> list[NDArray[np.uint8]]:
        some = job.index.images(batches[number % len(batches)])
        return [np.frombuffer(data, np.uint8) for data in some]

    @pipeline_def(  # type: ignore[untyped-decorator]
        batch_size=BATCH, num_threads=WORKERS, device_id=None, prefetch_queue_depth=2
    )
    def decoding() -> object:
        coded = fn.external_source(source=source, batch=True, dtype=types.UINT8)
        return fn.decoders.image(coded, device="cpu")

    pipe = decoding()
    pipe.build()
    return lambda: sum(pipe.run()[0].as_tensor().shape()[0] for _ in batches)


PEERS: dict[str, Callable[[Job], Round]] = {
    "classic DataLoader": classic,
    "DataLoader + offsets": offsets,
    "WebDataset": webdataset,
    "LitData": litdata,
    "MosaicML Streaming": streaming,
    "HF datasets": hugging_face,
    "DALI on CPU": dali,
}
