"""Near duplicates: every close pair meets, no chains, no giant, and the same bytes after a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import etalage as package
from etalage.catalogue.build import index
from etalage.catalogue.ledger.near import join
from etalage.catalogue.ledger.near.clusters import Clusters, make_clusters
from etalage.catalogue.ledger.near.join import find_pairs
from etalage.catalogue.ledger.near.looks import PART_IMAGES, Looks, look_at_images
from etalage.images.perceptual import LOOK

Run = Any


def looks_of(bits: NDArray[np.bool_], tones: NDArray[np.uint8] | None = None) -> Looks:
    """Return looks with these bits, (D, 256)."""
    count = len(bits)
    packed = np.packbits(bits, axis=1).reshape(count, 32).view(np.uint32)
    zeros = np.zeros((count, 108), np.uint8)
    state, contrast = np.zeros(count, np.uint8), np.full(count, 50, np.uint8)
    return Looks(packed, zeros if tones is None else tones, contrast, state)


def wobbly(seed: int, pictures: int, copies: int, flips: int) -> NDArray[np.bool_]:
    """Return the bits of pictures, each several times with up to some bits flipped, shuffled."""
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.random((pictures, 256)) < 0.5, copies, axis=0)
    for row in bits:
        row[rng.choice(256, rng.integers(0, flips + 1), replace=False)] ^= True
    return np.asarray(bits[rng.permutation(len(bits))])


def apart(bits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return in how many bits every two differ, (D, D)."""
    return np.asarray((bits[:, None] != bits[None]).sum(axis=2))


def clusters_of(looks: Looks, distance: int, most: int = 1000) -> Clusters:
    """Find pairs and make clusters."""
    pairs = find_pairs(looks, distance=distance, tone=8, threads=1)
    return make_clusters(looks, pairs, distance=distance, tone=8, most=most)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 7))
def test_all_pairs_of_up_to_seven_bits_are_found_and_none_beyond_the_distance(
    seed: int, pictures: int, copies: int, flips: int
) -> None:
    bits = wobbly(seed, pictures, copies, flips)
    found = find_pairs(looks_of(bits), distance=12, tone=0, threads=1)
    pairs = {
        (int(pair >> np.uint64(32)), int(pair & np.uint64(0xFFFFFFFF))) for pair in found.pairs
    }
    between = apart(bits)
    low, high = np.nonzero(np.triu(np.ones_like(between), 1))
    sure = {(j, i) for i, j in zip(low, high, strict=True) if between[i, j] <= 7}
    possible = {(j, i) for i, j in zip(low, high, strict=True) if between[i, j] <= 12}
    assert sure <= pairs <= possible
    assert (found.crowded, found.cut) == (0, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 10), st.integers(0, 9))
def test_every_member_is_close_to_the_first_of_its_cluster(
    seed: int, pictures: int, copies: int, flips: int
) -> None:
    bits = wobbly(seed, pictures, copies, flips)
    found = clusters_of(looks_of(bits), 12, most=4)
    rows = np.arange(len(bits))
    assert (found.leader <= rows).all()
    assert (found.leader[found.leader] == found.leader).all()
    assert (found.distance == apart(bits)[rows, found.leader]).all()
    assert found.distance.max() <= 12
    assert (found.size == np.bincount(found.leader, minlength=len(bits))).all()
    assert found.size.max() <= 4


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 10))
def test_an_image_close_to_a_representative_is_in_a_cluster(
    seed: int, pictures: int, copies: int
) -> None:
    bits = wobbly(seed, pictures, copies, 6)
    found = clusters_of(looks_of(bits), 12)
    heads = np.unique(found.leader)
    between = apart(bits)[np.ix_(heads, heads)] + 256 * np.eye(len(heads), dtype=int)
    assert between.min() > 7


def test_pictures_that_change_little_by_little_are_no_chain() -> None:
    bits = np.zeros((60, 256), np.bool_)
    for row in range(1, 60):
        bits[row] = bits[row - 1]
        bits[row, 4 * row : 4 * row + 4] = True
    found = clusters_of(looks_of(bits), 12)
    assert found.size.max() == 4
    assert (found.leader == np.arange(60) // 4 * 4).all()


def test_the_same_bits_in_other_colours_are_different_pictures() -> None:
    tones = np.zeros((3, 108), np.uint8)
    tones[1, 50], tones[2, 50] = 8, 9
    found = clusters_of(looks_of(np.zeros((3, 256), np.bool_), tones), 12)
    assert found.leader.tolist() == [0, 0, 2]


def test_a_picture_of_thousands_of_copies_costs_one_comparison_each() -> None:
    bits = np.zeros((20_000, 256), np.bool_)
    found = find_pairs(looks_of(bits), distance=12, tone=8, threads=1)
    assert len(found.pairs) == len(bits) - 1
    assert (found.crowded, found.cut) == (8, 0)
    assert clusters_of(looks_of(bits), 12, most=500).size.max() == 500


def test_a_crowd_of_different_pictures_is_divided_and_said() -> None:
    bits = np.random.default_rng(1).random((join._CROWD + 500, 256)) < 0.5
    bits[:, :32] = False
    copies = bits[:100].copy()
    copies[:, 40] ^= True
    found = find_pairs(looks_of(np.concatenate([bits, copies])), distance=12, tone=8, threads=1)
    assert len(found.pairs) == 100
    assert found.crowded == 1


def test_images_with_a_state_are_compared_with_nothing() -> None:
    looks = looks_of(np.zeros((4, 256), np.bool_))
    looks.state[1:3] = 1
    found = clusters_of(looks, 12)
    assert found.leader.tolist() == [0, 1, 2, 0]


def make_catalogue(folder: Path, product: Run, photo: Callable[..., bytes]) -> Path:
    """Index six photos in three sizes each, the third with three labels, and one too small."""
    products = [
        product(
            10 * seed + size,
            [photo(seed, side=60 + 30 * size)] * (1 + size),
            1 + size if seed == 2 else 1,
        )
        for seed in range(6)
        for size in range(3)
    ]
    products.append(product(900, [b"no image", photo(9, side=12)], 1))
    (folder / "c.bson").write_bytes(b"".join(map(bson.encode, products)))
    index([folder / "c.bson"], folder / "index")
    return folder / "index"


def test_resized_pictures_are_listed_with_their_labels(
    product: Run, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    folder = make_catalogue(tmp_path, product, photo)
    report = package.duplicates(folder, tmp_path / "d", near=True, workers=1)
    near = pq.read_table(tmp_path / "d/near.parquet").to_pydict()
    clusters = [{near["product_id"][row] // 10 for row in rows} for rows in by(near["cluster"])]
    assert clusters == [{0}, {1}, {2}, {3}, {4}, {5}]
    assert len(near["product_id"]) == 6 * (1 + 2 + 3)
    conflicts = pq.read_table(tmp_path / "d/near_conflicts.parquet").to_pydict()
    assert conflicts == {"cluster": [2] * 3, "category_id": [1, 2, 3], "products": [1, 1, 1]}
    assert report.near is not None
    assert (report.near["conflicting_clusters"], report.near["newly_conflicting"]) == (1, 1)
    assert report.near["apart"] == {"blank": 0, "tiny": 1, "undecodable": 0}
    assert pq.read_table(tmp_path / "d/apart.parquet")["why"].to_pylist() == ["tiny"]


def by(clusters: list[int]) -> list[list[int]]:
    """Return the rows of each cluster."""
    return [
        [row for row, cluster in enumerate(clusters) if cluster == number]
        for number in sorted(set(clusters))
    ]


def test_the_number_of_workers_does_not_change_a_byte(
    product: Run, photo: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_catalogue(tmp_path, product, photo)
    monkeypatch.setattr("etalage.catalogue.ledger.near.looks.PART_IMAGES", 5)
    for workers in (1, 2):
        package.duplicates(folder, tmp_path / str(workers), near=True, workers=workers)
    for path in (tmp_path / "1").glob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes()


def test_a_part_that_is_there_is_not_looked_at_again(
    product: Run, photo: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = package.open_index(make_catalogue(tmp_path, product, photo))
    monkeypatch.setattr("etalage.catalogue.ledger.near.looks.PART_IMAGES", 4)
    rows, parts = np.arange(10), tmp_path / "looks"
    whole = look_at_images(opened, rows, parts, workers=1)
    np.save(parts / "look-00000.npy", np.zeros(4, LOOK))
    (parts / "look-00002.npy").unlink()
    again = look_at_images(opened, rows, parts, workers=1)
    assert not again.bits[:4].any()
    assert (again.bits[4:] == whole.bits[4:]).all()


@pytest.mark.slow
def test_a_killed_search_goes_on_and_ends_with_the_same_bytes(
    product: Run, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    documents = [
        product(seed, [photo(seed // 2, side=40 + seed % 2)], seed % 7)
        for seed in range(2 * PART_IMAGES + 3000)
    ]
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, documents)))
    index([tmp_path / "c.bson"], tmp_path / "index")
    command = [sys.executable, "-m", "etalage", "duplicates", tmp_path / "index", "--near", "-o"]
    first = tmp_path / ".killed.part/looks/look-00000.npy"
    with subprocess.Popen(
        [*map(str, command), str(tmp_path / "killed")], start_new_session=True
    ) as run:
        while not first.is_file():
            assert run.poll() is None
            time.sleep(0.005)
        os.killpg(run.pid, signal.SIGKILL)
    assert not (tmp_path / "killed").exists()
    subprocess.run([*map(str, command), str(tmp_path / "killed")], check=True)
    package.duplicates(tmp_path / "index", tmp_path / "whole", near=True)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "killed").iterdir())
    for name in names:
        if name.endswith(".parquet"):
            whole, killed = (tmp_path / folder / name for folder in ("whole", "killed"))
            assert whole.read_bytes() == killed.read_bytes()
