"""Evidence is the predictions that have a truth, row by row, whichever truth is the better one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from calibration.simulated import Simulated, simulate, write_csv
from etalage.calibration import evidence as module
from etalage.calibration.evidence import Evidence, evidence_of, gather
from etalage.calibration.noise import Noise
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.truth import read_truth


@pytest.fixture(params=[False, True], ids=["numbers", "texts"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Simulated:
    made = simulate(50, texts=request.param)
    made.write(tmp_path / "p", rows=7)
    return made


@pytest.fixture(params=[1, 1 << 19], ids=["part by part", "together"])
def gathered(
    request: pytest.FixtureRequest, shop: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[int]], Evidence]:
    monkeypatch.setattr(module, "_LOOKED_UP", request.param)

    def some(rows: list[int]) -> Evidence:
        path = shop.write_truth(tmp_path / f"t{len(rows)}.csv", rows)
        return gather(tmp_path / "p", read_truth(path))

    return some


def test_the_products_with_a_truth_stand_in_the_order_of_the_predictions(
    shop: Simulated, gathered: Callable[[list[int]], Evidence]
) -> None:
    rows = [44, 3, 7, 8, 30]
    found, order = gathered(rows), sorted(rows)
    wanted = shop.predictions
    assert found.product_ids.to_pylist() == wanted.product_ids.take(order).to_pylist()
    assert np.array_equal(found.categories, wanted.categories[order])
    assert np.array_equal(found.probabilities, wanted.probabilities[order])
    assert np.array_equal(found.images, wanted.images[order])
    assert np.array_equal(found.truth, shop.truth[order])
    assert (found.audited, found.standing) == (False, "given")


def test_confidence_right_and_place_are_of_the_rows(
    shop: Simulated, gathered: Callable[[list[int]], Evidence]
) -> None:
    found = gathered(list(range(50)))
    order = shop.predictions.categories.tolist()
    places = [
        row.index(leaf) if leaf in row else 20
        for row, leaf in zip(order, shop.truth.tolist(), strict=True)
    ]
    assert found.place.tolist() == places
    assert found.right.tolist() == [place == 0 for place in places]
    assert found.confidence.tolist() == shop.predictions.probabilities[:, 0].tolist()


def test_rows_are_taken_by_number_or_by_mask(
    gathered: Callable[[list[int]], Evidence],
) -> None:
    whole = gathered(list(range(50)))
    mask = np.arange(50) % 3 == 0
    for taken in (whole.take(mask), whole.take(np.flatnonzero(mask))):
        assert taken.product_ids.to_pylist() == whole.product_ids.to_pylist()[::3]
        assert np.array_equal(taken.rest, whole.rest[::3])
        assert taken.taxonomy is whole.taxonomy


def test_products_without_any_truth_are_refused(shop: Simulated, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "t.csv", [1, 2], [1000, 1001])
    with pytest.raises(PredictionsError, match="none of its 50 products has a truth among the 2"):
        gather(tmp_path / "p", read_truth(other))


def test_a_truth_that_the_taxonomy_lacks_is_never_right(shop: Simulated, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "t.csv", shop.predictions.product_ids[:2].to_pylist(), [1000, 5])
    found = gather(tmp_path / "p", read_truth(other))
    assert found.truth.tolist() == [0, -1]
    assert (found.right[1], found.place[1]) == (False, 20)


def test_enough_audited_products_are_preferred(shop: Simulated, tmp_path: Path) -> None:
    given = shop.write_truth(tmp_path / "given.csv")
    audited = shop.write_truth(tmp_path / "audited.csv", range(10))
    few, noise = evidence_of(tmp_path / "p", truth=given, audited=audited, enough=11)
    assert (few.standing, len(few)) == ("given", 50)
    assert noise is not None
    assert (noise.rate, noise.low) == (0, 0)
    enough, noise = evidence_of(tmp_path / "p", truth=given, audited=audited, enough=10)
    assert (enough.standing, len(enough), noise) == ("audited", 10, None)


def test_audited_products_are_taken_when_they_are_all_there_is(
    shop: Simulated, tmp_path: Path
) -> None:
    audited = shop.write_truth(tmp_path / "audited.csv", range(2))
    found, noise = evidence_of(tmp_path / "p", audited=audited, noise=Noise(0.1, 0.1, 0.1))
    assert (found.audited, len(found), noise) == (True, 2, None)


def test_a_noise_that_was_given_goes_before_one_that_could_be_counted(
    shop: Simulated, tmp_path: Path
) -> None:
    given, known = shop.write_truth(tmp_path / "given.csv"), Noise(0.1, 0.08, 0.12)
    audited = shop.write_truth(tmp_path / "audited.csv", range(2))
    _, noise = evidence_of(tmp_path / "p", truth=given, audited=audited, noise=known)
    assert noise == known
    assert evidence_of(tmp_path / "p", truth=given)[1] is None


def test_no_truth_at_all_is_refused(shop: Simulated, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no truth was given"):
        evidence_of(tmp_path / "p")
