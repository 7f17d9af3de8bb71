"""Batch norms while a network learns: whether they follow the batches or keep what they have."""

from torch import nn

from etalage.models.network import ProductModel


def set_training(network: ProductModel, *, freeze_norm: bool) -> None:
    """Set training mode; frozen batch norms stay in evaluation mode, their scales are learned."""
    network.train()
    if freeze_norm:
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def norms_follow(network: nn.Module) -> bool:
    """Whether a batch norm takes its statistics from the batch: one image is too few for it."""
    return any(
        isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training
        for module in network.modules()
    )
