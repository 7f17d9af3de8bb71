"""Recipes: named, complete training configurations, and the settings that change them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from types import UnionType
from typing import Any

from etalage.errors import ConfigError
from etalage.models.precision import PRECISIONS

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a training is told, apart from its data, its seed and its first weights.

    Raises:
        ConfigError: a value out of its range.
    """

    name: str
    """What it is called, and stored as."""
    backbone: str
    """timm's name of the network that turns an image into features."""
    backbone_args: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the backbone, such as ``{"pad_type": "same"}``."""
    image_size: int
    """Side of the square the network sees, in pixels."""
    load_size: int
    """Side an image is loaded at; the square is cut from it, at random or from the middle."""
    flip: bool = True
    """Whether every second image is mirrored left to right while training."""
    fusion: str = "mean"
    """How the features of a product's images become one vector."""
    max_images: int | None = None
    """Use only the first so many images of a product; none for all."""
    epochs: int
    """How often every training product is seen."""
    batch_products: int
    """Products in a batch; with all their images."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    head_learning_rate: float = 1.0
    """What the head's learning rate is multiplied with."""
    weight_decay: float = 0.05
    """Of AdamW, on matrices and convolutions only."""
    warmup: float = 0.1
    """Share of all steps in which the learning rate rises from 0; then it falls as a cosine."""
    label_smoothing: float = 0.1
    """Share of the target that is spread over all categories."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    freeze_backbone: bool = False
    """Learn the head only."""
    mean: Triple | None = None
    """Mean of each channel, of pixels scaled to 0 to 1; none for what the weights expect."""
    std: Triple | None = None
    """Standard deviation of each channel; none for what the weights expect."""
    precision: str = "auto"
    """Of the backbone: bf16, none (float32), or auto: bf16 where the device gains by it."""
    threads: int | None = None
    """Threads of the network on a processor; none for one on each core. One alone is slower on an
    idle machine and many times faster on a busy one, where each waits for the others in every
    layer; the decoding has its own."""
    validation_products: int = 20_000
    """Most validation products looked at, evenly spaced."""
    max_unreadable: float = 0.2
    """Stop when more than this share of the images cannot be read."""
    checkpoint_minutes: float = 10.0
    """Save at least so often; and after each epoch."""

    def __post_init__(self) -> None:
        for name in ("image_size", "epochs", "batch_products", "validation_products"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("learning_rate", "head_learning_rate", "clip"):
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in ("weight_decay", "checkpoint_minutes"):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        for name in ("warmup", "label_smoothing", "max_unreadable"):
            self._require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self._require("load_size", self.load_size >= self.image_size, f"{self.image_size} or more")
        for name in ("max_images", "threads"):
            self._require(
                name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1"
            )
        self._require("std", self.std is None or min(self.std) > 0, "above 0")
        self._require("precision", self.precision in PRECISIONS, "auto, bf16 or none")

    def _require(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            value = getattr(self, name)
            raise ConfigError(f"recipe {self.name!r}: {name} is {value!r}, expected {expected}")


RECIPES = {
    "demo": Recipe(
        name="demo",
        backbone="resnet10t",
        backbone_args={"channels": [32, 64, 128, 256], "stem_width": 16},
        image_size=64,
        load_size=72,
        epochs=7,
        batch_products=32,
        learning_rate=6e-3,
        threads=1,
    ),
    "frozen": Recipe(
        name="frozen",
        backbone="mobilenetv2_100",
        image_size=160,
        load_size=180,
        epochs=4,
        batch_products=64,
        learning_rate=3e-3,
        weight_decay=0.01,
        freeze_backbone=True,
    ),
    "quick": Recipe(
        name="quick",
        backbone="mobilenetv2_100",
        image_size=128,
        load_size=144,
        epochs=4,
        batch_products=64,
        learning_rate=1e-3,
        head_learning_rate=3.0,
    ),
    "standard": Recipe(
        name="standard",
        backbone="resnet50",
        image_size=160,
        load_size=180,
        epochs=12,
        batch_products=256,
        learning_rate=3e-4,
        head_learning_rate=3.0,
    ),
}


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
    return replace(recipe, **changes)


def describe(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe as JSON knows them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return values


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


_READERS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    str: ("a word", str),
    int: ("a whole number", int),
    float: ("a number", float),
    bool: ("true or false", _read_bool),
    Triple: ("three numbers such as 0.5,0.5,0.5", _read_triple),
    Mapping[str, Any]: ('a JSON object such as {"pad_type": "same"}', _read_object),
}
