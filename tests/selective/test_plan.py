"""A plan counts what its thresholds would do, and its page says the same."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from etalage.calibration.noise import Noise
from etalage.errors import ConfigError
from etalage.reports.plan.make import plan_page
from etalage.selective.accept import accept
from etalage.selective.document import Thresholds
from etalage.selective.plan import Plan, plan
from selective.conftest import Audited


@pytest.fixture(scope="session")
def planned(shop: Audited) -> Plan:
    return plan(shop.predictions, precision=[0.9999, 0.9], minutes=[0.5, 2], audited=shop.decisions)


def test_a_plan_counts_what_accepting_would_do(
    planned: Plan, shop: Audited, made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    done = accept(shop.predictions, made[0], tmp_path / "a.parquet")
    total = planned.targets[0].total
    assert (total.leaf, total.level2, total.level1) == tuple(done.automatic.values())
    assert total.reviews == done.review
    assert [each.hours for each in total.hours] == pytest.approx(
        [done.review / 120, done.review / 30]
    )
    assert total.share_low < total.share < total.share_high


def test_branches_and_categories_add_up_to_all_products(planned: Plan) -> None:
    for target in planned.targets:
        for rows in (target.branches, target.categories):
            assert sum(row.products for row in rows) == planned.products
            assert sum(row.automatic for row in rows) == target.total.automatic
            assert sum(row.reviews for row in rows) == target.total.reviews


def test_errors_left_are_those_there_are(planned: Plan, shop: Audited, tmp_path: Path) -> None:
    known = plan(shop.predictions, precision=[0.9], truth=shop.truth).targets[0]
    guess = planned.targets[0]
    assert known.total.errors_low < known.total.errors < known.total.errors_high
    assert guess.total.errors / guess.total.automatic <= 0.1
    assert sum(level.wrong for level in known.levels) == pytest.approx(known.total.errors, abs=1e-3)


def test_noise_makes_given_labels_look_better(shop: Audited) -> None:
    plain, corrected = (
        plan(shop.predictions, precision=[0.7], truth=shop.truth, noise=noise, back_off=False)
        for noise in (None, Noise(0.1, 0.1, 0.1))
    )
    leaf, better = plain.targets[0].levels[0], corrected.targets[0].levels[0]
    assert leaf.risk is not None
    assert better.risk is not None
    assert better.risk == pytest.approx(
        max(0, 1 - (1 - better.wrong / better.labelled) / 0.9), abs=1e-5
    )
    assert better.automatic > leaf.automatic


def test_a_target_that_cannot_be_met_leaves_everything_to_review(planned: Plan) -> None:
    hopeless = planned.targets[1]
    assert (hopeless.total.automatic, hopeless.total.errors, hopeless.groups_met) == (0, 0, 0)
    assert "the best is" in hopeless.unmet[0]


def test_every_number_of_the_page_stands_in_the_json(planned: Plan) -> None:
    document, page = plan_page(planned, "p")
    said = re.findall(r'<data value="([^"]+)" data-of="([^"]+)">', page)
    assert len(said) > 100
    for value, place in said:
        here: Any = document
        for step in place.split("."):
            here = here[int(step)] if isinstance(here, list) else here[step]
        assert str(here) == value
    assert "Cannot be met" in page
    assert page.count("<svg") == 4


def test_the_page_promises_on_audited_truth_only(planned: Plan, shop: Audited) -> None:
    given = plan(shop.predictions, precision=[0.9], truth=shop.truth, by="level1")
    _, page = plan_page(given, "p")
    assert "promises are only made on audited truth" in page
    assert "agreement with the given labels" in page
    assert "Promise:" not in page
    assert "Every promise here stands on" in plan_page(planned, "p")[1]


def test_a_plan_without_a_precision_or_time_is_refused(shop: Audited) -> None:
    with pytest.raises(ConfigError, match="no --precision"):
        plan(shop.predictions, precision=[], audited=shop.decisions)
    with pytest.raises(ConfigError, match="--minutes 0: expected more than 0"):
        plan(shop.predictions, minutes=[0], audited=shop.decisions)


def test_the_commands_go_from_decisions_to_answers(
    shop: Audited, tmp_path: Path, etalage: Any
) -> None:
    made, accepted, page = (tmp_path / name for name in ("t.json", "a.csv", "plan.html"))
    truth = ("--audited", shop.decisions)
    run = etalage("thresholds", shop.predictions, *truth, "--precision", 0.9, "-o", made)
    assert (run.code, "Promise: of the automatic" in run.out.replace("\n", " ")) == (0, True)
    run = etalage("accept", shop.predictions, made, "-o", accepted, "--json")
    assert json.loads(run.out)["truth"] == "audited"
    words = ("--precision", 0.9, 0.95, "--minutes", 0.5, 1, "--html", page)
    run = etalage("plan", shop.predictions, *truth, *words)
    assert (run.code, "hours at 1 min" in run.out, page.is_file()) == (0, True, True)
    run = etalage("plan", shop.predictions, *truth, "--json", "--precision", 0.9999)
    assert json.loads(run.out)["targets"][0]["total"]["reviews"] == 12_000
    assert "not met: all: at most" in run.err
