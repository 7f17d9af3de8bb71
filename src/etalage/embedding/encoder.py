"""What turns pixels into vectors: the backbone of a MODEL, or one with weights of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.errors import ConfigError
from etalage.files import fingerprint_bytes
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import Architecture, open_network
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import autocast, pick_device, use_bf16
from etalage.models.runtimes import use_runtime


@dataclass(frozen=True, eq=False)
class Encoder:
    """A backbone ready to embed.

    Attributes:
        network: its features are the vectors; on the device, in evaluation mode.
        architecture: what it is made of: sizes, mean and deviation of the channels.
        device: where it lies.
    """

    network: ProductModel
    architecture: Architecture
    device: torch.device

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return len(self.network.feature_mean)

    @property
    def size(self) -> int:
        """Side of the images that ``vectors`` wants, in pixels."""
        return self.architecture.load_size

    @property
    def bf16(self) -> bool:
        """Whether the backbone runs in bfloat16."""
        return use_bf16(self.network.backbone, self.device, self.architecture.precision)

    def use_runtime(self, name: str, *, images: int) -> dict[str, str]:
        """Let a runtime compute the vectors of so many images; return its name and precision.

        Raises:
            ConfigError: no such runtime, or not on this device.
            ModelError: what it needs is not installed.
        """
        passes = images * (2 if self.network.mirror else 1)
        precision = self.architecture.precision
        device = self.device
        return use_runtime(
            self.network, name, device=device, precision=precision, images=passes
        ).record()

    def identity(self) -> dict[str, Any]:
        """Return what vectors must have in common to be those of this encoder, as JSON values."""
        made = self.architecture
        return {
            "backbone": made.backbone,
            "backbone_args": dict(made.backbone_args),
            "weights": backbone_fingerprint(self.network),
            "image_size": made.image_size,
            "load_size": made.load_size,
            "mean": list(made.mean),
            "std": list(made.std),
            "mirror": self.network.mirror,
        }

    def vectors(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the vectors (N, F) of images (N, size, size, 3)."""
        images = centre_crop(torch.from_numpy(pixels), self.architecture.image_size)
        images = images.to(self.device)
        with torch.inference_mode(), autocast(self.device, bf16=self.bf16):
            answer: NDArray[np.float32] = self.network.features(images).cpu().numpy()
        return answer


def backbone_fingerprint(network: ProductModel) -> str:
    """Return the hash of the weights of a network's backbone, whatever device they lie on."""
    state = network.backbone.state_dict()
    kept = {key: state[key] for key in sorted(state) if not key.endswith("num_batches_tracked")}
    values = [tensor.float().cpu().contiguous().numpy().tobytes() for tensor in kept.values()]
    return fingerprint_bytes("\n".join(kept).encode(), *values)


def open_encoder(
    model: Path | None = None,
    *,
    backbone: str | None = None,
    backbone_args: Mapping[str, Any] | None = None,
    weights: str = "pretrained",
    image_size: int = 160,
    load_size: int = 180,
    mirror: bool = True,
    device: str = "auto",
) -> Encoder:
    """Open the backbone of a MODEL, or make one of pretrained weights.

    Args:
        model: a MODEL folder; or else
        backbone: timm's name of one.
        backbone_args: its further arguments.
        weights: of that backbone: ``pretrained``, ``none``, a file, or a MODEL folder.
        image_size: side of the square it sees, in pixels.
        load_size: side that images are loaded at, at least ``image_size``.
        mirror: whether a vector is the mean over the image and its mirror image.
        device: ``auto``, ``cpu``, ``cuda``...

    Raises:
        ConfigError: both a model and a backbone, or neither; sizes that do not fit.
        ModelError: the model, backbone or weights cannot be had.
    """
    if (model is None) == (backbone is None):
        raise ConfigError("a model or a backbone is needed, not both", hint="MODEL or --backbone")
    if model is not None:
        opened = open_network(model, device=device)
        opened.network.mirror = mirror
        return Encoder(opened.network, opened.architecture, opened.device)
    if not 1 <= image_size <= load_size:
        raise ConfigError(f"image_size is {image_size}, expected 1 to load_size ({load_size})")
    place = pick_device(device)
    args = dict(backbone_args or {})
    made = create_backbone(backbone or "", args, size=image_size, weights=weights)
    architecture = Architecture(
        backbone=backbone or "",
        backbone_args=args,
        fusion="mean",
        image_size=image_size,
        load_size=load_size,
        max_images=None,
        mean=made.mean,
        std=made.std,
        precision="auto",
        mirror=mirror,
    )
    network = architecture.assemble(made, 1).to(place).eval()
    return Encoder(network, architecture, place)
