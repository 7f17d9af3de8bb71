"""Whether a batch fits into memory, found out before the first step.

The backbone runs once on tensors without content: what autograd would keep of each image is added
up without computing anything, drawing a random number or touching a batch statistic. A backbone
that cannot run so is let through unforeseen.
"""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.multiprocessing.reductions import StorageWeakRef

from etalage.errors import ModelError
from etalage.models.network import ProductModel
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe

log = logging.getLogger(__name__)

_PROBED = 2
"""Images that the backbone is tried with."""
_AHEAD = 5
"""Batches of pixels in memory at a time: those of the loader and the one in use."""
_STATES = {"adamw": 2, "nadam": 2, "sgd": 1}
_MARGIN = 1.15
"""What allocators and kernels need beside."""
_CGROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True)
class Need:
    """The memory a training needs beyond what is in use, in bytes.

    Attributes:
        fixed: gradients, states of the optimiser, the average of the weights.
        image: of each image of a batch, on the device.
        product: of each product of a batch.
        mean: images of a product.
        deviation: their standard deviation.
        most: images that the largest product has.
    """

    fixed: int
    image: float
    product: float
    mean: float
    deviation: float
    most: int

    def images(self, products: int) -> float:
        """Return the images in the largest batch to expect: three deviations above the mean."""
        likely = products * self.mean + 3 * math.sqrt(products) * self.deviation
        return min(products * self.most, likely)

    def batch(self, products: int) -> int:
        """Return what a training with batches of so many products needs."""
        varying = self.images(products) * self.image + products * self.product
        return self.fixed + int(_MARGIN * varying)

    def fitting(self, products: int, free: int) -> int:
        """Return how many of ``products`` fit into ``free`` bytes, 0 when not even one does."""
        low, high = 0, products
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.batch(middle) <= free else (low, middle - 1)
        return low


def foresee(network: ProductModel, data: Data, recipe: Recipe, plan: Plan) -> Need | None:
    """Return what a training will need; None where the backbone does not let itself be tried.

    Args:
        network: in training mode, on its device.
        data: the products.
        recipe: how to learn.
        plan: what was derived.
    """
    try:
        kept = backbone_bytes(network.backbone, recipe.image_size, bf16=plan.bf16)
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        log.debug("the memory of %s cannot be foreseen: %s", recipe.backbone, error)
        return None
    learned = sum(p.numel() * 4 for p in network.parameters() if p.requires_grad)
    whole = sum(p.numel() * 4 for p in network.parameters())
    counts = data.index.image_count[data.train]
    if recipe.max_images is not None:
        counts = counts.clip(max=recipe.max_images)
    floats = 3 * 3 * 4 * recipe.image_size**2
    loads = 1 if plan.device.startswith("cuda") else _AHEAD + recipe.accumulate
    return Need(
        fixed=learned * (1 + _STATES[recipe.optimiser]) + (whole if recipe.ema else 0),
        image=kept + floats + loads * 3 * recipe.load_size**2,
        product=4 * 4 * (plan.classes + network.fusion.width),
        mean=float(counts.mean()),
        deviation=float(counts.std()),
        most=int(counts.max(initial=0)),
    )


def backbone_bytes(backbone: nn.Module, side: int, *, bf16: bool) -> float:
    """Return the bytes that learning from one image takes: what is kept for the way back.

    Two outputs of the widest layer are counted too: on the way back their gradients are there.
    """
    dtype = torch.bfloat16 if bf16 else torch.float32
    tensors = {name: _empty(tensor, dtype) for name, tensor in backbone.named_parameters()}
    buffers = {name: _empty(tensor, dtype) for name, tensor in backbone.named_buffers()}
    own = {_identity(each) for each in tensors.values()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[_identity(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    images = torch.empty(_PROBED, 3, side, side, dtype=dtype, device="meta")
    images = images.to(memory_format=torch.channels_last)
    with (
        torch.random.fork_rng(devices=[]),
        _widest(backbone) as widest,
        saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        answer = functional_call(backbone, tensors | buffers, (images,))
    total = sum(size for key, size in kept.items() if key not in own)
    del answer  # until here it kept what was counted alive, so that no two had one address
    return (total + 2 * max(widest, default=0)) / _PROBED


def _identity(tensor: Tensor) -> int:
    """Return a number that tensors share whose bytes are the same."""
    storage = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
    return int(storage.cdata)


def _empty(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    kind = dtype if tensor.is_floating_point() else tensor.dtype
    return torch.empty_like(tensor, dtype=kind, device="meta", requires_grad=tensor.requires_grad)


@contextmanager
def _widest(network: nn.Module) -> Iterator[list[int]]:
    """Yield the list that the sizes of all outputs are noted in, in bytes."""
    sizes: list[int] = []

    def note(_: nn.Module, __: object, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel() * output.element_size())

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()


def free_memory(device: torch.device, beside: int = 1) -> int:
    """Return the bytes that a process may still take.

    Args:
        device: whose memory is meant.
        beside: processes that share the memory of this machine.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    limits = (_within(Path("/sys/fs/cgroup"), *names) for names in _CGROUPS)
    return int(min(psutil.virtual_memory().available, *limits)) // beside


def _within(root: Path, limit: str, used: str, cached: str) -> float:
    """Return what a container leaves of its limit; infinite where there is none."""
    try:
        most, now = (int((root / name).read_text()) for name in (limit, used))
        lines = ((root / used).parent / "memory.stat").read_text().splitlines()
        caches = dict(line.split() for line in lines)
    except (OSError, ValueError):
        return math.inf
    return max(0, most - now + int(caches.get(cached, 0)))


def require_room(need: Need, free: int, recipe: Recipe, plan: Plan) -> None:
    """Check that a batch fits into memory, in each process its share.

    Raises:
        ModelError: it does not; the message says how many products do.
    """
    products = min(recipe.batch_products, plan.examples)
    share = -(-products // plan.processes)
    needed = need.batch(share)
    told = f"a batch of {products:,} products takes about {_told(needed)} of memory"
    if plan.processes > 1:
        told += f" in each of {plan.processes} processes"
    told += f", {_told(free)} are free"
    if needed <= free:
        log.info("%s", told)
        return
    fits = need.fitting(share, free) * plan.processes
    fitting = f"{fits:,} products fit" if fits else "not even one product fits"
    raise ModelError(f"{told}: {fitting}", hint=_mended(recipe, fits))


def _mended(recipe: Recipe, fits: int) -> str:
    """Return the settings with which a step sees as many products as before."""
    if fits < 2:
        return "take smaller images with --set image_size=N --set load_size=M, or another backbone"
    parts = -(-recipe.batch_products // fits)
    size = -(-recipe.batch_products // parts)
    return f"--set batch_products={size} --set accumulate={parts * recipe.accumulate}"


def _told(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
