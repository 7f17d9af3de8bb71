"""What makes a network, apart from its weights and categories."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from etalage.models.backbone import Backbone
from etalage.models.collage import CollageModel, require_any_width
from etalage.models.fusion import create_fusion
from etalage.models.network import ProductModel


@dataclass(frozen=True)
class Architecture:
    """What makes a network, apart from its weights and categories.

    Attributes:
        backbone: timm's name.
        backbone_args: its further arguments.
        fusion: how the images of a product become one vector.
        image_size: side of the images the network sees, in pixels.
        load_size: side they are loaded at, at least ``image_size``.
        max_images: images of a product that are used, None for all.
        mean: of each channel, of pixels scaled to 0 to 1.
        std: likewise.
        precision: of the backbone: ``auto``, ``bf16`` or ``none``.
        mirror: whether answers are the mean over each image and its mirror image.
    """

    backbone: str
    backbone_args: Mapping[str, Any]
    fusion: str
    image_size: int
    load_size: int
    max_images: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str
    mirror: bool

    def assemble(self, backbone: Backbone, classes: int) -> ProductModel:
        """Put fusion and head on a backbone made by ``create_backbone``.

        Raises:
            ModelError: an unknown fusion, or one that the backbone cannot do.
        """
        fusion = create_fusion(self.fusion, backbone.features)
        made = ProductModel
        if self.fusion == "collage":
            require_any_width(backbone.network, self.backbone, self.image_size)
            made = CollageModel
        width = backbone.features
        network = made(backbone.network, fusion, classes, self.mean, self.std, features=width)
        network.mirror = self.mirror
        return network


def read_architecture(record: Mapping[str, Any]) -> Architecture:
    """Return the architecture in a record such as ``model.json`` (KeyError: it is incomplete)."""
    values = {field.name: record[field.name] for field in fields(Architecture)}
    return Architecture(**values | {"mean": tuple(record["mean"]), "std": tuple(record["std"])})
