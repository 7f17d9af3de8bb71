"""The lines of docs/import.md turn the data sets they name into tables that import."""

import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import make_photo
from etalage.catalogue.index import Index, open_index

PAGE = Path(__file__).parents[2] / "docs/import.md"
Make = Callable[..., Any]


def put(path: str, content: str | bytes) -> None:
    """Write a file of the data set."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content.encode() if isinstance(content, str) else content)


def run_section(heading: str, etalage: Make, *options: str) -> list[Index]:
    """Run the code and the commands below a heading; return the indexes they made."""
    section = PAGE.read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n##")[0]
    names: dict[str, Any] = {}
    made = []
    for kind, block in re.findall(r"```(python)?\n(.*?)```", section, re.DOTALL):
        if kind:
            exec(block, names)
            continue
        words = block.split()
        run = etalage(*words[1:], *options)
        assert run.code == 0, run.err
        made.append(open_index(Path(words[words.index("-o") + 1])))
    return made


def labels(index: Index) -> dict[Any, str | None]:
    """Return the name of each product's category."""
    names = [*(path[2] for path in index.taxonomy.paths), None]
    return dict(
        zip(index.product_ids.to_pylist(), (names[row] for row in index.labels), strict=True)
    )


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the folder of the data set."""
    monkeypatch.chdir(tmp_path)


def test_imagenet(etalage: Make) -> None:
    put("LOC_synset_mapping.txt", "n01 tench, Tinca tinca\nn02 crane\nn03 crane\n")
    put("train/n01/n01_1.JPEG", make_photo(1))
    for number, synset in enumerate(("n02", "n03")):
        with tarfile.open(f"train/{synset}.tar", "w") as archive:
            member = tarfile.TarInfo(f"{synset}_7.JPEG")
            member.size = len(make_photo(number))
            archive.addfile(member, io.BytesIO(make_photo(number)))
    (index,) = run_section("ImageNet", etalage)
    assert labels(index) == {
        "n01_1": "n01 tench, Tinca tinca", "n02_7": "n02 crane", "n03_7": "n03 crane",
    }  # fmt: skip
    assert index.images(range(3)) == [make_photo(1), make_photo(0), make_photo(1)]


def test_coco(etalage: Make) -> None:
    put("val2017/000001.jpg", make_photo(1))
    said = {
        "images": [{"id": 1, "file_name": "000001.jpg"}],
        "categories": [
            {"id": 1, "name": "person", "supercategory": "person"},
            {"id": 18, "name": "dog", "supercategory": "animal"},
        ],
        "annotations": [
            {"id": 7, "image_id": 1, "category_id": 18, "area": 90, "bbox": [1.5, 2, 9, 10.2]},
            {"id": 8, "image_id": 1, "category_id": 1, "area": 20, "bbox": [0, 0, 4, 0.4]},
        ],
    }
    put("annotations/instances_val2017.json", json.dumps(said))
    whole, objects = run_section("COCO", etalage)
    assert labels(whole) == {1: "dog"}
    assert whole.taxonomy.paths == (("animal", "", "dog"),)
    assert objects.column("products", "category").to_pylist() == [18, 1]
    assert [Image.open(io.BytesIO(data)).size for data in objects.images([0, 1])] == [
        (9, 10), (4, 1),
    ]  # fmt: skip


def test_openimages(etalage: Make) -> None:
    put("class-descriptions.csv", '/m/01,Café\n/m/02,"Dog, big"\n')
    rows = ["ImageID,Source,LabelName,Confidence", "00a1,v,/m/01,0", "00a1,v,/m/02,1"]
    rows += ["0012,v,/m/01,1", "0012,v,/m/02,1", "gone,v,/m/01,1"]
    put("train-annotations-human-imagelabels.csv", "\n".join(rows))
    put("train/00a1.jpg", make_photo(1))
    put("train/0012.jpg", make_photo(2))
    (index,) = run_section("OpenImages", etalage)
    assert labels(index) == {"00a1": "Dog, big", "0012": "Café"}


def test_labelme(etalage: Make) -> None:
    shape = {"label": "chair", "points": [[0, 0], [1, 1]]}
    put("annotations/a.json", json.dumps({"imagePath": "a.jpg", "shapes": [shape]}))
    put("annotations/b.json", json.dumps({"imagePath": "b.jpg", "shapes": []}))
    xml = "<folder>x</folder><object><name>\nlamp\n</name></object>"
    put("annotations/c.xml", f"<annotation><filename>\nc.jpg\n</filename>{xml}</annotation>")
    for row, name in enumerate(("annotations/a.jpg", "annotations/b.jpg", "images/x/c.jpg")):
        put(name, make_photo(row))
    (index,) = run_section("LabelMe", etalage)
    assert labels(index) == {"a": "chair", "b": None, "c": "lamp"}
    assert index.images(range(3)) == [make_photo(row) for row in range(3)]


def test_tiny_images(etalage: Make) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), np.uint8)
    put("coarse_label_names.txt", "fish\nflowers\n")
    put("fine_label_names.txt", "carp\nrose\ntulip\n")
    heads = [bytes([0, 0]), bytes([1, 2]), bytes([1, 1])]
    records = [head + image.tobytes() for head, image in zip(heads, pixels, strict=True)]
    put("train.bin", b"".join(records))
    (index,) = run_section("TinyImages and other binaries of fixed records", etalage)
    assert labels(index) == {0: "carp", 1: "tulip", 2: "rose"}
    read = np.asarray(Image.open(io.BytesIO(index.image_bytes(1))))
    assert np.array_equal(read, pixels[1].transpose(1, 2, 0))


def test_deepfashion(etalage: Make) -> None:
    put("Anno/list_category_cloth.txt", "2\ncategory_name  category_type\nAnorak   1\nTee     1\n")
    names = "img/Sheer_Blouse/img_00000001.jpg", "img/Sheer_Blouse/img_00000002.jpg"
    head = "2\nimage_name  category_label\n"
    put("Anno/list_category_img.txt", f"{head}{names[0]}     2\n{names[1]}     1\n")
    head = "2\nimage_name  evaluation_status\n"
    put("Eval/list_eval_partition.txt", f"{head}{names[0]}    train\n{names[1]}    val\n")
    for row, name in enumerate(names):
        put(f"Img/{name}", make_photo(row))
    (index,) = run_section("DeepFashion", etalage)
    assert labels(index) == {names[0]: "Tee", names[1]: "Anorak"}
    assert index.column("products", "partition").to_pylist() == ["train", "val"]


def test_exact_street2shop(etalage: Make, server: str) -> None:
    lines = [f"{row:09},{server}/photo/{row}" for row in range(1, 4)]
    put("photos.txt", "\n".join(lines) + "\n")
    bags = [{"photo": 1, "product": 9}, {"photo": 3, "product": 9}]
    put("meta/json/retrieval_bags.json", json.dumps(bags))
    put("meta/json/retrieval_belts.json", json.dumps([{"photo": 2, "product": 5}]))
    (index,) = run_section("Exact Street2Shop", etalage, "--allow-private")
    assert labels(index) == {9: "bags", 5: "belts"}
    assert index.images(range(3)) == [make_photo(1), make_photo(3), make_photo(2)]


def test_every_data_set_of_the_page_is_tested() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## Other data sets")[1].split("\n## ")[0]
    assert len(re.findall(r"(?m)^### ", text)) == 7
