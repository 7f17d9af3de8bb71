"""The command says what the function finds, and which truth it stands on."""

import json
from pathlib import Path
from typing import Any

import pytest

from scoring.conftest import Shops

KEYS = {"products", "accuracy", "top5", "by_images", "by_frequency", "truth", "missing", "extra"}


def test_programs_find_the_keys_they_rely_on(shops: Shops, etalage: Any) -> None:
    document = json.loads(etalage("score", shops.answers, shops.test, "--json").out)
    assert document.keys() > KEYS
    assert document["accuracy"].keys() == {"level1", "level2", "level3", "top5"}
    assert document["intervals"].keys() == document["accuracy"].keys()
    assert (document["products"], document["missing"], document["extra"]) == (8, 1, 1)
    assert document["truth"]["labels"] == "given"
    assert (document["corrected"], document["comparison"], document["audited"]) == (None,) * 3


def test_it_says_in_words_which_truth_its_figures_stand_on(
    shops: Shops, tmp_path: Path, etalage: Any
) -> None:
    (tmp_path / "a.csv").write_text("_id,category_id\n12,20\n14,30\n")
    run = etalage("score", shops.answers, shops.test, "--audited", tmp_path / "a.csv")
    printed = " ".join(run.out.split())
    assert "Agreement with the given labels of 8 products: leaf 0.5000" in printed
    assert "Agreement with blind decisions of 2 products: leaf 0.5000" in printed
    assert "With 50.00% of the labels wrong" in printed
    assert "(6 duplicate groups)" in printed


def test_a_noise_that_is_given_is_taken_out(shops: Shops, etalage: Any) -> None:
    noise = ["--noise", "0.1", "--noise-interval", "0.05", "0.2"]
    found = json.loads(etalage("score", shops.answers, shops.test, *noise, "--json").out)
    corrected, (low, high) = found["corrected"], found["intervals"]["level3"]
    assert corrected["level3"] == pytest.approx(found["accuracy"]["level3"] / 0.9)
    assert corrected["interval"] == pytest.approx([low / 0.95, min(1, high / 0.8)])
    assert corrected["estimated"] is False


def test_it_says_whether_another_one_differs(shops: Shops, etalage: Any) -> None:
    run = etalage("score", shops.answers, shops.test, "--against", shops.answers)
    assert f"No real difference to {shops.answers}" in " ".join(run.out.split())


def test_the_seed_is_that_of_the_resamples(shops: Shops, etalage: Any) -> None:
    once, again = (
        etalage("score", shops.answers, shops.test, "--seed", "3", "--json").out for _ in range(2)
    )
    assert once == again
