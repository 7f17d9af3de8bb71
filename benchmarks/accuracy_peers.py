"""Other trainers in the accuracy table, in environments of their own.

They get the images of a split as files, one folder a category, and the weights of the backbone::

    FOLDER/peers/SEED/files/train|validation|test/CATEGORY/PRODUCT.jpg   links
    FOLDER/peers/SEED/classes.txt                                        categories, one a line

``accuracy_timm.py`` and ``accuracy_fastai.py`` run there, train, and write what they answer for the
test files: ``answers.json``, the category of each file's name.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv

import etalage
from accuracy_answers import Place
from accuracy_rows import Answered

EPOCHS = 5


def peer(
    trainer: str, python: Path, place: Place, split: Path, seed: int
) -> Callable[[], Answered]:
    """Return the work of training and answering with another trainer.

    Args:
        trainer: ``timm`` or ``fastai``.
        python: the interpreter of its environment.
        place: the data set; products of one image.
        split: its SPLIT.
        seed: of the training.
    """
    folder = place.folder / "peers" / str(seed)
    if not folder.is_dir():
        _write_files(place, split, folder)

    def work() -> Answered:
        script = Path(__file__).with_name(f"accuracy_{trainer}.py")
        words = (python, script, folder, place.weights, EPOCHS, seed)
        subprocess.run([str(word) for word in words], check=True)
        answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        rows = place.part(split, "test")
        ids = place.opened.product_ids.take(rows).to_pylist()
        given = np.array([int(answers[f"{product}.jpg"]) for product in ids])
        return place.answered(rows, place.opened.taxonomy.rows(given).astype(np.int64))

    return work


def _write_files(place: Place, split: Path, folder: Path) -> None:
    """Export the parts and link each product's first image under its category."""
    for part in ("train", "validation", "test"):
        export = folder / "export" / part
        etalage.export(place.index, export, split=split, part=part)
        table = pacsv.read_csv(export / "products.csv").select(["_id", "category_id", "image"])
        for product, category, image in zip(*table.to_pydict().values(), strict=True):
            link = folder / "files" / part / str(category) / f"{product}.jpg"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(export / image)
    names = sorted(path.name for path in (folder / "files" / "train").iterdir())
    (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
