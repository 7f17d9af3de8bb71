"""Embeddings: one vector for each distinct readable image, whole or gone on with."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest

from etalage import read_embeddings, split
from etalage.batches.loader import load
from etalage.catalogue.build import index
from etalage.catalogue.index import Index
from etalage.embedding.encoder import open_encoder
from etalage.embedding.write import PART_VECTORS, EmbedReport, embed
from etalage.errors import ConfigError, EmbeddingsError, EngineError, ModelError, OutputError

Run = Callable[..., EmbedReport]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the content of each file, without the run record."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del found["run.json"]
    return found


@pytest.fixture
def made(run: Run, tmp_path: Path) -> Path:
    """Return finished embeddings."""
    run(tmp_path / "e")
    return tmp_path / "e"


def test_each_distinct_readable_image_is_counted_once(run: Run, tmp_path: Path) -> None:
    report = run(tmp_path / "e")
    # Ten distinct first images have a header, one of them is cut; the second ones are all alike.
    assert (report.images, report.vectors, report.unreadable) == (24, 11, 2)


def test_copies_share_a_vector_and_others_do_not(made: Path, opened: Index) -> None:
    found = read_embeddings(made)
    first, second = opened.image_start, opened.image_start + 1
    assert found.rows[first[6]] == found.rows[first[7]]
    assert len(set(found.rows[second].tolist())) == 1
    assert not np.allclose(found.vectors(first[[0]]), found.vectors(first[[1]]))


def test_a_vector_is_what_the_backbone_says_of_the_picture(
    made: Path, opened: Index, shop: Any, tmp_path: Path
) -> None:
    embed(shop.model, opened.folder, tmp_path / "m")
    encoder = open_encoder(shop.model)
    batch = next(iter(load(opened, [np.arange(5)], size=encoder.size)))
    images = opened.image_start[batch.product] + batch.rank
    found = read_embeddings(tmp_path / "m").vectors(images)
    assert np.allclose(found, encoder.vectors(batch.pixels), rtol=2e-3, atol=1e-4)


def test_a_vector_is_the_mean_of_the_picture_and_its_mirror_image(shop: Any, opened: Index) -> None:
    both, one = open_encoder(shop.model), open_encoder(shop.model, mirror=False)
    pixels = next(iter(load(opened, [np.arange(3)], size=both.size))).pixels
    mean = (one.vectors(pixels) + one.vectors(pixels[:, :, ::-1].copy())) / 2
    assert np.allclose(both.vectors(pixels), mean, atol=1e-5)
    assert not np.allclose(both.vectors(pixels), one.vectors(pixels), atol=1e-3)


def test_images_that_cannot_be_read_are_listed(made: Path, opened: Index) -> None:
    with (made / "unreadable.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(row["product_id"], row["rank"]) for row in listed] == [("3", "0"), ("5", "0")]
    assert not read_embeddings(made).has(opened.image_start[[3, 5]]).any()


def test_vectors_stand_in_the_order_of_the_files(made: Path) -> None:
    rows = read_embeddings(made).rows
    first = [int(np.flatnonzero(rows == row)[0]) for row in sorted(set(rows[rows >= 0].tolist()))]
    assert first == sorted(first)


def test_a_stopped_run_ends_with_the_same_bytes(
    run: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = np.save

    def stop_at_third(file: Any, block: Any) -> None:
        if len(list(Path(file.name).parent.glob("part-*"))) == 2:
            raise OSError(28, "No space left on device")
        saved(file, block)

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", stop_at_third)
        with pytest.raises(OutputError, match="No space left"):
            run(tmp_path / "stopped")
    assert run(tmp_path / "stopped").resumed == 8
    assert bytes_of(tmp_path / "stopped") == bytes_of(made)


def test_part_of_a_split_can_be_embedded(
    run: Run, opened: Index, folder: Path, tmp_path: Path
) -> None:
    split(folder, tmp_path / "s", validation=0.25, test=0.25, by="product")
    report = run(tmp_path / "e", split=tmp_path / "s", part="train")
    found = read_embeddings(tmp_path / "e")
    assert 0 < report.images < 24
    assert found.asked(np.arange(24)).sum() == report.images


def test_the_manifest_says_what_made_the_vectors(made: Path, opened: Index) -> None:
    record = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    assert record["source"]["index"] == opened.fingerprint
    assert record["source"]["encoder"]["backbone"] == "test_byobnet"
    assert [part["rows"] for part in record["parts"]] == [4, 4, 3]
    assert read_embeddings(made).model == record["source"]["encoder"]["weights"]


def test_a_catalogue_without_a_readable_image_has_no_vectors(
    run: Run, tmp_path: Path, catalogue: Any
) -> None:
    index([catalogue({"_id": 1, "imgs": [{"picture": b"none"}]})], tmp_path / "index")
    report = embed(
        None, tmp_path / "index", tmp_path / "e",
        backbone="test_byobnet", weights="none", image_size=32, load_size=32,
    )  # fmt: skip
    assert (report.vectors, report.unreadable) == (0, 1)
    assert len(read_embeddings(tmp_path / "e")) == 0


def test_an_image_without_a_vector_is_named(made: Path, opened: Index) -> None:
    with pytest.raises(EmbeddingsError, match="no vector of image row 6"):
        read_embeddings(made).vectors(opened.image_start[[2, 3]])


def test_a_damaged_part_is_refused(made: Path) -> None:
    part = made / "parts/part-00001.npy"
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)
    found = read_embeddings(made)
    assert found.take(np.array([0])).shape == (1, found.width)
    with pytest.raises(EmbeddingsError, match=r"part-00001\.npy: is damaged"):
        found.take(np.array([5]))


def test_features_too_large_to_store_are_refused(
    run: Run, tmp_path: Path, folder: Path, shop: Any
) -> None:
    model = tmp_path / "model"
    shutil.copytree(shop.model, model)
    record = json.loads((model / "model.json").read_text(encoding="utf-8"))
    (model / "model.json").write_text(json.dumps(record | {"std": [1e-30] * 3}), encoding="utf-8")
    with pytest.raises(ModelError, match="65504"):
        embed(model, folder, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_model_and_a_backbone_together_are_refused(etalage: Any, shop: Any, folder: Path) -> None:
    run = etalage("embed", shop.model, folder, "--backbone", "test_byobnet", "-o", folder / "e")
    assert run.code == 1
    assert "2 folders given, expected INDEX" in run.err
    with pytest.raises(ConfigError, match="not both"):
        open_encoder(shop.model, backbone="test_byobnet")


def test_the_command_tells_what_it_did(etalage: Any, shop: Any, tmp_path: Path) -> None:
    run = etalage("embed", shop.model, shop.index, "-o", tmp_path / "e", "--json")
    told = json.loads(run.out)
    assert told["unreadable"] == 3
    assert etalage("show", tmp_path / "e", "--json").out.count('"vectors"') == 1
    again = etalage("embed", shop.model, shop.index, "-o", tmp_path / "e")
    assert "exists already" in again.err


@pytest.mark.slow
def test_killed_embedding_ends_with_the_same_bytes(
    shop: Any, product: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    shown = [product(row, [photo(row, side=16)]) for row in range(PART_VECTORS + 500)]
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, shown)))
    index([tmp_path / "c.bson"], tmp_path / "index")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "etalage", "embed", shop.model, tmp_path / "index"]
    part = tmp_path / ".killed.part/parts/part-00000.npy"
    with subprocess.Popen([*map(str, command), "-o", str(killed)], start_new_session=True) as run:
        while not part.is_file():
            if run.poll() is not None:
                raise EngineError("ended before it could be killed")
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
    assert embed(shop.model, tmp_path / "index", killed).resumed == PART_VECTORS
    embed(shop.model, tmp_path / "index", whole)
    assert bytes_of(killed) == bytes_of(whole)
