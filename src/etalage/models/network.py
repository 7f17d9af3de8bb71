"""The network over products: backbone, fusion of a product's images, linear head."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from etalage.models.fusion import Fusion, Places


class ProductModel(nn.Module):
    """From the pixels of the images of some products to a logit for each category.

    Pixels are normalised where the network lies, so that uint8 travels to the device. Features may
    be standardised before they are fused (``standardise``): a head on the features of a frozen
    backbone then converges many times faster. While training, the share ``dropout`` of them is left
    out at random.

    Args:
        backbone: from normalised images (N, 3, S, S) to features (N, F).
        fusion: from the features of the images to those of the products.
        classes: number of categories C.
        mean: of each channel, of pixels scaled to 0 to 1.
        std: likewise.
        features: width F of an image's features; None for that of the fusion.
    """

    shift: Tensor
    scale: Tensor
    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        fusion: Fusion,
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        features: int | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.fusion = fusion
        self.head = nn.Linear(fusion.width, classes)
        self.frozen = False
        self.mirror = False
        self.dropout = 0.0
        self.engine: Callable[[Tensor], Tensor] | None = None  # set by models/runtimes
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        channels = (1, 3, 1, 1)
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float32)).view(channels)
        shift = -torch.tensor(mean, dtype=torch.float32).view(channels) * 255 * scale
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", shift, persistent=False)
        width = fusion.width if features is None else features
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_scale", torch.ones(width))

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Subtract ``mean`` (F,) from features and divide by ``deviation`` (F,) from now on."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(1 / deviation)

    def freeze_backbone(self) -> None:
        """Learn the head only: the backbone keeps its weights and its batch statistics."""
        self.frozen = True
        self.backbone.requires_grad_(requires_grad=False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "ProductModel":
        """Set training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def features(self, pixels: Tensor) -> Tensor:
        """Return the features of images, uint8 (N, S, S, 3), as float32 (N, F).

        Where ``mirror`` is set they are, outside training, the mean over each image and its mirror
        image.
        """
        if self.mirror and not self.training:
            return (self.computed(pixels) + self.computed(pixels.flip(2))) / 2
        return self.computed(pixels)

    def computed(self, pixels: Tensor) -> Tensor:
        """Return the features of images as they are, by the runtime in use."""
        return self.backbone_features(pixels) if self.engine is None else self.engine(pixels)

    def backbone_features(self, pixels: Tensor) -> Tensor:
        """Return the features of images as they are, by PyTorch whatever the runtime."""
        # NHWC bytes seen as NCHW are channels-last already: nothing is copied but the conversion.
        images = pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift
        answer: Tensor = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return answer.float()

    def classify(self, features: Tensor, places: Places) -> Tensor:
        """Return the logits of products from the features of their images.

        Args:
            features: as ``features`` gives them, float32 (N, F).
            places: where they belong; a product without images gets the head's bias.

        Returns:
            float32 (P, C). Whatever the precision of the backbone, fusion and head are float32.
        """
        with torch.autocast(features.device.type, enabled=False):
            standard = (features - self.feature_mean) * self.feature_scale
            kept = dropout(standard, self.dropout, self.training)
            logits: Tensor = self.head(self.fusion(kept, places))
        return logits

    def forward(self, pixels: Tensor, places: Places) -> Tensor:
        """Return the logits of products, float32 (P, C), from pixels, uint8 RGB (N, S, S, 3)."""
        if len(pixels):
            return self.classify(self.features(pixels), places)
        return self.classify(self.feature_mean.new_zeros(0, len(self.feature_mean)), places)


def centre_crop(pixels: Tensor, size: int) -> Tensor:
    """Return the middle ``size`` x ``size`` of images (N, S, S, 3), a view."""
    margin = (pixels.shape[1] - size) // 2
    return pixels[:, margin : margin + size, margin : margin + size]
