"""Predictions of another runtime say the same, and remember which runtime made them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from numpy.typing import NDArray

from etalage.catalogue.build import index
from etalage.errors import PredictionsError
from etalage.growth import update
from etalage.inference.predict import predict
from etalage.predictions.folder import read_predictions
from etalage.predictions.manifest import read_manifest

Shop = Any


def probabilities(folder: Path) -> NDArray[np.float32]:
    """Return what predictions say of each category, in the order of the categories."""
    found = read_predictions(folder)
    return np.take_along_axis(found.probabilities, found.categories.argsort(1), 1)


def test_another_runtime_gives_the_same_answers_and_is_remembered(
    shop: Shop, tmp_path: Path
) -> None:
    predict(shop.model, shop.index, tmp_path / "torch", runtime="torch")
    report = predict(shop.model, shop.index, tmp_path / "openvino", runtime="openvino")
    assert report.runtime == read_manifest(tmp_path / "openvino").source["runtime"] == "openvino"
    difference = np.abs(probabilities(tmp_path / "torch") - probabilities(tmp_path / "openvino"))
    assert difference.max() < 0.02


def test_a_few_products_are_answered_by_pytorch_unless_asked(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "auto")
    assert read_manifest(tmp_path / "auto").source["runtime"] == "torch"


def test_an_unfinished_folder_is_gone_on_with_by_the_same_runtime(
    shop: Shop, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    predict(shop.model, shop.index, begun, runtime="torch")
    (begun / "manifest.json").rename(begun / "unfinished.json")
    (begun / "part-00000.parquet").unlink()
    with pytest.raises(PredictionsError, match="runtime was 'torch' and is 'onnx'"):
        predict(shop.model, shop.index, begun, runtime="onnx")


def test_an_update_answers_what_is_new_as_the_rest_was_answered(
    shop: Shop, tmp_path: Path, product: Callable[..., Any], photo: Callable[..., bytes]
) -> None:
    first, second = (bson.encode(product(row, [photo(row)])) for row in (1, 2))
    (tmp_path / "c.bson").write_bytes(first)
    index([tmp_path / "c.bson"], tmp_path / "index", taxonomy=shop.folder / "names.csv")
    predict(shop.model, tmp_path / "index", tmp_path / "p", runtime="openvino")
    (tmp_path / "c.bson").write_bytes(first + second)
    report = update(tmp_path / "index", model=shop.model, predictions=tmp_path / "p")
    assert (report.predicted, len(read_predictions(tmp_path / "p"))) == (1, 2)
    assert read_manifest(tmp_path / "p").source["runtime"] == "openvino"


def test_classify_takes_a_runtime(
    shop: Shop, tmp_path: Path, photo: Callable[..., bytes], etalage: Any
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo(3))
    found = etalage("classify", shop.model, tmp_path / "photo.jpg", "--runtime", "torch")
    assert (found.code, found.out.count("MAISON") > 0) == (0, True)
    assert etalage("classify", shop.model, "photo.jpg", "--runtime", "tensorrt").code == 2
