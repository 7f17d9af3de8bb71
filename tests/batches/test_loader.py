"""From rows of an index to batches of pixels."""

import io
import resource
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import bson
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from etalage.batches.loader import Batch, load
from etalage.batches.order import in_order, shuffled
from etalage.catalogue import build
from etalage.catalogue.index import Index, open_index
from etalage.errors import CatalogueError, ConfigError

SIDE = 24
PRODUCTS = 40


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_each_image_stands_where_product_and_rank_say(mixed: Index) -> None:
    for batch in load(mixed, shuffled(range(PRODUCTS), 11, seed=0, epoch=0), size=SIDE):
        middle = batch.pixels[:, SIDE // 2, SIDE // 2].astype(int)
        expected = np.stack([6 * batch.rows[batch.product], 60 * batch.rank], axis=1)
        assert np.abs(middle[:, :2] - expected).max() < 16
        assert (np.diff(batch.product) >= 0).all()


def test_batches_are_the_same_whatever_the_threads(mixed: Index) -> None:
    one, many = (
        list(load(mixed, in_order(range(PRODUCTS), 7), size=SIDE, threads=threads))
        for threads in (1, 5)
    )
    for left, right in zip(one, many, strict=True):
        assert all(np.array_equal(vars(left)[name], vars(right)[name]) for name in vars(left))


def test_every_product_and_image_comes_once_and_the_unreadable_are_named(mixed: Index) -> None:
    batches = list(load(mixed, in_order(range(PRODUCTS), 9), size=SIDE))
    first = mixed.image_start
    good = np.concatenate([first[b.rows[b.product]] + b.rank for b in batches])
    bad = np.concatenate([batch.unreadable for batch in batches])
    assert bad.tolist() == [first[7], first[7] + 1, first[9], first[9] + 1]
    assert sorted([*good, *bad]) == list(range(len(mixed.readable)))


def test_only_the_first_images_of_a_product_are_used_when_told(mixed: Index) -> None:
    (batch,) = load(mixed, in_order(range(PRODUCTS), PRODUCTS), size=SIDE, max_images=2)
    assert batch.rank.max() == 1
    assert np.bincount(batch.product)[7:10].tolist() == [0, 2, 0]


def test_a_batch_without_images_is_still_a_batch(mixed: Index) -> None:
    (batch,) = load(mixed, [np.array([0, 5, 9])], size=SIDE)
    assert batch.pixels.shape == (0, SIDE, SIDE, 3)
    assert batch.pixels.flags.writeable
    assert batch.rows.tolist() == [0, 5, 9]


def test_no_batches_give_no_batches(mixed: Index) -> None:
    assert list(load(mixed, [], size=SIDE)) == []


def test_pixels_stay_as_long_as_anything_refers_to_them(mixed: Index) -> None:
    rows = [np.array([4])] * 30
    kept, copies = [], []
    for batch in load(mixed, rows, size=SIDE):
        kept.append(batch.pixels[1:, 2:5].transpose(0, 2, 1, 3))
        copies.append(kept[-1].copy())
        batch.pixels[0] = 0
    assert all((one == other).all() for one, other in zip(kept, copies, strict=True))
    assert len({one.__array_interface__["data"][0] for one in kept}) == len(rows)


def test_memory_does_not_grow_with_the_number_of_batches(mixed: Index) -> None:
    rows, side = [np.arange(PRODUCTS)] * 30, 64
    size = next(iter(load(mixed, rows[:1], size=side))).pixels.nbytes
    tracemalloc.start()
    seen = sum(len(batch.pixels) for batch in load(mixed, rows, size=side))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 75 * len(rows)
    assert peak < 12 * size


@pytest.mark.slow
def test_memory_is_constant_over_an_epoch(mixed: Index) -> None:
    held = []
    for batch in load(mixed, [np.arange(PRODUCTS)] * 400, size=64):
        assert len(batch.pixels) == 75
        held.append(psutil.Process().memory_info().rss)
    assert max(held[200:]) - max(held[:200]) < 4 * 2**20


def test_few_batches_are_taken_ahead_of_the_consumer(mixed: Index) -> None:
    taken = []

    def watched() -> Iterator[NDArray[np.int64]]:
        for number in range(30):
            taken.append(number)
            yield np.array([4])

    batches = load(mixed, watched(), size=SIDE)
    next(batches)
    assert len(taken) <= 5


def test_leaving_early_stops_the_threads(mixed: Index) -> None:
    for _ in load(mixed, in_order(range(PRODUCTS), 2), size=SIDE, threads=3):
        assert decoding_threads()
        break
    assert not decoding_threads()


def test_a_catalogue_cut_meanwhile_is_an_error_for_the_consumer(tmp_path: Path) -> None:
    file, source = io.BytesIO(), tmp_path / "c.bson"
    Image.new("RGB", (SIDE, SIDE)).save(file, "JPEG")
    source.write_bytes(bson.encode({"_id": 1, "imgs": [{"picture": file.getvalue()}]}) * 1)
    build.index([source], tmp_path / "index")
    opened = open_index(tmp_path / "index")
    source.write_bytes(source.read_bytes()[:-30])
    with pytest.raises(CatalogueError, match="c.bson"):
        next(load(opened, [np.array([0])], size=SIDE))
    assert not decoding_threads()


def altered(folder: Path, before: bytes, after: bytes) -> Index:
    """Return the index of a picture that is another one of the same length since."""
    source = folder / "c.bson"
    padded = after + bytes(len(before) - len(after))
    source.write_bytes(bson.encode({"_id": 1, "imgs": [{"picture": before}] * 3}))
    build.index([source], folder / "index")
    source.write_bytes(source.read_bytes().replace(before, padded))
    return open_index(folder / "index", check=False)


@pytest.mark.parametrize("side", [SIDE // 2, SIDE - 1, SIDE + 1, SIDE * 2])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_has_another_size_since_is_unreadable(
    tmp_path: Path, photo: Callable[..., bytes], kind: str, side: int
) -> None:
    before = photo(1, side=SIDE) + bytes(9000)
    index = altered(tmp_path, before, photo(2, side=side, form=kind))
    for batch in load(index, [np.array([0])] * 2, size=SIDE, threads=1):
        assert len(batch.pixels) == 0
        assert batch.unreadable.tolist() == [0, 1, 2]


def test_an_altered_catalogue_loses_no_memory_for_each_picture(
    tmp_path: Path, photo: Callable[..., bytes]
) -> None:
    before = photo(1, side=SIDE) + bytes(9000)
    index = altered(tmp_path, before, photo(2, side=2 * SIDE))
    peaks = []
    for _ in range(2):
        bad = sum(len(b.unreadable) for b in load(index, [np.zeros(500, int)] * 3, size=SIDE))
        assert bad == 4500
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 8192  # KiB; simplejpeg would lose 19 MiB of refused buffers


def test_an_error_in_the_order_stops_the_threads_too(mixed: Index) -> None:
    def broken() -> Iterator[NDArray[np.int64]]:
        yield np.array([4])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(load(mixed, broken(), size=SIDE))
    assert not decoding_threads()


@pytest.mark.parametrize("wrong", [{"size": 0}, {"max_images": 0}, {"threads": -1}])
def test_numbers_below_one_are_refused_at_once(mixed: Index, wrong: dict[str, int]) -> None:
    options: dict[str, int] = {"size": SIDE, **wrong}
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        load(mixed, [], **options)


def test_the_real_sample_loads_whole(shared: Path, tmp_path: Path) -> None:
    build.index([shared / "data" / "cdiscount" / "train_example.bson"], tmp_path / "index")
    batches: list[Batch] = list(
        load(open_index(tmp_path / "index"), in_order(range(82), 30), size=180)
    )
    assert sum(len(batch.pixels) for batch in batches) == 110
    assert not any(len(batch.unreadable) for batch in batches)
