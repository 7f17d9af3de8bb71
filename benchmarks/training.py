"""Images per second of training: etalage, plain PyTorch and timm's train.py, on the same files.

    python benchmarks/training.py --timm-script train.py --json training.json

does it all on a machine with one GPU, without a network: about a minute to generate 1 M images
(kept in ``--work`` for the next run), then some four minutes a backbone and size; what has not
begun after ``--minutes`` is left out and named: give it to ``--only``. ``train.py`` is that of
timm's repository (it is not in the wheel), of the version installed; without it its rows are out.

Every contestant learns categories of the same JPEGs, in bfloat16 where there is a GPU, weights from
nothing, with AdamW. Files are in the page cache. The clock runs after a warm-up (and compiling) for
``--seconds``, and stops when the GPU has finished.

The contestants, how to read the table and what it should say: docs/benchmarks.md.
"""

import argparse
import itertools
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import timm
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

import etalage
from etalage.batches.loader import Batch, load
from etalage.batches.order import shuffled
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.engines.local import usable_cores
from etalage.training.compiled import compile_backbone
from etalage.training.plan import Data, make_plan, select
from etalage.training.recipe import Recipe
from etalage.training.recipes import RECIPES
from etalage.training.schedule import create_optimiser
from etalage.training.start import build
from etalage.training.step import learn

IMAGES_PER_PRODUCT = 1.75
LIMITS = {("resnet50", 180): (45_800, 22_900), ("resnet50", 160): (62_800, 30_200)}
_LINE = re.compile(r"Train: \d+ \[\s*(\d+)/")


@dataclass(frozen=True)
class Task:
    """What all contestants of a table have in common; ``folder`` has some images as files."""

    index: Index
    split: Path
    folder: Path
    backbone: str
    size: int
    batch: int
    seconds: float
    device: torch.device


@dataclass(frozen=True)
class Speed:
    """What was measured: images per second, peak bytes on the device, processors busy."""

    images: float
    memory: int
    cpus: float


class Clock:
    """Measures a stretch of work: call ``start`` when it is warm, ``stop`` when it is done."""

    def __init__(self, device: torch.device, pid: int | None = None) -> None:
        self._device = device
        self._process = psutil.Process(pid)
        self._started = self._busy = 0.0
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _cpu(self) -> float:
        family = [self._process, *self._process.children(recursive=True)]
        times = [each.cpu_times() for each in family if each.is_running()]
        return sum(each.user + each.system for each in times)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def start(self) -> None:
        """Begin."""
        self._wait()
        self._started, self._busy = time.perf_counter(), self._cpu()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._started

    def stop(self, images: int) -> Speed:
        """Return the speed of so many images."""
        self._wait()
        seconds, busy = self.elapsed, self._cpu() - self._busy
        memory = torch.cuda.max_memory_allocated() if self._device.type == "cuda" else 0
        return Speed(images / seconds, memory, busy / seconds)


def measure(task: Task, step: Callable[[int], int], warm: int) -> Speed:
    """Take ``warm`` steps, then steps for some seconds; a step returns its number of images."""
    clock = Clock(task.device)
    for number in range(warm):
        step(number)
    clock.start()
    images, number = 0, warm
    while clock.elapsed < task.seconds:
        images += step(number)
        number += 1
    return clock.stop(images)


def recipe_of(task: Task) -> Recipe:
    """Return the recipe standard with the backbone, the size and about the images of a task."""
    products = max(1, round(task.batch * len(task.index) / len(task.index.image_product)))
    return replace(
        RECIPES["standard"],
        backbone=task.backbone,
        image_size=task.size,
        load_size=max(180, task.size),
        batch_products=products,
        precision="bf16" if task.device.type == "cuda" else "none",
    )


def ours(task: Task, *, compiled: bool, fixed: bool) -> Speed:
    """Measure the step of ``etalage train``, behind its loader or on one batch."""
    recipe = recipe_of(task)
    data = select(task.index, read_split(task.split), recipe)
    _, network = build(recipe, data, "none", None, task.device)
    plan = make_plan(recipe, data, task.device, bf16=task.device.type == "cuda")
    optimiser = create_optimiser(network, recipe)
    if compiled:
        compile_backbone(network)
    network.train()

    def step(number: int) -> int:
        batch = next(source)
        learn(
            network, optimiser, [batch], data, number, recipe=recipe, plan=plan, side=task.size,
            seed=0,
        )  # fmt: skip
        return len(batch.pixels)

    with closing(batches(task, recipe, data)) as loaded:
        source = itertools.repeat(next(loaded)) if fixed else loaded
        return measure(task, step, warm=8)


def batches(task: Task, recipe: Recipe, data: Data) -> Generator[Batch]:
    """Yield batches of shuffled products, epoch after epoch."""
    for epoch in itertools.count():
        order = shuffled(data.train, recipe.batch_products, seed=0, epoch=epoch)
        yield from load(task.index, order, size=recipe.load_size)


def plain(task: Task, *, fixed: bool) -> Speed:
    """Measure the eager loop of a tutorial."""
    kinds = len(task.index.taxonomy)
    network = timm.create_model(task.backbone, num_classes=kinds).to(task.device)
    network = network.to(memory_format=torch.channels_last).train()
    on_gpu = task.device.type == "cuda"
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=on_gpu)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    source = _one(task, kinds) if fixed else _files(task)

    def step(_: int) -> int:
        images, labels = next(source)
        images = images.to(task.device, memory_format=torch.channels_last, non_blocking=True)
        optimiser.zero_grad()
        with torch.autocast(task.device.type, torch.bfloat16, enabled=on_gpu):
            loss = loss_of(network(images), labels.to(task.device, non_blocking=True))
        loss.backward()
        optimiser.step()
        return len(images)

    return measure(task, step, warm=5)


def _one(task: Task, kinds: int) -> Iterator[tuple[Tensor, Tensor]]:
    images = torch.randn(task.batch, 3, task.size, task.size, device=task.device)
    labels = torch.arange(task.batch, device=task.device) % kinds
    return itertools.repeat((images.contiguous(memory_format=torch.channels_last), labels))


def _files(task: Task) -> Iterator[tuple[Tensor, Tensor]]:
    changes = [
        transforms.RandomResizedCrop(task.size),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        datasets.ImageFolder(task.folder, transforms.Compose(changes)),
        batch_size=task.batch,
        shuffle=True,
        drop_last=True,
        num_workers=usable_cores(),
        pin_memory=task.device.type == "cuda",
        persistent_workers=True,
    )
    while True:
        yield from loader


def timm_script(task: Task, script: Path, *flags: str) -> Speed:
    """Measure timm's ``train.py`` by the time between its own lines."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, script.resolve(), "--data-dir", task.folder, "--train-split", "",
            "--val-split", "", "--model", task.backbone, "--img-size", task.size,
            "--num-classes", len(task.index.taxonomy), "--batch-size", task.batch,
            "--opt", "adamw", "--lr", "1e-3", "--smoothing", "0.1",
            "--color-jitter", "0", "--workers", usable_cores(), "--pin-mem", "--epochs", "1000",
            "--log-interval", "2", "--device", task.device.type, "--output", folder, *flags,
        ]  # fmt: skip
        free = torch.cuda.mem_get_info()[0] if task.device.type == "cuda" else 0
        process = subprocess.Popen(
            list(map(str, command)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            cwd=folder, start_new_session=True,
        )  # fmt: skip
        try:
            return _follow(task, process, free)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # it and its workers
            process.wait()


def _follow(task: Task, process: "subprocess.Popen[str]", free: int) -> Speed:
    """Read the lines of ``train.py`` until it has learned for long enough."""
    clock, begun, said = Clock(task.device, process.pid), 0, []
    total, last, memory = 0, -1, 0
    for line in process.stderr or ():
        said.append(line)
        if not (found := _LINE.search(line)):
            continue
        update = int(found[1])  # begins anew with every epoch
        total += update - last if update > last else update + 1
        last = update
        if not begun and total >= 8:
            begun = total
            clock.start()
        if task.device.type == "cuda":
            memory = max(memory, free - torch.cuda.mem_get_info()[0])
        if begun and clock.elapsed >= task.seconds and total > begun:
            return replace(clock.stop((total - begun) * task.batch), memory=memory)
    raise RuntimeError("train.py ended: " + "".join(said[-5:]))


def contestants(script: Path | None) -> dict[str, Callable[[Task], Speed]]:
    """Return the contestants by name, those that matter most first."""
    amp = ("--amp", "--amp-dtype", "bfloat16")
    found: dict[str, Callable[[Task], Speed]] = {
        "etalage, fixed": lambda task: ours(task, compiled=False, fixed=True),
        "etalage": lambda task: ours(task, compiled=False, fixed=False),
        "etalage, compiled, fixed": lambda task: ours(task, compiled=True, fixed=True),
        "etalage, compiled": lambda task: ours(task, compiled=True, fixed=False),
        "plain, fixed": lambda task: plain(task, fixed=True),
        "plain, ImageFolder": lambda task: plain(task, fixed=False),
    }
    if script:
        best = ("--channels-last", *amp, "--torchcompile")
        found["timm, eager"] = lambda task: timm_script(task, script, *amp)
        found["timm, best"] = lambda task: timm_script(task, script, *best)
    return found


def prepare(work: Path, images: int, files: int) -> tuple[Path, Path, Path]:
    """Generate a catalogue unless it is there; return its index, split and folder of files."""
    products = max(40, round(images / IMAGES_PER_PRODUCT))
    index, split, folder = work / "index", work / "split.parquet", work / "files"
    if not (work / "catalogue").exists():
        etalage.synth(work / "catalogue", products=products, test=0.0)
    if not index.exists():
        names = work / "catalogue/category_names.csv"
        etalage.index([work / "catalogue/train.bson"], index, taxonomy=names)
    if not split.exists():
        etalage.split(index, split, validation=0.01, test=0.0)
    if not folder.exists():
        part = work / "part"
        wanted = min(len(open_index(index)), max(40, round(files / IMAGES_PER_PRODUCT)))
        etalage.sample(index, part, products=wanted, overwrite=True)
        etalage.export(part, folder, form="folder")
    return index, split, folder


def machine(device: torch.device) -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else "none",
        "processors": f"{usable_cores()} of {os.cpu_count()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
    }


def table(task: Task, speeds: dict[str, Speed]) -> str:
    """Return the figures of a backbone and size as text."""
    lines = [
        f"{task.backbone} at {task.size} px, steps of about {task.batch} images",
        f"{'':26}{'images/s':>10}{'of fixed':>10}{'peak GB':>9}{'CPUs':>7}",
    ]
    for name, speed in speeds.items():
        fixed = speeds.get(f"{name}, fixed")
        of = f"{speed.images / fixed.images:.3f}" if fixed else ""
        memory, cpus = speed.memory / 1e9, speed.cpus
        lines.append(f"{name:26}{speed.images:>10,.0f}{of:>10}{memory:>9.1f}{cpus:>7.1f}")
    own = ("etalage", "etalage, compiled")
    best = max((speeds[name].images for name in own if name in speeds), default=0.0)
    for other in ("plain, fixed", "timm, eager", "timm, best"):
        if best and other in speeds:
            lines.append(f"the best of ours is {best / speeds[other].images:.2f} times {other}")
    if best and (task.backbone, task.size) in LIMITS:
        arithmetic, bandwidth = LIMITS[task.backbone, task.size]
        lines.append(
            f"of the limits of an H200: {best / arithmetic:.1%} of {arithmetic:,} by arithmetic, "
            f"{best / bandwidth:.1%} of {bandwidth:,} by memory bandwidth"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print a table for each backbone and size."""
    options = parse()
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    ends = time.monotonic() + 60 * options.minutes
    index, split, folder = prepare(options.work.resolve(), options.images, options.files)
    opened = open_index(index)
    document: dict[str, Any] = {"machine": machine(device), "images": len(opened.image_product)}
    print(json.dumps(document))
    tasks = [(name, size) for name in options.backbones for size in options.sizes]
    standard = (RECIPES["standard"].backbone, RECIPES["standard"].image_size)
    tasks += [standard] if options.standard and standard not in tasks else []
    for backbone, size in tasks:
        task = Task(opened, split, folder, backbone, size, options.batch, options.seconds, device)
        speeds = compete(task, options, ends)
        document[f"{backbone}@{size}"] = {name: asdict(speed) for name, speed in speeds.items()}
        print(table(task, speeds), flush=True)
        if options.json:
            options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")


def compete(task: Task, options: argparse.Namespace, ends: float) -> dict[str, Speed]:
    """Measure one contestant after the other."""
    speeds: dict[str, Speed] = {}
    for name, run in contestants(options.timm_script).items():
        if options.only and name not in options.only:
            continue
        if time.monotonic() > ends:
            print(f"left out for want of time: {name}", file=sys.stderr)
            continue
        try:
            speeds[name] = run(task)
        except RuntimeError as error:  # out of the device's memory, or train.py has failed
            print(f"{name} failed: {error}", file=sys.stderr)
            continue
        print(f"{task.backbone} {task.size} {name}: {speeds[name].images:,.0f}", file=sys.stderr)
    return speeds


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("benchmark-training"))
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=60_000, help="of them as files, for others")
    parser.add_argument("--backbones", nargs="+", default=["resnet50"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[180, 160])
    parser.add_argument("--no-standard", dest="standard", action="store_false")
    parser.add_argument("--batch", type=int, default=512, help="images in a step")
    parser.add_argument("--seconds", type=float, default=6.0, help="to measure each for")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which none is begun")
    parser.add_argument("--device")
    parser.add_argument("--timm-script", type=Path, help="train.py of timm's repository")
    parser.add_argument("--only", nargs="+", help="contestants by name")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
