"""Recipes and the settings that change them."""

import pytest

from etalage.errors import ConfigError
from etalage.training.recipe import describe
from etalage.training.recipes import RECIPES
from etalage.training.settings import find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_carries_its_own_name(name: str) -> None:
    assert find_recipe(name).name == name


def test_settings_change_values_of_every_type() -> None:
    settings = {
        "epochs": "3",
        "learning_rate": "1e-3",
        "flip": "no",
        "mean": "0.5,0.4,0.3",
        "max_images": "2",
        "backbone_args": '{"pad_type": "same"}',
    }
    changed = find_recipe("demo", settings)
    assert (changed.epochs, changed.learning_rate, changed.flip) == (3, 1e-3, False)
    assert (changed.mean, changed.max_images) == ((0.5, 0.4, 0.3), 2)
    assert changed.backbone_args == {"pad_type": "same"}


def test_none_takes_a_value_away() -> None:
    limited = find_recipe("demo", {"max_images": "2"})
    assert find_recipe(limited, {"max_images": "none"}).max_images is None


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"epochs": "many"}, "--set epochs=many: expected a whole number"),
        ({"epochs": "0"}, "epochs is 0, expected at least 1"),
        ({"flip": "perhaps"}, "expected true or false"),
        ({"mean": "0.5"}, "expected three numbers"),
        ({"backbone_args": "[1]"}, "expected a JSON object"),
        ({"load_size": "20"}, "load_size is 20, expected 64 or more"),
        ({"precision": "half"}, "expected auto, bf16 or none"),
        ({"rate_drops": '{"late": 0.1}'}, "expected epochs with shares"),
        ({"image_ranks": "last"}, "there are all, first, later"),
        ({"image_counts": "few"}, "expected any, or a number"),
        ({"learning_rat": "1"}, "a recipe has no 'learning_rat'"),
        ({"name": "mine"}, "a recipe has no 'name'"),
    ],
)
def test_a_setting_that_does_not_fit_says_what_would(setting: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        find_recipe(find_recipe("demo", {"image_size": "64", "load_size": "72"}), setting)


def test_a_misspelt_setting_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as refused:
        find_recipe("demo", {"learning_rat": "1"})
    assert "learning_rate" in refused.value.hint


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="there are demo, frozen"):
        find_recipe("lasagne")


def test_a_recipe_is_described_with_all_its_values() -> None:
    assert describe(RECIPES["demo"])["label_smoothing"] == 0.1
