"""fastai's ``fine_tune`` on the files of a split: see ``accuracy_peers``.

    python accuracy_fastai.py FOLDER WEIGHTS EPOCHS SEED

Runs in an environment of its own (``pip install fastai timm safetensors``). The backbone is timm's
``mobilenetv2_100`` with the weights given; nothing is downloaded. Everything else is as fastai does
it: its augmentation, its learning rates, a frozen epoch, then all layers.
"""

import json
import sys
from pathlib import Path

from fastai.vision.all import (
    DataLoaders,
    ImageDataLoaders,
    Resize,
    TimmBody,
    accuracy,
    aug_transforms,
    get_image_files,
    set_seed,
    vision_learner,
)
from safetensors.torch import load_file

SIDE = 180


def main() -> None:
    """Train and answer."""
    folder, weights, epochs, seed = sys.argv[1:]
    files, names = Path(folder) / "files", Path(folder, "classes.txt").read_text().split()
    set_seed(int(seed), reproducible=True)
    loaders = _loaders(files, names)
    learner = vision_learner(
        loaders, "mobilenetv2_100", pretrained=False, metrics=accuracy, n_out=len(names)
    )
    body = learner.model[0]
    given = {k: v for k, v in load_file(weights).items() if not k.startswith("classifier.")}
    (body.model if isinstance(body, TimmBody) else body).load_state_dict(given, strict=True)
    learner.fine_tune(int(epochs))
    asked = get_image_files(files / "test")
    chances, _ = learner.get_preds(dl=loaders.test_dl(asked))
    answers = {
        path.name: names[best] for path, best in zip(asked, chances.argmax(1).tolist(), strict=True)
    }
    Path(folder, "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def _loaders(files: Path, names: list[str]) -> DataLoaders:
    known = set(names)
    paths = [
        path
        for part in ("train", "validation")
        for path in get_image_files(files / part)
        if path.parent.name in known
    ]
    return ImageDataLoaders.from_path_func(
        files,
        paths,
        lambda path: path.parent.name,
        item_tfms=Resize(SIDE),
        batch_tfms=aug_transforms(),
        bs=64,
        num_workers=2,
        valid_pct=0.1,
    )


if __name__ == "__main__":
    main()
