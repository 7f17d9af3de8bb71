"""The PyTorch dataset over an index and a split, and the page about it."""

import io
import pickle
import re
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from etalage.catalogue import build
from etalage.catalogue.index import open_index
from etalage.catalogue.split import split
from etalage.dataset import ProductDataset
from etalage.errors import ConfigError, SplitError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "dataset.md"
PRODUCTS = 60


def picture(product: int, rank: int) -> bytes:
    file = io.BytesIO()
    size = (32, 24) if product == 11 else (32, 32)
    Image.new("RGB", size, (4 * product, 60 * rank, 128)).save(file, "JPEG", quality=95)
    return file.getvalue()


def document(product: int) -> bytes:
    """Return product ``product`` with 1 to 3 images; of product 6 none is readable."""
    images = [picture(product, rank) for rank in range(1 + product % 3)]
    images = [images[0][:-50]] if product == 6 else images
    fields = {"_id": 100 + product, "imgs": [{"picture": data} for data in images]}
    return bson.encode(fields if product == 8 else {**fields, "category_id": product % 3})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``index`` and ``split.parquet``."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "c.bson").write_bytes(b"".join(document(product) for product in range(PRODUCTS)))
    build.index([folder / "c.bson"], folder / "index")
    split(folder / "index", folder / "split.parquet", validation=0.1, test=0.2)
    return folder


def test_an_item_is_a_product_with_its_images_by_rank(shop: Path) -> None:
    sample = ProductDataset(shop / "index")[5]
    colours = np.array([image[16, 16] for image in sample.images]).astype(int)
    assert np.abs(colours - [[20, 60 * rank, 128] for rank in range(3)]).max() < 8
    assert (sample.target, sample.product_id, sample.row) == (2, 105, 5)


def test_a_product_without_a_readable_image_or_label_is_still_an_item(shop: Path) -> None:
    dataset = ProductDataset(shop / "index")
    assert dataset[6].images == []
    assert dataset[8].target == dataset.targets[8] == -1


def test_the_parts_of_a_split_have_every_labelled_product_once(shop: Path) -> None:
    parts = [
        ProductDataset(shop / "index", split=shop / "split.parquet", part=part)
        for part in ("train", "validation", "test")
    ]
    ids = [sample.product_id for part in parts for sample in part.__getitems__(range(len(part)))]
    assert sorted(map(int, ids)) == [100 + k for k in range(PRODUCTS) if k != 8]


def test_images_come_in_the_size_asked_and_through_the_transform(shop: Path) -> None:
    dataset = ProductDataset(shop / "index", size=16, max_images=2, transform=lambda image: image.T)
    assert [image.shape for image in dataset[11].images] == [(3, 16, 16)] * 2


def test_samples_join_to_what_the_networks_take(shop: Path) -> None:
    dataset = ProductDataset(shop / "index", size=32)
    pixels, product, targets = ProductDataset.collate(dataset.__getitems__([5, 6, 8, 3]))
    assert (pixels.shape, pixels.dtype) == ((7, 32, 32, 3), torch.uint8)
    assert product.tolist() == [0, 0, 0, 2, 2, 2, 3]
    assert targets.tolist() == [2, 0, -1, 0]


def test_a_batch_without_any_image_has_its_targets(shop: Path) -> None:
    pixels, product, targets = ProductDataset.collate([ProductDataset(shop / "index")[6]])
    assert (len(pixels), len(product), targets.tolist()) == (0, 0, [0])


def test_images_of_different_shapes_are_no_batch(shop: Path) -> None:
    dataset = ProductDataset(shop / "index")
    with pytest.raises(ConfigError, match="size"):
        ProductDataset.collate([dataset[11], dataset[5]])


def test_a_copy_of_a_dataset_in_use_opens_its_files_anew(shop: Path) -> None:
    dataset = ProductDataset(shop / "index", split=shop / "split.parquet", part="test")
    first = dataset[0].images[0]
    copied = pickle.loads(pickle.dumps(dataset))
    assert len(copied) == len(dataset)
    assert (copied[0].images[0] == first).all()


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_give_what_one_process_gives(shop: Path, start: str) -> None:
    dataset = ProductDataset(open_index(shop / "index"), size=32)
    workers: list[dict[str, Any]] = [{}, {"num_workers": 2, "multiprocessing_context": start}]
    alone, together = (
        list(DataLoader(dataset, 16, collate_fn=ProductDataset.collate, **options))
        for options in workers
    )
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


@pytest.mark.parametrize("wrong", [{"part": "train"}, {"split": "s"}, {"size": 0}])
def test_arguments_that_do_not_fit_are_refused(shop: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ProductDataset(shop / "index", **wrong)  # type: ignore[arg-type]


def test_a_split_of_another_index_is_refused(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "c.bson").write_bytes(document(1))
    build.index([tmp_path / "c.bson"], tmp_path / "index")
    with pytest.raises(SplitError):
        ProductDataset(tmp_path / "index", split=shop / "split.parquet", part="train")


def run_block(name: str) -> None:
    """Run the only code block of the page called ``name``."""
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(rf"```python {name}\n(.*?)```", text, re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {"__name__": name})


def test_the_loop_of_the_page_runs(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop)
    run_block("loop")
    assert re.fullmatch(r"[\d.]+% of \d+ products\n", capsys.readouterr().out)


def test_the_faster_loop_of_the_page_runs(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    run_block("batches")
