"""What a report finds in a shop of which everything is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from conftest import make_photo, make_product
from etalage.catalogue.index import open_index
from etalage.images.decode import encode_jpeg
from etalage.reports.jpegs import text_counts
from etalage.reports.suspects import bytes_per_pixel, examine, suspicious
from report.conftest import Made, make_products, white, write_shop


def test_the_totals_are_those_of_the_shop(stall: Made) -> None:
    totals = stall.document["totals"]
    products = make_products(100)
    images = [image["picture"] for product in products for image in product["imgs"]]
    assert (totals["products"], totals["images"]) == (len(products), len(images))
    assert totals["different_images"] == len(set(images))
    assert totals["bytes"] == sum(map(len, images))
    assert (totals["without_images"], totals["unreadable"]) == (1, 2)


def test_translations_stand_beside_the_names(stall: Made) -> None:
    table = stall.document["level1"]
    assert {row["name"]: row["translation"] for row in table} == {"MAISON": "HOME", "JEUX": "GAMES"}
    assert [row["running"] for row in table][-1] == 43
    assert "GAMES" in stall.page.text


def test_a_translation_of_no_category_is_said(
    stall: Made, make_report: Callable[..., Made], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "words.csv").write_text("name,translation\nJEUX,GAMES\nTYPO,X\n")
    make_report(stall.index, translations=tmp_path / "words.csv")
    assert "1 of 2 translated names are no category of level 1: TYPO" in caplog.text


def test_homonyms_are_told_apart_by_their_paths(stall: Made) -> None:
    found = [(row["level"], row["name"], row["path"]) for row in stall.document["homonyms"]]
    assert found == [
        (2, "VAISSELLE", "JEUX > VAISSELLE"),
        (2, "VAISSELLE", "MAISON > VAISSELLE"),
        (3, "ASSIETTE", "MAISON > VAISSELLE > ASSIETTE"),
        (3, "ASSIETTE", "JEUX > VAISSELLE > ASSIETTE"),
    ]


def test_examples_have_one_to_four_images(stall: Made) -> None:
    examples = stall.document["examples"]
    assert [len(example["rows"]) for example in examples] == sorted(
        (example["images"] for example in examples), reverse=True
    )
    assert {example["images"] for example in examples} == {1, 2, 3, 4}
    assert len({example["product_id"] for example in examples}) == len(examples)


def test_the_logo_is_the_most_copied_image(stall: Made) -> None:
    first = stall.document["most_copied"][0]
    assert (first["copies"], first["products"], first["categories"]) == (10, 10, 3)


def test_what_does_not_decode_is_listed_with_its_product_and_reason(stall: Made) -> None:
    suspects = stall.document["suspects"]
    reasons = {row["rank"]: row["reason"] for row in suspects["failures"]}
    assert {row["product_id"] for row in suspects["failures"]} == {191}
    assert suspects["damaged"] == len(suspects["failures"]) == 3
    assert "damaged jpeg" in reasons[0]
    assert "no JPEG, PNG or WebP image in 8 bytes" in reasons[1]
    assert "no JPEG, PNG or WebP image in 0 bytes" in reasons[2]


def test_a_white_picture_is_near_blank(stall: Made) -> None:
    suspects = stall.document["suspects"]
    assert [(row["product_id"], row["copies"]) for row in suspects["blanks"]] == [(190, 2)]
    assert (suspects["blank"], suspects["blank_copies"]) == (1, 2)
    assert suspects["blanks"][0]["deviation"] == 0


def test_no_more_images_are_decoded_than_asked_for(
    stall: Made, make_report: Callable[..., Made]
) -> None:
    few = make_report(stall.index, decode=2).document["suspects"]
    none = make_report(stall.index, decode=0).document["suspects"]
    assert all(kind["decoded"] <= 2 for kind in few["kinds"])
    assert few["decoded"] <= 2 * len(few["kinds"])
    assert (none["decoded"], none["damaged"]) == (0, 0)


def test_colour_alone_is_blank_and_a_photo_is_not(tmp_path: Path) -> None:
    red = encode_jpeg(np.full((64, 64, 3), (200, 0, 0), np.uint8))
    products = [make_product(1, [red, make_photo(2, side=64), white(64)], 10)]
    shop = open_index(write_shop(tmp_path, products, "shop"))
    deviations, reasons = examine(shop, np.arange(3))
    assert reasons == {}
    assert deviations[0] < 2
    assert deviations[1] > 20
    assert deviations[2] == 0


def test_odd_headers_and_tiny_files_are_suspicious(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 400, 3), np.uint8)
    images = [make_photo(1, side=16), encode_jpeg(noise), make_photo(3, side=40), white(40)]
    shop = open_index(write_shop(tmp_path, [make_product(1, images, 10)], "shop"))
    kinds = suspicious(shop, bytes_per_pixel(shop), 2)
    assert kinds["odd header"][1].tolist() == [0, 1]
    assert kinds["under 1,000 bytes"][1].tolist()[0] == int(np.argmin([len(i) for i in images]))
    assert kinds["fewest bytes per pixel"][0] == 4
    assert kinds["fewest bytes per pixel"][1].tolist()[0] == 3


def test_quality_and_chroma_come_from_the_index(stall: Made) -> None:
    headers = stall.document["headers"]
    assert [row["name"] for row in headers["qualities"]] == ["75", "90"]
    assert (headers["quality"]["least"], headers["quality"]["most"]) == (75, 90)
    assert {row["name"] for row in headers["chroma"]} == {"4:2:0", "4:4:4", "cmyk"}
    assert {row["name"] for row in headers["formats"]} == {"jpeg", "none"}


@pytest.mark.parametrize("packed", [True, False])
def test_values_of_a_column_are_counted_packed_or_not(packed: bool) -> None:
    column = pa.array(["b", "a", "b", None, ""])
    found = text_counts(column.dictionary_encode() if packed else column)
    assert found == {"b": 2, "": 1, "a": 1}


def test_texts_and_prices_have_coverage(stall: Made) -> None:
    texts = {row["column"]: row for row in stall.document["texts"]}
    assert set(texts) == {"title", "reseller"}
    assert texts["title"]["products"] == 20
    assert (texts["title"]["shortest"], texts["title"]["longest"]) == (7, 8)
    assert stall.document["amounts"][0]["products"] == 1


def test_drift_counts_what_both_catalogues_have(stall: Made) -> None:
    drift = stall.document["drift"]
    here, there = make_products(100), make_products(220)
    known = {image["picture"] for product in here for image in product["imgs"]}
    hits = [[image["picture"] in known for image in product["imgs"]] for product in there]
    assert (drift["here"], drift["there"]) == ("train", "test")
    assert drift["shared"]["with_image"] == sum(map(any, hits))
    assert drift["shared"]["images_here"] == sum(map(sum, hits))
    assert drift["shared"]["same_id"] == 0
    assert drift["new_categories"] == 0


def test_drift_compares_every_property_that_both_have(
    stall: Made, make_report: Callable[..., Made], tmp_path: Path
) -> None:
    names = {row["name"] for row in stall.document["drift"]["properties"]}
    unlabelled = write_shop(tmp_path, make_products(500, labels=False), "unlabelled")
    fewer = make_report(stall.index, against=unlabelled).document["drift"]
    assert {"images of a product", "bytes of an image", "size", "format"} < names
    assert {"JPEG quality", "chroma", "category of level 1", "category"} < names
    assert {row["name"] for row in fewer["properties"]} == {
        "images of a product",
        "bytes of an image",
        "size",
        "format",
        "JPEG quality",
        "chroma",
    }
    assert fewer["new_categories"] is None


def test_a_catalogue_does_not_drift_from_itself(
    stall: Made, make_report: Callable[..., Made]
) -> None:
    drift = make_report(stall.index, against=stall.index).document["drift"]
    assert all(row["distance"] == 0 for row in drift["properties"])
    assert all(row["verdict"] == "stable" for row in drift["properties"])
    assert drift["shared"]["same_id"] == drift["shared"]["products"]
    assert drift["shared"]["images_here_share"] == 1


def test_catalogues_of_two_hashes_are_not_compared(
    stall: Made, tmp_path: Path, etalage: Any
) -> None:
    write_shop(tmp_path, make_products(1), "shop")
    etalage("index", tmp_path / "shop.bson", "-o", tmp_path / "md5", "--hash", "md5")
    run = etalage("report", stall.index, "-o", tmp_path / "r.html", "--against", tmp_path / "md5")
    assert run.code == 1
    assert "its images cannot be compared" in run.err
    assert "etalage index --hash xxh3" in run.err


def test_a_negative_number_of_images_to_decode_is_refused(
    stall: Made, tmp_path: Path, etalage: Any
) -> None:
    run = etalage("report", stall.index, "-o", tmp_path / "r.html", "--decode", "-1")
    assert (run.code, "-1 images to decode" in run.err) == (1, True)
