"""Loose image files get an answer: several of one product as one, turned upright."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from etalage.calibration.artefact import Calibration, write_calibration
from etalage.errors import ImageFormatError
from etalage.inference.classify import classify

Shop = Any


@pytest.fixture
def photos(tmp_path: Path, photo: Callable[..., bytes]) -> list[Path]:
    paths = []
    for number, form in enumerate(("JPEG", "PNG", "WEBP")):
        path = tmp_path / f"photo-{number}.{form.lower()}"
        path.write_bytes(photo(number, form=form))
        paths.append(path)
    return paths


def test_each_file_is_a_product_unless_they_belong_together(shop: Shop, photos: list[Path]) -> None:
    apart, together = (classify(shop.model, photos, together=both) for both in (False, True))
    assert [answer.images for answer in apart] == [(path,) for path in photos]
    assert [answer.images for answer in together] == [tuple(photos)]
    assert sum(guess.probability for guess in together[0].guesses) == pytest.approx(1, abs=1e-5)


def test_a_photo_taken_sideways_is_turned(shop: Shop, tmp_path: Path) -> None:
    upright = np.zeros((48, 48, 3), np.uint8)
    upright[:12] = (250, 40, 40)
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = io.BytesIO()
    Image.fromarray(np.rot90(upright).copy()).save(sideways, "PNG", exif=exif)
    (tmp_path / "side.png").write_bytes(sideways.getvalue())
    Image.fromarray(upright).save(tmp_path / "up.png")
    side, up = classify(shop.model, [tmp_path / "side.png", tmp_path / "up.png"])
    assert [guess.probability for guess in side.guesses] == pytest.approx(
        [guess.probability for guess in up.guesses], abs=1e-6
    )


def test_a_file_that_is_no_image_is_named(shop: Shop, photos: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no image")
    with pytest.raises(ImageFormatError, match=r"notes\.txt: no JPEG, PNG or WebP image"):
        classify(shop.model, [*photos, bad])


def test_the_command_prints_json_for_programs(shop: Shop, photos: list[Path], etalage: Any) -> None:
    run = etalage("classify", shop.model, *photos, "--top", 2, "--json")
    answers = json.loads(run.out)
    assert [len(answer["guesses"]) for answer in answers] == [2, 2, 2]
    assert etalage("classify", shop.model, photos[0]).out.count("MAISON") >= 1


def test_answers_go_through_the_calibration_of_the_model(
    shop: Shop, tmp_path: Path, photos: list[Path]
) -> None:
    model = shutil.copytree(shop.model, tmp_path / "model")
    (raw,) = classify(model, photos, together=True)
    write_calibration(Calibration(4.0), model / "calibration.json")
    (softer,) = classify(model, photos, together=True)
    given, found = ([guess.probability for guess in each.guesses] for each in (raw, softer))
    expected = np.array(given) ** (1 / 4)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-4)
