"""Export to WebDataset shards: tars of samples, deterministic bytes.

A product is a sample; its members, in this order::

    KEY.jpg KEY.1.jpg ...   its images by rank (.png, .webp; .bin for what is no image)
    KEY.cls                 row of its category in category_names.csv, where it has one
    KEY.json                _id, category_id, the texts, and ``images``: the members above

The key is the id, percent-encoded without dots.
"""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from etalage.exchange.categories import cut_name
from etalage.exchange.forms.shelf import Product, Shelf
from etalage.files import whole_file

_LONGEST_KEY = 60


def write_webdataset(
    folder: Path,
    shelf: Shelf,
    names: dict[str, str],
    advance: Callable[[float], None],
    shard_bytes: int,
) -> list[str]:
    """Write shards of about ``shard_bytes`` of images; those that are there are passed over."""
    files = []
    for number, chosen in enumerate(shelf.cut(shard_bytes)):
        files.append(f"products-{number:06}.tar")
        if not (folder / files[-1]).exists():
            _write_shard(folder / files[-1], shelf.products(chosen), names)
        advance(chosen.stop - chosen.start)
    return files


def _write_shard(path: Path, products: Iterator[Product], names: dict[str, str]) -> None:
    with (
        whole_file(path) as part,
        tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for product in products:
            for name, data in members(product, names):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            # Else it keeps every member it has written.
            archive.members = []  # type: ignore[attr-defined]


def members(product: Product, names: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the members of a sample."""
    key = key_of(product.id)
    shown: list[str | None] = []
    for rank, image in enumerate(product.images):
        suffix = image.suffix[1:] if rank == 0 else f"{rank}{image.suffix}"
        shown.append(None if image.data is None else suffix)
        if image.data is not None:
            yield f"{key}.{suffix}", image.data
    if product.leaf >= 0:
        yield f"{key}.cls", str(product.leaf).encode()
    said: dict[str, Any] = {"_id": product.id, "category_id": product.category, "images": shown}
    said |= {names[name]: text for name, text in product.texts.items() if text is not None}
    yield f"{key}.json", json.dumps(said, ensure_ascii=False).encode()


def key_of(product_id: int | str) -> str:
    """Return the key of a product's sample: plain ASCII, no dot, no slash."""
    text = quote(str(product_id), safe="").replace(".", "%2E")
    return text if len(text) <= _LONGEST_KEY else cut_name(str(product_id), text, _LONGEST_KEY)
