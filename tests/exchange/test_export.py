"""Exports are what the readers of their forms expect, and say which products they hold."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from torchvision.datasets import ImageFolder

from etalage.catalogue.index import open_index
from etalage.errors import ConfigError, OutputError
from etalage.exchange.exporter import export, text_columns
from etalage.exchange.importer import import_catalogue
from etalage.exchange.manifest import FORMATS

Make = Callable[..., Any]


@pytest.fixture
def flat(tree: Make, imported: Make) -> Path:
    """An index of a flat taxonomy: four products of three categories."""
    names = "cups/1.jpg", "cups/2.png", "a\u00a0b/3.webp", "hats/4.jpg"
    folder: Path = imported(tree(*names)).index.folder
    return folder


def test_torchvision_reads_a_folder_as_its_image_folder(flat: Path, tmp_path: Path) -> None:
    export(flat, tmp_path / "out")
    read = ImageFolder(str(tmp_path / "out"))
    assert read.classes == ["a\u00a0b", "cups", "hats"]
    assert [label for _, label in read.samples] == [0, 1, 1, 2]
    assert read[0][0].size == (32, 32)


def test_a_tar_has_samples_of_image_class_and_json_without_a_time(
    flat: Path, tmp_path: Path
) -> None:
    export(flat, tmp_path / "out", form="webdataset")
    with tarfile.open(tmp_path / "out/products-000000.tar") as archive:
        members = archive.getmembers()
        said = json.loads(archive.extractfile(members[-1]).read())  # type: ignore[union-attr]
    assert [member.name for member in members[-3:]] == [
        "hats%2F4%2Ejpg.jpg", "hats%2F4%2Ejpg.cls", "hats%2F4%2Ejpg.json",
    ]  # fmt: skip
    assert {member.mtime for member in members} == {0}
    assert said == {"_id": "hats/4.jpg", "category_id": 3, "images": ["jpg"]}


def test_parquet_has_the_features_that_hugging_face_datasets_read(
    flat: Path, tmp_path: Path
) -> None:
    export(flat, tmp_path / "out", form="parquet")
    table = pq.read_table(tmp_path / "out/data/train-00000-of-00001.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["a\u00a0b", "cups", "hats"], "_type": "ClassLabel"}
    assert features["images"]["feature"] == {"_type": "Image"}
    assert table["label"].to_pylist() == [0, 1, 1, 2]
    assert table["images"][0][0]["bytes"].as_py() == open_index(flat).image_bytes(0)


@pytest.mark.parametrize("form", FORMATS)
def test_a_part_of_a_split_is_exported_alone(form: str, shop: Any, tmp_path: Path) -> None:
    said = export(shop.index, tmp_path / "out", form=form, split=shop.split, part="test")
    import_catalogue([tmp_path / "out"], tmp_path / "index", workers=1)
    back, index = open_index(tmp_path / "index"), open_index(shop.index)
    assert 0 < said.products == len(back) < len(index)
    assert set(back.product_ids.to_pylist()) < set(index.product_ids.to_pylist())


def test_the_same_index_gives_the_same_bytes(flat: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        for form in FORMATS:
            export(flat, tmp_path / name / form, form=form)
    files = [path for path in (tmp_path / "first").rglob("*") if path.is_file()]
    assert len(files) == 13
    for path in files:
        other = tmp_path / "second" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == other.read_bytes()


def test_texts_named_like_our_columns_keep_their_names_through_an_export(
    tree: Make, table: Make, imported: Make, tmp_path: Path
) -> None:
    root = tree("1.jpg")
    source = table("asin,photo,label,images,rank_,_id", ("7", "1.jpg", "A", "B", "C", "D"))
    before = imported(source, root=root, columns=["_id=asin", "image=photo"]).index
    for form in FORMATS:
        export(before.folder, tmp_path / form, form=form)
        import_catalogue([tmp_path / form], tmp_path / f"{form}-index", workers=1)
        back = open_index(tmp_path / f"{form}-index")
        assert back.columns("products") == before.columns("products")


def test_texts_get_a_column_that_is_free() -> None:
    assert text_columns(["rank", "rank_", "title"]) == {
        "rank": "rank_", "rank_": "rank__", "title": "title",
    }  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"form": "zip"}, {"part": "test"}, {"shard_bytes": 0}], ids=str
)
def test_an_option_that_means_nothing_is_refused(
    options: dict[str, Any], flat: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        export(flat, tmp_path / "out", **options)


def test_what_is_there_is_not_replaced_unasked(flat: Path, tmp_path: Path) -> None:
    export(flat, tmp_path / "out")
    with pytest.raises(OutputError, match="exists already"):
        export(flat, tmp_path / "out")
    export(flat, tmp_path / "out", overwrite=True)
