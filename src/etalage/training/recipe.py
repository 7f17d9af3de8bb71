"""What a training is told: one frozen dataclass, apart from its data, its seed and its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from etalage.errors import ConfigError
from etalage.models.precision import PRECISIONS

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
    epochs: int
    """How often every training product is seen."""
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

    def _require(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            value = getattr(self, name)
            raise ConfigError(f"recipe {self.name!r}: {name} is {value!r}, expected {expected}")


def describe(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe as JSON knows them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(recipe)))
    return values
