"""timm's own training script on the files of a split: see ``accuracy_peers``.

    TIMM_TRAIN=train.py python accuracy_timm.py FOLDER WEIGHTS EPOCHS SEED

Runs in an environment with timm; ``TIMM_TRAIN`` is the ``train.py`` of timm's repository, of the
version installed, which the package does not hold. Its arguments are those one would give for fine
tuning: AdamW, cosine, one epoch of warm-up, label smoothing; the rest are its defaults. The
checkpoint that validates best answers.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

SIDE = 180
MODEL = "mobilenetv2_100"


def main() -> None:
    """Train and answer."""
    folder, weights, epochs, seed = Path(sys.argv[1]), *sys.argv[2:]
    names = (folder / "classes.txt").read_text().split()
    _train(folder, weights, epochs, seed, len(names))
    network = timm.create_model(MODEL, num_classes=len(names))
    best = folder / "timm" / "run" / "model_best.pth.tar"
    network.load_state_dict(torch.load(best, map_location="cpu", weights_only=False)["state_dict"])
    look = resolve_model_data_config(network) | {"input_size": (3, SIDE, SIDE), "crop_pct": 1.0}
    change = create_transform(**look, is_training=False)
    answers: dict[str, str] = {}
    paths = sorted((folder / "files" / "test").glob("*/*.jpg"))
    with torch.inference_mode():
        network.eval()
        for start in range(0, len(paths), 64):
            chosen = paths[start : start + 64]
            batch = torch.stack([change(Image.open(path).convert("RGB")) for path in chosen])
            found = network(batch).argmax(1).tolist()
            answers |= {path.name: names[leaf] for path, leaf in zip(chosen, found, strict=True)}
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def _train(folder: Path, weights: str, epochs: str, seed: str, classes: int) -> None:
    settings = {
        "data-dir": folder / "files",
        "train-split": "train",
        "val-split": "validation",
        "class-map": folder / "classes.txt",
        "model": MODEL,
        "pretrained-path": weights,
        "num-classes": classes,
        "img-size": SIDE,
        "crop-pct": 1.0,
        "batch-size": 64,
        "epochs": epochs,
        "opt": "adamw",
        "lr": 3e-4,
        "warmup-epochs": 1,
        "smoothing": 0.1,
        "workers": 2,
        "seed": seed,
        "device": "cpu",
        "output": folder / "timm",
        "experiment": "run",
    }
    words = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    script = os.environ["TIMM_TRAIN"]
    subprocess.run([sys.executable, script, *words, "--pretrained"], check=True)


if __name__ == "__main__":
    main()
