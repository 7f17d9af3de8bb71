"""A recipe by its name, with some of its values changed by text such as ``epochs=8``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from types import UnionType
from typing import Any

from etalage.errors import ConfigError
from etalage.training.part import Part
from etalage.training.recipe import Recipe, Triple
from etalage.training.recipes import RECIPES


def find_recipe(recipe: str | Recipe, settings: Mapping[str, str] | None = None) -> Recipe:
    """Return a recipe, by its name or as given, with some of its values changed.

    Args:
        recipe: a name in ``RECIPES``, or a recipe.
        settings: new values as text, by the name of the value.

    Raises:
        ConfigError: no recipe or value of that name, or text that does not fit the value.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ConfigError(f"recipe {recipe!r} is unknown, there are {', '.join(RECIPES)}")
        recipe = RECIPES[recipe]
    changes = {name: _parse(name, text) for name, text in (settings or {}).items()}
    # What is asked for holds in every part too.
    parts = tuple(part.without(changes) for part in recipe.parts)
    return replace(recipe, **{"parts": parts} | changes)


def _parse(name: str, text: str) -> Any:  # noqa: ANN401  any of a recipe's types
    types = {each.name: each.type for each in fields(Recipe) if each.name != "name"}
    if name not in types:
        near = get_close_matches(name, types, n=2) or list(types)
        raise ConfigError(f"a recipe has no {name!r}", hint=f"did you mean {' or '.join(near)}?")
    wanted = types[name]
    if isinstance(wanted, UnionType):
        if text.lower() == "none":
            return None
        wanted = wanted.__args__[0]
    expected, read = _READERS[wanted]
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(f"--set {name}={text}: expected {expected}") from error


def _read_bool(text: str) -> bool:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


def _read_triple(text: str) -> Triple:
    first, second, third = (float(number) for number in text.strip("()[]").split(","))
    return first, second, third


def _read_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _read_parts(text: str) -> tuple[Part, ...]:
    try:
        return tuple(Part(**values) for values in json.loads(text))
    except TypeError as error:
        raise ValueError(text) from error


_READERS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    str: ("a word", str),
    int: ("a whole number", int),
    float: ("a number", float),
    bool: ("true or false", _read_bool),
    Triple: ("three numbers such as 0.5,0.5,0.5", _read_triple),
    tuple[Part, ...]: ('a JSON list such as [{"name": "one", "count": "1"}]', _read_parts),
    Mapping[str, Any]: ('a JSON object such as {"pad_type": "same"}', _read_object),
}
