"""A catalogue that grew: what is new is indexed and answered, what is known stays."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest

from etalage.catalogue.index import open_index
from etalage.errors import ConfigError, PredictionsError
from etalage.growth import update
from etalage.predictions.folder import read_predictions

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]


@pytest.fixture
def grown(shop: Any, tmp_path: Path, product: Product, photo: Photo, etalage: Any) -> Path:
    """A copy of the shop with predictions, and three products more in its file."""
    for name in ("shop.bson", "names.csv"):
        shutil.copy(shop.folder / name, tmp_path)
    shutil.copytree(shop.index, tmp_path / "index")
    assert etalage("predict", shop.model, tmp_path / "index", "-o", tmp_path / "p").code == 0
    new = [product(row, [photo(row)], 10) for row in (900, 901, 902)]
    with (tmp_path / "shop.bson").open("ab") as file:
        file.write(b"".join(map(bson.encode, new)))
    return tmp_path


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the time and the content of every file."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_is_new_is_answered_and_the_rest_is_carried_over(shop: Any, grown: Path) -> None:
    before = read_predictions(grown / "p")
    report = update(grown / "index", model=shop.model, predictions=grown / "p", device="cpu")
    after = read_predictions(grown / "p")
    assert (report.products, report.new_products, report.predicted) == (43, 3, 3)
    assert after.product_ids.to_pylist() == open_index(grown / "index").product_ids.to_pylist()
    assert np.array_equal(after.probabilities[: len(before)], before.probabilities)
    assert after.images[-3:].tolist() == [1, 1, 1]


def test_a_second_update_writes_nothing(shop: Any, grown: Path, etalage: Any) -> None:
    options = ("--model", shop.model, "--predictions", grown / "p", "--device", "cpu")
    assert etalage("update", grown / "index", *options).code == 0
    before = state(grown)
    run = etalage("update", grown / "index", *options, "--json")
    assert '"new_products": 0, "predicted": 0' in run.out
    assert state(grown) == before


def test_an_update_killed_before_its_end_is_finished_by_the_next(shop: Any, grown: Path) -> None:
    from etalage.catalogue.build import index
    from etalage.inference.predict import predict

    index([], grown / "index", append=True)
    predict(shop.model, grown / "index", grown / ".p.grown", carry=grown / "p", device="cpu")
    (grown / "p").rename(grown / ".p.old")
    report = update(grown / "index", model=shop.model, predictions=grown / "p", device="cpu")
    assert (report.new_products, report.predicted) == (0, 3)
    assert len(read_predictions(grown / "p")) == 43


def test_what_a_killed_update_left_of_an_older_index_is_not_taken_for_this_one(
    shop: Any, grown: Path, product: Product, photo: Photo
) -> None:
    from etalage.catalogue.build import index
    from etalage.inference.predict import predict

    index([], grown / "index", append=True)
    predict(shop.model, grown / "index", grown / ".p.grown", carry=grown / "p", device="cpu")
    with (grown / "shop.bson").open("ab") as file:
        file.write(bson.encode(product(950, [photo(5)], 10)))
    report = update(grown / "index", model=shop.model, predictions=grown / "p", device="cpu")
    assert (report.new_products, report.predicted) == (1, 4)
    assert len(read_predictions(grown / "p")) == 44


def test_without_a_model_only_the_index_grows(grown: Path, etalage: Any) -> None:
    run = etalage("update", grown / "index")
    assert "43 products, 3 of them new" in run.out
    assert len(read_predictions(grown / "p")) == 40


def test_a_new_file_is_added(grown: Path, tmp_path: Path, product: Product, photo: Photo) -> None:
    (tmp_path / "more.bson").write_bytes(bson.encode(product(1000, [photo(1)], 20)))
    report = update(grown / "index", [tmp_path / "more.bson"])
    again = update(grown / "index", [tmp_path / "more.bson"])
    assert (report.new_products, again.new_products) == (4, 0)


def test_the_predictions_of_another_model_are_not_mixed_with_this_ones(
    shop: Any, grown: Path
) -> None:
    manifest = grown / "p/manifest.json"
    document = json.loads(manifest.read_text())
    document["source"]["model"] = "another"
    manifest.write_text(json.dumps(document))
    before = state(grown / "p")
    with pytest.raises(PredictionsError, match="was made with model another"):
        update(grown / "index", model=shop.model, predictions=grown / "p", device="cpu")
    assert state(grown / "p") == before


def test_a_model_needs_a_place_for_its_predictions(shop: Any, grown: Path) -> None:
    with pytest.raises(ConfigError, match="go together"):
        update(grown / "index", model=shop.model)
