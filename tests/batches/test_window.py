"""The window order: nearly in the order of the files, and still mixed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.batches.loader import load
from etalage.batches.order import Batches, epoch_order
from etalage.catalogue import build
from etalage.catalogue.index import Index, open_index
from etalage.errors import CatalogueError, ConfigError

PRODUCTS = 600
STRETCH = 6000
"""Bytes: some seven products, of the eighty-odd stretches of the catalogue."""


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, photo: Callable[..., bytes]) -> Path:
    """A folder with two catalogues of 600 products of no to two images and their index."""
    folder, image = tmp_path_factory.mktemp("shelf"), photo(1, side=16)
    for number, name in enumerate(("a.bson", "b.bson")):
        with (folder / name).open("wb") as file:
            for row in range(number * PRODUCTS // 2, (number + 1) * PRODUCTS // 2):
                pictures = [{"picture": image}] * (row % 3)
                file.write(bson.encode({"_id": row, "category_id": 5, "imgs": pictures}))
    build.index([folder / "a.bson", folder / "b.bson"], folder / "index")
    return folder


def window(index: Index, rows: Any = range(PRODUCTS), size: int = 16, **given: int) -> Batches:
    options = {"seed": 0, "epoch": 0, "stretch": STRETCH} | given
    return epoch_order(index, rows, size, shuffle="window", **options)


@given(
    st.sets(st.integers(0, PRODUCTS - 1)),
    st.integers(1, 90),
    st.integers(0, 2**40),
    st.integers(0, 99),
    st.sampled_from([400, STRETCH, 2**26]),
)
def test_every_product_comes_once(
    shelf: Path, rows: set[int], size: int, seed: int, epoch: int, stretch: int
) -> None:
    index = open_index(shelf / "index", check=False)
    batches = list(window(index, sorted(rows), size, seed=seed, epoch=epoch, stretch=stretch))
    assert sorted(row for batch in batches for row in batch) == sorted(rows)
    assert all(len(batch) == size for batch in batches[:-1])


def test_the_order_depends_on_seed_and_epoch_only(shelf: Path) -> None:
    index = open_index(shelf / "index")
    orders = {
        tuple(window(index, rows, seed=seed, epoch=epoch).rows.tolist())
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
        for rows in (range(PRODUCTS), range(PRODUCTS - 1, -1, -1))
    }
    assert len(orders) == 3


def test_a_batch_mixes_stretches_and_reads_only_some(shelf: Path) -> None:
    order = window(open_index(shelf / "index"))
    assert order.stretch is not None
    for number in range(8, len(order) - 8):
        turns = order.stretch[number * 16 : (number + 1) * 16]
        assert len(np.unique(turns)) >= 6
        assert np.ptp(turns) <= 20


def test_a_stretch_is_a_piece_of_the_files_with_so_many_bytes(shelf: Path) -> None:
    index = open_index(shelf / "index")
    order = window(index)
    assert order.stretch is not None
    sizes = [
        int(index.image_count[order.rows[order.stretch == turn]].sum() * index.ranges[2][0])
        for turn in range(order.stretch.max() + 1)
    ]
    spans = [np.ptp(order.rows[order.stretch == turn]) for turn in range(order.stretch.max() + 1)]
    assert max(sizes) < STRETCH + 2 * index.ranges[2][0]
    assert max(spans) <= 2 * STRETCH / index.ranges[2][0]


def test_stretches_come_in_a_random_order(shelf: Path) -> None:
    order = window(open_index(shelf / "index"))
    early = order.rows[: PRODUCTS // 4]
    assert early.min() < PRODUCTS // 8
    assert early.max() > PRODUCTS - PRODUCTS // 8


def test_a_small_catalogue_is_shuffled_globally(shelf: Path) -> None:
    index = open_index(shelf / "index")
    small, whole = (
        epoch_order(index, range(PRODUCTS), 16, seed=3, epoch=1, shuffle=shuffle)
        for shuffle in ("window", "global")
    )
    assert small.stretch is None
    assert small.rows.tolist() == whole.rows.tolist()


def test_what_is_left_of_a_window_order_is_the_rest(shelf: Path) -> None:
    order = window(open_index(shelf / "index"))
    rest = order.after(7)
    assert all((one == order[7 + number]).all() for number, one in enumerate(rest))
    assert rest.stretch is not None
    assert len(rest.stretch) == len(rest.rows)


@pytest.mark.parametrize("done", [0, 11])
def test_a_window_order_is_read_ahead_and_loads_like_any_other(shelf: Path, done: int) -> None:
    index = open_index(shelf / "index")
    order = window(index).after(done)
    plain = Batches(order.rows, order.size)
    for ahead, alone in zip(load(index, order, size=16), load(index, plain, size=16), strict=True):
        assert np.array_equal(ahead.rows, alone.rows)
        assert np.array_equal(ahead.pixels, alone.pixels)


def test_a_file_that_is_gone_is_an_error_of_the_reader_too(shelf: Path, tmp_path: Path) -> None:
    index = open_index(shelf / "index")
    index.sources.base = tmp_path
    with pytest.raises(CatalogueError, match=r"\.bson: cannot be read"):
        list(load(index, window(index), size=16))


def test_an_unknown_shuffle_is_refused(shelf: Path) -> None:
    with pytest.raises(ConfigError, match="shuffle is 'local': global or window"):
        epoch_order(open_index(shelf / "index"), [0], 1, seed=0, epoch=0, shuffle="local")
