"""THRESHOLDS say what they promise, come back as written, and pool what is thin."""

import json
from pathlib import Path

import numpy as np
import pytest

from calibration.simulated import tree
from etalage.calibration.evidence import evidence_of
from etalage.calibration.noise import Noise
from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.cli.thresholds import noise_of
from etalage.errors import ConfigError, OutputError, PredictionsError
from etalage.selective.document import Thresholds, read_thresholds
from etalage.selective.pools import group_of_leaves, pool_leaves
from etalage.selective.summary import few, scores_line, thresholds_table, unmet
from etalage.selective.thresholds import find_thresholds, thresholds
from selective.conftest import Audited


def test_thresholds_come_back_as_they_were_written(made: tuple[Path, Thresholds]) -> None:
    path, written = made
    assert read_thresholds(path).to_json() == written.to_json() == json.loads(path.read_text())


def test_the_same_options_and_seed_give_the_same_bytes(
    shop: Audited, made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    options = {"precision": 0.9, "audited": shop.decisions}
    thresholds(shop.predictions, tmp_path / "same.json", **options)  # type: ignore[arg-type]
    thresholds(shop.predictions, tmp_path / "other.json", seed=1, **options)  # type: ignore[arg-type]
    assert (tmp_path / "same.json").read_bytes() == made[0].read_bytes()
    assert (tmp_path / "other.json").read_bytes() != made[0].read_bytes()


def test_only_audited_truth_is_promised_anything(shop: Audited, tmp_path: Path) -> None:
    given = thresholds(shop.predictions, tmp_path / "g.json", precision=0.9, truth=shop.truth)
    words = " ".join([given.statement, scores_line(given), *unmet(given)]).lower()
    assert given.truth == "given"
    assert "agreement with the given labels" in words
    assert "guarantee" not in words
    assert "promise:" not in words
    audited = find_thresholds(
        evidence_of(shop.predictions, audited=shop.decisions)[0], precision=0.9
    )
    assert audited.statement.startswith("Promise: of the automatic answers")


def test_given_labels_allow_for_their_noise_on_the_leaf_only(shop: Audited) -> None:
    evidence, noise = evidence_of(shop.predictions, truth=shop.truth, noise=Noise(0.1, 0.08, 0.12))
    rules = find_thresholds(evidence, precision=0.9, noise=noise).groups[0].rules
    assert [rule.target for rule in rules] == pytest.approx([1 - 0.9 * 0.92, 0.1, 0.1])


def test_thin_leaves_are_pooled_upwards() -> None:
    products = np.zeros(30)
    products[[0, 1, 2, 12, 13, 20]] = 50, 6, 7, 4, 4, 9
    pools = pool_leaves(tree(30), products, "category", 10)
    names = [(pool.name, pool.level, pool.rest) for pool in pools]
    assert names == [
        ("A0 > B0 > C0", 3, False),
        ("A0 > B0", 2, True),
        ("all others", 0, True),
    ]
    assert sorted(np.concatenate([pool.leaves for pool in pools])) == list(range(30))
    assert group_of_leaves(pools, 30)[[0, 1, 29]].tolist() == [0, 1, 2]


def test_each_branch_has_a_promise_of_its_own_and_jointly_they_cost_more(shop: Audited) -> None:
    evidence, _ = evidence_of(shop.predictions, truth=shop.truth)
    alone = find_thresholds(evidence, precision=0.8, by="level1")
    joint = find_thresholds(evidence, precision=0.8, by="level1", jointly=True)
    assert [group.level for group in alone.groups] == [1] * 6
    assert joint.groups[0].rules[0].chance == pytest.approx(alone.groups[0].rules[0].chance / 6)
    leaves = alone.group_of_leaves(evidence.taxonomy)
    assert (np.unique(leaves) == np.arange(6)).all()


def test_a_target_that_cannot_be_met_tells_the_best_that_can(shop: Audited) -> None:
    evidence, _ = evidence_of(shop.predictions, audited=shop.decisions)
    found = find_thresholds(evidence, precision=0.9999)
    (sentence,) = unmet(found)
    assert not found.groups[0].met
    assert "cannot be promised with 3,000 testing products: the best is at most" in sentence
    assert found.statement.startswith("Nothing is answered unseen")
    assert len(thresholds_table(found)) == 4


def test_of_many_sentences_the_first_are_shown() -> None:
    assert few(["a"] * 6) == ["a"] * 6
    assert few(["a"] * 9) == ["a"] * 5 + ["4 more groups"]


def test_a_flat_taxonomy_or_no_back_off_answers_leaves_only(shop: Audited) -> None:
    evidence, _ = evidence_of(shop.predictions, audited=shop.decisions)
    found = find_thresholds(evidence, precision=0.9, back_off=False, score="margin")
    assert found.scores == {3: "margin"}
    assert [rule.chance for rule in found.groups[0].rules] == pytest.approx([0.05])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 1.2}, "--precision 1.2: expected a share between 0 and 1"),
        ({"confidence": 0.0}, "--confidence 0: expected a share"),
        ({"by": "brand"}, "--by brand: expected one of all, level1, category"),
        ({"score": "luck"}, "--score luck: expected one of half-margin"),
    ],
)
def test_an_option_out_of_its_range_is_refused(
    options: dict[str, object], message: str, shop: Audited
) -> None:
    evidence, _ = evidence_of(shop.predictions, audited=shop.decisions)
    with pytest.raises(ConfigError, match=message):
        find_thresholds(evidence, **{"precision": 0.9, **options})  # type: ignore[arg-type]


def test_branches_of_a_flat_taxonomy_are_refused() -> None:
    flat = flat_taxonomy(np.arange(5, dtype=np.int64))
    with pytest.raises(ConfigError, match="taxonomy of 5 categories has no levels above the leaf"):
        pool_leaves(flat, np.ones(5), "level1", 1)
    assert [pool.level for pool in pool_leaves(flat, np.ones(5), "category", 1)] == [3] * 5


def test_a_truth_of_a_few_products_is_refused(shop: Audited, tmp_path: Path) -> None:
    few_of_them = shop.made.write_truth(tmp_path / "few.csv", range(7))
    with pytest.raises(PredictionsError, match="7 of its products have a truth, expected 20"):
        thresholds(shop.predictions, tmp_path / "t.json", precision=0.9, truth=few_of_them)
    assert not (tmp_path / "t.json").exists()


def test_an_interval_of_noise_belongs_to_a_rate() -> None:
    assert noise_of(None, None) is None
    assert noise_of(0.1, None) == Noise(0.1, 0.1, 0.1)
    assert noise_of(0.1, (0.08, 0.12)) == Noise(0.1, 0.08, 0.12)
    with pytest.raises(ConfigError, match=r"--noise-interval 0\.1 0\.2: without --noise"):
        noise_of(None, (0.1, 0.2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is None of schema None, expected thresholds of schema 1"),
        ('{"artefact": "thresholds", "schema": 1}', "is damaged: KeyError"),
        ("[", "is not JSON"),
    ],
)
def test_a_file_that_is_no_thresholds_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(PredictionsError, match=message):
        read_thresholds(tmp_path / "t.json")


def test_nothing_is_overwritten_unasked(shop: Audited, made: tuple[Path, Thresholds]) -> None:
    with pytest.raises(OutputError, match="exists already"):
        thresholds(shop.predictions, made[0], precision=0.9, audited=shop.decisions)
