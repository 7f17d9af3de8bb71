"""Models of several parts: what each learns from, resuming, and one answer from all of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, ConfigError, ModelError
from etalage.inference.classify import classify
from etalage.inference.predict import predict
from etalage.models.checkpoint import Specialists, open_model
from etalage.models.onnx_export import onnx
from etalage.scoring.score import score
from etalage.training import Progress, Recipe, TrainReport
from etalage.training.part import Part
from etalage.training.portion import portion
from etalage.training.settings import find_recipe

Begin = Callable[..., TrainReport]
PARTS = (
    Part(name="general", weight=0.1),
    Part(name="later", images="later", start="general", settings={"fusion": "logits"}),
    Part(name="many", count="3+", settings={"fusion": "collage"}),
    Part(name="dozen", count="12"),
)


@pytest.fixture(scope="module")
def recipe(tiny: Recipe) -> Recipe:
    """Return a recipe of four parts, the last without a product."""
    return replace(tiny, parts=PARTS)


@pytest.fixture(scope="module")
def trained(begin: Begin, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """Return the report of a training of its parts."""
    return begin(tmp_path_factory.mktemp("trained") / "model", recipe)


class KilledError(Exception):
    """Stands for a process that ends without a word."""


def kill_in_part(number: int) -> Callable[[Progress], None]:
    """Return a progress function that ends the training in the middle of a part."""
    begun = 0

    def report(progress: Progress) -> None:
        nonlocal begun
        begun += progress.step == 1
        if begun == number and progress.step == 3:
            raise KilledError

    return report


def lines(place: Path) -> list[dict[str, Any]]:
    """Return the lines of a metrics file."""
    return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]


def test_a_portion_shows_the_images_asked_for_and_hides_the_other_products(shop: Path) -> None:
    index = open_index(shop / "index")
    later = portion(index, "later", "2+", None)
    kept = later.labels >= 0
    assert (later.image_count[kept] == index.image_count[kept] - 1).all()
    assert (later.image_start[kept] == index.image_start[kept] + 1).all()
    assert kept.sum() == 45 - 3 - 2 and not kept[[4, 5, 6, 19]].any()
    first = portion(index, "first", "2", None)
    assert set(np.flatnonzero(first.labels >= 0) % 4) == {1}
    assert set(first.image_count[first.labels >= 0]) == {1}


def test_a_portion_of_the_first_images_counts_these_only(shop: Path) -> None:
    index = open_index(shop / "index")
    second = portion(index, "later", "2", 2)
    kept = np.flatnonzero(second.labels >= 0)
    assert set(kept % 4) == {1, 2, 3}
    assert set(second.image_count[kept]) == {1}


def test_to_start_from_parts_is_refused_naming_them(
    begin: Begin, tiny: Recipe, trained: TrainReport, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"holds no model\.safetensors") as refused:
        begin(tmp_path / "model", tiny, weights=str(trained.model))
    assert str(trained.model / "parts") in refused.value.hint


def test_every_part_is_a_model_of_its_own_products(trained: TrainReport) -> None:
    counts = {
        name: json.loads((trained.model / "parts" / name / "run.json").read_text("utf-8"))["plan"]
        for name in ("general", "later", "many")
    }
    learned = {name: plan["train_products"] for name, plan in counts.items()}
    assert learned["general"] == trained.train_products > learned["later"] > learned["many"] > 0
    assert open_model(trained.model / "parts/many").taxonomy.ids.tolist() == [10, 11, 12]


def test_a_part_without_products_is_left_out_and_told(
    begin: Begin, recipe: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin(tmp_path / "model", replace(recipe, parts=(PARTS[0], PARTS[3]), epochs=1))
    assert "part dozen is left out" in caplog.text
    assert [path.name for path in (tmp_path / "model/parts").iterdir()] == ["general"]


def test_parts_that_all_lack_products_are_refused(
    begin: Begin, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(CatalogueError, match="none of the 1 parts of recipe 'tiny'"):
        begin(tmp_path / "model", replace(recipe, parts=PARTS[3:]))


def test_parts_predict_classify_and_score_like_one_model(
    trained: TrainReport, shop: Path, tmp_path: Path
) -> None:
    predict(trained.model, shop / "index", tmp_path / "p", split=shop / "split", part="test")
    found = score(tmp_path / "p", shop / "index")
    assert found.products > 0
    image = tmp_path / "a.jpg"
    image.write_bytes(open_index(shop / "index").image_bytes(0))
    (answer,) = classify(trained.model, [image, image], together=True)
    assert sum(guess.probability for guess in answer.guesses) == pytest.approx(1, abs=1e-5)


def test_parts_and_collages_have_no_form_in_onnx(trained: TrainReport, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="several networks that answer like one") as refused:
        onnx(trained.model, tmp_path / "a.onnx")
    assert str(trained.model / "parts") in refused.value.hint
    with pytest.raises(ModelError, match="a network on collages has no form in ONNX"):
        onnx(trained.model / "parts/many", tmp_path / "a.onnx")


def test_the_record_tells_of_every_part(trained: TrainReport) -> None:
    record = json.loads((trained.model / "run.json").read_text(encoding="utf-8"))
    assert list(record["parts"]) == ["general", "later", "many"]
    assert record["report"] == trained.to_json()
    assert trained.steps == sum(part["steps"] for part in record["parts"].values())
    assert trained.validation is not None


def test_a_training_killed_in_its_third_part_goes_on_there(
    begin: Begin, recipe: Recipe, trained: TrainReport, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    with pytest.raises(KilledError):
        begin(model, recipe, progress=kill_in_part(3))
    with pytest.raises(ModelError, match="has not ended"):
        open_model(model)
    before = (model / "parts/later/model.safetensors").stat().st_mtime_ns
    begin(model, recipe, resume=True)
    assert (model / "parts/later/model.safetensors").stat().st_mtime_ns == before
    for name in ("model.json", "parts/many/model.safetensors", "parts/many/model.json"):
        assert (model / name).read_bytes() == (trained.model / name).read_bytes()
    assert not (model / "checkpoints").exists()


def test_parts_of_another_recipe_are_not_gone_on_with(
    begin: Begin, recipe: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        begin(tmp_path / "model", recipe, progress=kill_in_part(1))
    with pytest.raises(ModelError, match=r"differs in recipe\.parts"):
        begin(tmp_path / "model", replace(recipe, parts=PARTS[:2]), resume=True)


def test_a_model_of_parts_that_has_ended_tells_its_report_again(
    begin: Begin, recipe: Recipe, trained: TrainReport
) -> None:
    assert begin(trained.model, recipe, resume=True) == trained


def test_the_fingerprint_covers_every_part(trained: TrainReport) -> None:
    before = open_model(trained.model)
    weights = trained.model / "parts/later/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert isinstance(before, Specialists)
    assert open_model(trained.model).fingerprint != before.fingerprint
    weights.write_bytes(whole)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((Part(name="a"), Part(name="a")), "two parts are called 'a'"),
        ((Part(name="a", start="b"), Part(name="b")), "starts from 'b', which is no part before"),
        ((Part(name="a", settings={"epoch": 3}),), "sets 'epoch', which a recipe does not have"),
        ((Part(name="a", settings={"load_size": 99}),), "has another load_size"),
        ((Part(name="a", settings={"epochs": 0}),), "epochs is 0, expected at least 1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tiny: Recipe, parts: tuple[Part, ...], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        replace(tiny, parts=parts)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "../up"}, "small letters"),
        ({"name": "a", "weight": -1.0}, "expected at least 0"),
        ({"name": "a", "images": "last"}, "there are all, first, later"),
        ({"name": "a", "count": "some"}, "expected any, or a number"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Part(**values)


def test_what_is_set_for_the_whole_holds_in_every_part(recipe: Recipe) -> None:
    changed = find_recipe(recipe, {"fusion": "mean"})
    assert {changed.of(part).fusion for part in changed.parts} == {"mean"}


def test_parts_can_be_given_as_text(tiny: Recipe) -> None:
    text = '[{"name": "one", "count": "1"}, {"name": "more", "count": "2+", "weight": 2}]'
    changed = find_recipe(tiny, {"parts": text})
    assert [part.count for part in changed.parts] == ["1", "2+"]
    assert find_recipe(changed, {"parts": "[]"}).parts == ()
    with pytest.raises(ConfigError, match="expected a JSON list"):
        find_recipe(tiny, {"parts": '[{"called": "one"}]'})
