"""Sets hold the truth as often as asked, of all products and of branches, or say they cannot."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from calibration.conftest import Files
from calibration.simulated import Simulated, evidence_from, simulate
from etalage.calibration.set_file import sets
from etalage.calibration.sets import (
    SetRule,
    branch_of,
    coverage_table,
    fit_sets,
    held_out_sets,
    set_sizes,
)
from etalage.errors import ConfigError, OutputError, PredictionsError


@pytest.mark.parametrize(
    "rule",
    [
        SetRule(0.9),
        SetRule(0.8),
        SetRule(0.8, cap=6),
        SetRule(0.9, by_branch=True),
        SetRule(0.9, penalty=0.05, free=2),
    ],
)
def test_sets_hold_the_truth_as_often_as_asked(rule: SetRule) -> None:
    covered = []
    for seed in range(20):
        evidence = evidence_from(simulate(900, leaves=24, temperature=2.0, seed=seed))
        fitted = fit_sets(evidence.take(np.arange(300)), rule)
        others = evidence.take(np.arange(300, 900))
        sizes, _ = set_sizes(others, fitted, others.taxonomy)
        covered.append(float((others.place < sizes).mean()))
    assert np.mean(covered) == pytest.approx(rule.coverage, abs=0.015)


def test_within_each_branch_that_is_answered_the_coverage_holds() -> None:
    evidence = evidence_from(twisted())
    half = np.arange(len(evidence)) % 2 == 0
    others = evidence.take(~half)
    for by_branch, held in ((False, False), (True, True)):
        fitted = fit_sets(evidence.take(half), SetRule(0.9, by_branch=by_branch))
        right = others.place < set_sizes(others, fitted, others.taxonomy)[0]
        branch = branch_of(others, others.taxonomy)
        shares = [float(right[branch == number].mean()) for number in range(3)]
        assert (min(shares) > 0.87) == held


def twisted() -> Simulated:
    """Return predictions that are far too sure where they answer the first branch."""
    made = simulate(9000, leaves=30, k=30)
    sure = made.predictions.categories[:, 0] < 10
    shares = made.predictions.probabilities.copy()
    shares[sure] = shares[sure] ** 3
    shares /= shares.sum(axis=1, keepdims=True)
    return replace(made, predictions=replace(made.predictions, probabilities=shares))


def test_branches_with_few_products_share_a_threshold() -> None:
    evidence = evidence_from(simulate(400, leaves=24))
    counts = np.bincount(branch_of(evidence, evidence.taxonomy))
    assert counts.max() > 110 > 100 > counts.min()
    fitted = fit_sets(evidence, SetRule(0.8, by_branch=True))
    assert (fitted.pool < 0).tolist() == (counts < 100).tolist()
    assert len(fitted.own) == (counts >= 100).sum()


def test_a_model_that_is_right_often_enough_has_sets_of_one() -> None:
    evidence = evidence_from(simulate(1000, leaves=24, sharpness=30))
    sizes, cut = set_sizes(evidence, fit_sets(evidence, SetRule(0.8)), evidence.taxonomy)
    assert evidence.right.mean() > 0.8
    assert set(sizes.tolist()) == {1}
    assert not cut.any()


@pytest.mark.parametrize("cap", [None, 20, 3])
def test_sets_that_would_hold_more_are_marked(cap: int | None) -> None:
    evidence = evidence_from(simulate(2000, leaves=40))
    fitted = fit_sets(evidence, SetRule(0.5 if cap == 3 else 0.9, cap=cap))
    sizes, cut = set_sizes(evidence, fitted, evidence.taxonomy)
    assert sizes.max() <= (cap or 20)
    assert 0 < cut.mean() < 1
    whole = evidence_from(simulate(2000, leaves=40, k=40))
    wanted, _ = set_sizes(whole, replace(fitted, rule=SetRule()), whole.taxonomy)
    assert np.array_equal(cut, wanted > (cap or 20))


@pytest.mark.parametrize(
    ("rule", "rows", "message"),
    [
        (SetRule(0.99, cap=2), 900, "of 900 products have their category among those a set may"),
        (SetRule(0.9), 8, "a coverage of 0.9 needs more than 8 products with truth: 0.888 is the"),
        (SetRule(0.9999, by_branch=True), 900, "branch 'A0': a coverage of 0.9999 needs more than"),
    ],
)
def test_a_coverage_that_cannot_be_had_is_refused_with_the_best(
    rule: SetRule, rows: int, message: str
) -> None:
    evidence = evidence_from(simulate(900, leaves=20))
    with pytest.raises(PredictionsError, match=message) as refused:
        fit_sets(evidence.take(np.arange(rows)), rule)
    best = float(refused.value.hint.split("--coverage ")[1].split(",")[0])
    fit_sets(evidence.take(np.arange(rows)), replace(rule, coverage=best, by_branch=False))


@pytest.mark.parametrize("wrong", [{"coverage": 1.0}, {"coverage": 0}, {"cap": 0}, {"penalty": -1}])
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected|a set holds at least 1"):
        SetRule(**wrong)  # type: ignore[arg-type]


def test_shown_coverage_is_of_products_held_out() -> None:
    evidence = evidence_from(simulate(3000, leaves=24, temperature=2.0))
    made = held_out_sets(evidence, SetRule(0.9))
    rows = coverage_table(evidence, made)
    assert [row.name for row in rows][0] == "all"
    assert sum(row.products for row in rows[1:]) == rows[0].products == 3000
    assert rows[0].low < 0.9 < rows[0].high
    assert rows[0].size == pytest.approx(made.sizes.mean())


def test_the_file_holds_the_first_categories_of_every_product(
    overconfident: Files, tmp_path: Path
) -> None:
    path = tmp_path / "s.parquet"
    report = sets(overconfident.predictions, path, truth=overconfident.truth)
    table = pq.read_table(path)
    made = overconfident.made
    assert table["product_id"].to_pylist() == made.predictions.product_ids.to_pylist()
    ids = made.taxonomy.ids[made.predictions.categories].tolist()
    held = table["categories"].to_pylist()
    assert all(some == row[: len(some)] for some, row in zip(held, ids, strict=True))
    assert report.size == pytest.approx(np.mean([len(some) for some in held]))
    record = json.loads(table.schema.metadata[b"etalage"])
    assert (record["truth"], record["rule"]["coverage"]) == ("given", 0.9)


def test_sets_fitted_on_other_predictions_cover_these(tmp_path: Path) -> None:
    validation = simulate(2000, leaves=24, temperature=2.0)
    truth = validation.write_truth(tmp_path / "t.csv")
    test = simulate(2000, leaves=24, temperature=2.0, seed=9)
    report = sets(
        test.write(tmp_path / "q"),
        tmp_path / "s.parquet",
        audited=truth,
        fit=validation.write(tmp_path / "p"),
    )
    right = test.taxonomy.ids[test.truth]
    held = pq.read_table(tmp_path / "s.parquet")["categories"].to_pylist()
    assert np.mean([leaf in some for leaf, some in zip(right, held, strict=True)]) > 0.87
    assert report.truth == "audited"


@pytest.mark.parametrize(
    ("other", "message"),
    [({"leaves": 30}, "has another taxonomy"), ({"k": 10}, "keeps 10 categories a product")],
)
def test_sets_of_predictions_of_another_making_are_refused(
    other: dict[str, int], message: str, overconfident: Files, tmp_path: Path
) -> None:
    made = simulate(300, **({"leaves": 24} | other))  # type: ignore[arg-type]
    folder, truth = made.write(tmp_path / "p"), made.write_truth(tmp_path / "t.csv")
    with pytest.raises(PredictionsError, match=message):
        sets(overconfident.predictions, tmp_path / "s.parquet", truth=truth, fit=folder)


def test_sets_that_are_there_are_not_replaced(overconfident: Files, tmp_path: Path) -> None:
    (tmp_path / "s.parquet").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        sets(overconfident.predictions, tmp_path / "s.parquet", truth=overconfident.truth)
