"""Images per second of each runtime, through the same path as ``predict``, on the same JPEGs.

    python benchmarks/runtimes.py [--images 1500] [--threads 2] [--networks mobilenetv2_100@160 ...]
                                  [--runtimes torch compile openvino onnx] [--weights FOLDER]

A catalogue of 180x180 JPEGs is generated; each runtime loads, decodes, crops, computes, fuses, and
keeps the best 20 of 5,270 categories, as ``predict`` does, in a process of its own. Making the
graph is timed apart. ``per CPU s`` is of the processor time of all threads, decoding included, and
hardly feels other work on the machine; ``images/s`` does. Weights are random but for
``mobilenetv2_100`` where --weights names the folder of real ones; speed does not depend on them.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue.index import open_index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.inference.predict import BATCH_PRODUCTS
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import Architecture, Model
from etalage.predictions.table import top_k
from loader_pictures import generate

CLASSES = 5_270
NETWORKS = ("mobilenetv2_100@160", "mobilenetv3_large_100@160", "resnet50@180")
RUNTIMES = ("torch", "compile", "openvino", "onnx")


@dataclass(frozen=True)
class Figures:
    """What was measured: images per second of processor and of real time; seconds until ready."""

    precision: str
    per_cpu_second: float
    per_second: float
    ready: float


def make_model(network: str, weights: str) -> Model:
    """Return a model over 5,270 categories, without a folder."""
    name, _, size = network.partition("@")
    known = weights if name == "mobilenetv2_100" else "none"
    backbone = create_backbone(name, {}, size=int(size), weights=known)
    architecture = Architecture(
        backbone=name,
        backbone_args={},
        fusion="mean",
        image_size=int(size),
        load_size=180,
        max_images=None,
        mean=backbone.mean,
        std=backbone.std,
        precision="auto",
        mirror=False,
    )
    return Model(
        architecture.assemble(backbone, CLASSES),
        architecture,
        Taxonomy(np.arange(CLASSES), (("", "", ""),) * CLASSES),
        temperature=1.0,
        prior=np.full(CLASSES, 1 / CLASSES, np.float32),
        fingerprint="",
        device=torch.device("cpu"),
    )


def measure(network: str, runtime: str, index: Path, threads: int, weights: str) -> Figures:
    """Answer every product of the index with one runtime, in this process."""
    torch.set_num_threads(threads)
    model = make_model(network, weights)
    used = model.use_runtime(runtime)
    start = time.perf_counter()
    one = np.zeros(1, np.int64)
    for _ in range(2):
        model.probabilities(np.zeros((1, 180, 180, 3), np.uint8), one, one, 1)
    ready = time.perf_counter() - start
    opened = open_index(index)
    order = in_order(np.arange(len(opened)), BATCH_PRODUCTS)
    images, real, processor = 0, time.perf_counter(), time.process_time()
    for batch in load(opened, order, size=model.size, threads=threads):
        top_k(model.probabilities(batch.pixels, batch.product, batch.rank, len(batch.rows)), 20)
        images += len(batch.pixels)
    real, processor = time.perf_counter() - real, time.process_time() - processor
    return Figures(used.precision, images / processor, images / real, ready)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_500)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--runtimes", nargs="+", default=RUNTIMES)
    parser.add_argument("--weights", default="none", help="file of weights of mobilenetv2_100")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        network, runtime, index = options.one
        found = measure(network, runtime, Path(index), options.threads, options.weights)
        print(json.dumps(asdict(found)))
        return
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        _, index = generate(Path(folder), options.images)
        for network in options.networks:
            compare(network, index, options)


def compare(network: str, index: Path, options: argparse.Namespace) -> None:
    """Print the figures of every runtime for one network."""
    print(f"\n{network}, {options.images:,} images, {options.threads} threads")
    print(
        f"{'runtime':9} {'in':9} {'per CPU s':>9} {'x':>5} {'images/s':>9} {'x':>5} {'ready s':>8}"
    )
    first: Figures | None = None
    for runtime in options.runtimes:
        command = [sys.executable, __file__, "--one", network, runtime, str(index)]
        command += ["--threads", str(options.threads), "--weights", options.weights]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = Figures(**json.loads(run.stdout))
        first = first or found
        print(
            f"{runtime:9} {found.precision:9} {found.per_cpu_second:9.1f} "
            f"{found.per_cpu_second / first.per_cpu_second:5.2f} {found.per_second:9.1f} "
            f"{found.per_second / first.per_second:5.2f} {found.ready:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
