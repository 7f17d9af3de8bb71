"""docs/training.md says what the code does."""

from dataclasses import fields
from pathlib import Path

import pytest

from etalage.training import RECIPES, Recipe
from etalage.training.architectures import ARCHITECTURES

PAGE = Path(__file__).parents[2] / "docs/training.md"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_row(name: str) -> None:
    recipe = RECIPES[name]
    row = f"\n| `{name}` | `{recipe.backbone}` | "
    if name not in ARCHITECTURES:
        row += f"{recipe.image_size} of {recipe.load_size} |"
    assert row in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe) if field.name != "name"])
def test_every_value_of_a_recipe_has_its_row(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE.read_text(encoding="utf-8")
