"""What a training is told: one frozen dataclass, apart from its data, its seed and its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from etalage.errors import ConfigError
from etalage.models.precision import PRECISIONS
from etalage.models.scope import Scope
from etalage.training.part import Part

OPTIMISERS = ("adamw", "nadam", "sgd")
SHUFFLES = ("global", "window")

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
    image_dropout: float = 0.0
    """Share of a product's images that are left out at random while training; one always stays."""
    feature_dropout: float = 0.0
    """Share of the features of an image that are left out at random while training."""
    max_images: int | None = None
    """Use only the first so many images of a product; none for all."""
    image_ranks: str = "all"
    """Which images to learn from: all, first (rank 0) or later (all but rank 0)."""
    image_counts: str = "any"
    """Which products to learn from, by their readable images: any, a number, or 4+ for more too."""
    parts: tuple[Part, ...] = field(default_factory=tuple)
    """Networks to train one after the other, which answer like one; none for a single network."""
    epochs: int
    """How often every training product is seen."""
    least_steps: int = 0
    """Fewest steps of a training: where the products are few there are more epochs for it."""
    batch_products: int
    """Products in a batch; with all their images."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    optimiser: str = "adamw"
    """What turns gradients into steps: adamw, nadam or sgd."""
    learning_rate: float
    """Peak learning rate of the optimiser."""
    head_learning_rate: float = 1.0
    """What the head's learning rate is multiplied with."""
    weight_decay: float = 0.05
    """Of the optimiser, on matrices and convolutions only."""
    head_penalty: float = 0.0
    """Half the squared weights of the head count so much in the loss, of 10,000 training products;
    of more or fewer in inverse proportion, as in a logistic regression of a given C."""
    warmup: float = 0.1
    """Share of all steps in which the learning rate rises from 0; then it falls as a cosine."""
    rate_drops: Mapping[str, Any] = field(default_factory=dict)
    """Epochs after which the learning rate falls to a share of its peak, as in ``{"7": 0.3}``;
    without any it falls as a cosine."""
    label_smoothing: float = 0.1
    """Share of the target that is spread over all categories."""
    level_loss: float = 0.0
    """Weight of the losses of levels 1 and 2, whose probabilities are sums of those of leaves."""
    logit_adjustment: float = 0.0
    """Strength of the prior in the loss: 1 learns for categories that are equally frequent."""
    distinct: bool = True
    """Products with the same images are one example, with the labels and the weight of all."""
    mixup: float = 0.0
    """Parameter of the beta distribution by which whole products are blended; 0 for never."""
    cutmix: float = 0.0
    """Likewise, of a rectangle that is taken from another product's images."""
    distillation: float = 0.5
    """Weight of the teacher's answers in the loss, where there is a teacher."""
    ema: float = 0.0
    """Decay of the moving average of the weights that is kept; 0 for none."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    freeze_backbone: bool = False
    """Learn the head only."""
    freeze_norm: bool = False
    """Whether batch norms keep the statistics they came with."""
    first_image_size: int | None = None
    """Side that training begins with, growing to ``image_size``; none for one side throughout."""
    compile: bool = False
    """Whether the network is compiled: a minute of waiting, then faster steps."""
    shuffle: str = "global"
    """Order of an epoch: global, or window: stretches of the files, shuffled among themselves."""
    mirror: bool = False
    """Whether answers are the mean over each image and its mirror image."""
    patience: int | None = None
    """Epochs without a better validation after which training ends; none for never."""
    keep_checkpoints: int = 1
    """Checkpoints that are kept of those before the last."""
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
        counts = ("image_size", "epochs", "batch_products", "accumulate", "validation_products")
        for name in counts:
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("learning_rate", "head_learning_rate", "clip"):
            self._require(name, getattr(self, name) > 0, "above 0")
        for name in (
            "weight_decay",
            "head_penalty",
            "least_steps",
            "level_loss",
            "logit_adjustment",
            "mixup",
            "cutmix",
            "checkpoint_minutes",
            "keep_checkpoints",
        ):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        for name in (
            "warmup",
            "label_smoothing",
            "image_dropout",
            "feature_dropout",
            "distillation",
            "ema",
            "max_unreadable",
        ):
            self._require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self._require("load_size", self.load_size >= self.image_size, f"{self.image_size} or more")
        for name in ("max_images", "threads", "first_image_size", "patience"):
            self._require(
                name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1"
            )
        grown = self.first_image_size is None or self.first_image_size <= self.image_size
        self._require("first_image_size", grown, f"at most {self.image_size}")
        self._require("std", self.std is None or min(self.std) > 0, "above 0")
        self._require("optimiser", self.optimiser in OPTIMISERS, " or ".join(OPTIMISERS))
        self._require("shuffle", self.shuffle in SHUFFLES, " or ".join(SHUFFLES))
        self._require("precision", self.precision in PRECISIONS, "auto, bf16 or none")

        self._check_drops()
        Scope(self.image_ranks, self.image_counts)
        for part in self.parts:
            self._check_part(part)

    def of(self, part: Part) -> "Recipe":
        """Return the recipe of a part."""
        changes = {"image_ranks": part.images, "image_counts": part.count, **part.settings}
        return replace(self, name=f"{self.name}/{part.name}", parts=(), **changes)

    @property
    def drops(self) -> tuple[tuple[float, float], ...]:
        """Shares of the training after which the learning rate is a share of its peak, in order."""
        return tuple(
            sorted((int(at) / self.epochs, share) for at, share in self.rate_drops.items())
        )

    def _check_drops(self) -> None:
        shares = self.rate_drops.values()
        fits = all(key.isdecimal() for key in self.rate_drops) and all(
            isinstance(share, int | float) and 0 < share <= 1 for share in shares
        )
        self._require("rate_drops", fits, 'epochs with shares from 0 to 1, as in {"7": 0.3}')

    def _check_part(self, part: Part) -> None:
        known = {each.name for each in fields(Recipe)} - {"name", "parts"}
        if unknown := sorted(part.settings.keys() - known):
            raise ConfigError(
                f"recipe {self.name!r}: part {part.name!r} sets {unknown[0]!r}, which "
                "a recipe does not have"
            )
        names = [each.name for each in self.parts]
        if names.count(part.name) > 1:
            raise ConfigError(f"recipe {self.name!r}: two parts are called {part.name!r}")
        if part.start is not None and part.start not in names[: names.index(part.name)]:
            raise ConfigError(
                f"recipe {self.name!r}: part {part.name!r} starts from "
                f"{part.start!r}, which is no part before it"
            )
        if self.of(part).load_size != self.load_size:
            raise ConfigError(
                f"recipe {self.name!r}: part {part.name!r} has another load_size: "
                "all parts are shown the same images"
            )

    def _require(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            value = getattr(self, name)
            raise ConfigError(f"recipe {self.name!r}: {name} is {value!r}, expected {expected}")


def describe(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe as JSON knows them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return values
