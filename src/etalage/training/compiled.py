"""Compiles a network with ``torch.compile``: a minute of waiting, then faster steps."""

import logging

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from etalage.errors import ModelError
from etalage.models.network import ProductModel

log = logging.getLogger(__name__)

_VARIANTS = 64
"""Forms a backbone may be compiled in: each size of images, and one image alone."""


def compile_backbone(network: ProductModel) -> None:
    """Let the backbone of ``network`` learn compiled, in place; checks are not worth the wait.

    The number of images differs from batch to batch and is left open; their size is not, since
    convolutions are picked for it. Names of tensors stay as they are.

    Raises:
        ModelError: when it runs first, if this machine cannot compile it.
    """
    torch._dynamo.config.recompile_limit = _VARIANTS
    backbone = network.backbone
    plain = backbone.forward
    compiled = torch.compile(plain)

    def run(images: Tensor) -> Tensor:
        answer: Tensor
        if torch.is_inference_mode_enabled():
            answer = plain(images)
            return answer
        torch._dynamo.maybe_mark_dynamic(images, 0)
        torch._dynamo.mark_static(images, [2, 3])
        try:
            answer = compiled(images)
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"the network cannot be compiled here: {reason}",
                hint="train without: --set compile=false",
            ) from error
        return answer

    backbone.__dict__["forward"] = run
    log.info("the network is compiled as its first batches come, which takes a minute or more")
