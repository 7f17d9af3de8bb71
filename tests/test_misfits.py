"""Rows of docs/bad-input.md about artefacts that do not fit, from the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from documented import matches, rows

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
HEADER = "category_id,category_level1,category_level2,category_level3\n"
FIT, ANSWERS = rows("Artefacts"), rows("Predictions")


class Case:
    """Makes the input of a row and runs its command."""

    def __init__(self, shop: Any, folder: Path, etalage: Any) -> None:
        self.shop = shop
        self.folder = folder
        self.etalage = etalage

    def train(
        self,
        *options: object,
        index: Path | None = None,
        split: Path | None = None,
        recipe: str = "demo",
        device: str = "cpu",
    ) -> Any:
        index, split = index or self.shop.index, split or self.shop.split
        fixed = ["--split", split, "-o", self.folder / "m", "--device", device, "--recipe", recipe]
        return self.etalage("train", index, *fixed, *options)

    def predict(self, model: Path | None = None, index: Path | None = None) -> Any:
        model, index = model or self.shop.model, index or self.shop.index
        return self.etalage("predict", model, index, "-o", self.folder / "p")

    def other_index(self, *names: str, files: int = 1) -> Path:
        """Index the shop's catalogue with another taxonomy."""
        (self.folder / "names.csv").write_text(HEADER + "\n".join(names) + "\n")
        source = self.folder / "shop.bson"
        shutil.copy(self.shop.folder / "shop.bson", source)
        index = self.folder / "index"
        assert self.etalage("index", source, "-o", index, "--taxonomy", source.parent / "names.csv"
                            ).code == 0  # fmt: skip
        return index

    def older_index(self) -> Any:
        index = self.other_index("10,A,B,C")
        with (self.folder / "shop.bson").open("ab") as file:
            file.write(b"more")
        return self.etalage("split", index, "-o", self.folder / "s.parquet")

    def index_without_catalogue(self) -> Any:
        index = self.other_index("10,A,B,C")
        (self.folder / "shop.bson").unlink()
        return self.etalage("split", index, "-o", self.folder / "s.parquet")

    def index_without_labels(self) -> Any:
        return self.etalage("split", self.other_index("11,A,B,C"), "-o", self.folder / "s.parquet")

    def split_of_another(self) -> Any:
        return self.train("--weights", "none", index=self.other_index("10,A,B,C"))

    def other_weights(self) -> Any:
        return self.train("--weights", self.shop.model, "--set", "backbone=test_vit",
                          "--set", "backbone_args={}", "--set", "image_size=160", "--set",
                          "load_size=160")  # fmt: skip

    def other_checkpoint(self) -> Any:
        index = self.other_index("10,A,B,C", "20,A,B,D", "30,A,B,E")
        split = self.folder / "s.parquet"
        assert self.etalage("split", index, "-o", split).code == 0
        tiny = ["--weights", "none", "--set", "image_size=32", "--set", "load_size=32"]
        self.train(*tiny, "--set", "epochs=1")
        return self.train(*tiny, "--set", "epochs=1", "--resume", index=index, split=split)

    def train_other(self, *names: str, only: int | None = None, options: Any = ()) -> Any:
        """Train on the shop with other categories, one product of the category ``only``."""
        index, split = self.other_index(*names), self.folder / "s.parquet"
        if only is not None:
            source = self.folder / "shop.bson"
            documents = bson.decode_all(source.read_bytes())
            documents[20]["category_id"] = only
            source.write_bytes(b"".join(map(bson.encode, documents)))
            taxonomy = ["--taxonomy", self.folder / "names.csv", "--yes"]
            assert self.etalage("index", source, "-o", index, *taxonomy).code == 0
        parts = ["--validation", 0.1, "--test", 0]
        assert self.etalage("split", index, "-o", split, *parts).code == 0
        tiny = ["--weights", "none", "--set", "image_size=32", "--set", "load_size=32"]
        return self.train(*tiny, "--set", "epochs=1", *options, index=index, split=split)

    def other_teacher(self) -> Any:
        teacher = ["--teacher", self.answered()]
        return self.train_other("10,A,B,C", "20,A,B,D", options=teacher)

    def other_model(self) -> Any:
        return self.predict(index=self.other_index("10,A,B,C"))

    def unfinished_model(self) -> Any:
        model = self.folder / "m"
        shutil.copytree(self.shop.model, model)
        (model / "model.json").unlink()
        (model / "checkpoints").mkdir(exist_ok=True)
        return self.predict(model=model)

    def many_unreadable(self) -> Any:
        documents = bson.decode_all((self.shop.folder / "shop.bson").read_bytes())
        for document in documents[::2]:
            for image in document["imgs"]:
                image["picture"] = image["picture"][:-40]
        source = self.folder / "bad.bson"
        source.write_bytes(b"".join(map(bson.encode, documents)))
        index, split = self.folder / "index", self.folder / "s.parquet"
        assert self.etalage("index", source, "-o", index).code == 0
        assert self.etalage("split", index, "-o", split).code == 0
        return self.train("--weights", "none", "--set", "image_size=32", index=index, split=split)

    def answered(self) -> Path:
        assert self.predict().code == 0
        return self.folder / "p"

    def no_manifest(self) -> Any:
        manifest = self.answered() / "manifest.json"
        manifest.rename(manifest.with_name("unfinished.json"))
        return self.etalage("submit", self.folder / "p", "-o", self.folder / "s.csv")

    def changed_byte(self) -> Any:
        part = self.answered() / "part-00000.parquet"
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        return self.etalage("submit", self.folder / "p", "-o", self.folder / "s.csv")

    def lacking(self) -> Any:
        sample = self.folder / "sample.csv"
        sample.write_text("_id,category_id\n98,10\n777,10\n")
        options = ["-o", self.folder / "s.csv", "--expected", sample]
        return self.etalage("submit", self.answered(), *options)

    def score(self, submission: str, truth: str = "_id,category_id\n1,10\n") -> Any:
        (self.folder / "s.csv").write_text(submission)
        (self.folder / "t.csv").write_text(truth)
        (self.folder / "n.csv").write_text(HEADER + "10,A,B,C\n")
        files = [self.folder / name for name in ("s.csv", "t.csv")]
        return self.etalage("score", *files, "--taxonomy", self.folder / "n.csv")


CASES: dict[str, Callable[[Case], Any]] = {
    "an index older than its catalogue": Case.older_index,
    "an index whose catalogue is gone": Case.index_without_catalogue,
    "an index without labels, to be split": Case.index_without_labels,
    "a split of another index": Case.split_of_another,
    "a recipe that does not exist": lambda case: case.train(recipe="nonsense"),
    "a model hub that cannot be reached": lambda case: case.train("--weights", "pretrained",
                                                                  "--set", "backbone=resnet18"),
    "weights of another architecture": Case.other_weights,
    "a checkpoint of another taxonomy, resumed": Case.other_checkpoint,
    "a model of another taxonomy": Case.other_model,
    "a teacher of another taxonomy": Case.other_teacher,
    "a category without a training product": lambda case: case.train_other(
        "10,A,B,C", "20,A,B,D", "30,A,B,E", "40,A,B,F"
    ),
    "a category with a single training product": lambda case: case.train_other(
        "10,A,B,C", "20,A,B,D", "30,A,B,E", "40,A,B,F", only=40
    ),
    "a batch that does not fit into memory": lambda case: case.train(
        "--weights", "none", "--set", "image_size=3000", "--set", "load_size=3000"
    ),
    "a batch of a single product": lambda case: case.train(
        "--weights", "none", "--set", "batch_products=1"
    ),
    "a GPU that is not there": lambda case: case.train("--weights", "none", device="cuda:7"),
    "a training that has not ended, used as a model": Case.unfinished_model,
    "too many images that cannot be read, in training": Case.many_unreadable,
    "images cut or damaged behind their header": Case.predict,
    "a predictions folder without its manifest": Case.no_manifest,
    "a prediction part with a changed byte": Case.changed_byte,
    "predictions that lack a product": Case.lacking,
    "a submission with a wrong header": lambda case: case.score("id,category\n1,10\n"),
    "a submission with a product twice": lambda case: case.score("_id,category_id\n1,10\n1,10\n"),
    "a truth with an unknown category": lambda case: case.score(
        "_id,category_id\n1,10\n", "_id,category_id\n1,99\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", [*FIT, *ANSWERS])
def test_what_does_not_fit_is_said_in_one_line(
    case: str, shop: Any, tmp_path: Path, etalage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    row = (FIT | ANSWERS)[case]
    run = CASES[case](Case(shop, tmp_path, etalage))
    assert run.code == row.exit
    assert matches(row.messages[0], run.err + run.out), run.err
    assert "Traceback" not in run.err


def test_marked_products_can_be_told_apart(shop: Any, tmp_path: Path, etalage: Any) -> None:
    run = etalage("predict", shop.model, shop.index, "-o", tmp_path / "p", "--json")
    told = json.loads(run.out)
    assert told.pop("precision") in ("float32", "bfloat16")
    marked = {"from_prior": 2, "unreadable": 3}
    assert told == {"products": 40, "resumed": 0, "runtime": "torch"} | marked
