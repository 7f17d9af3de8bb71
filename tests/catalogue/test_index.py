"""The index: every product and image of a catalogue, at its place, whatever its shape."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow.parquet as pq
import pytest
from bson.int64 import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, ConfigError, OutputError

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Catalogue = Callable[..., Path]


def issues(folder: Path) -> list[tuple[str, str]]:
    with (folder / "issues.csv").open(encoding="utf-8") as file:
        return [(row["product_id"], row["kind"]) for row in csv.DictReader(file)]


def test_the_real_sample_is_indexed_as_pymongo_reads_it(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/cdiscount/train_example.bson"
    index([source], tmp_path / "index", taxonomy=shared / "data/cdiscount/category_names.csv")
    opened = open_index(tmp_path / "index")
    documents = bson.decode_all(source.read_bytes())
    pictures = [image["picture"] for document in documents for image in document["imgs"]]
    assert opened.product_ids.to_pylist() == [document["_id"] for document in documents]
    assert [opened.image_bytes(row) for row in range(len(pictures))] == pictures
    categories = opened.taxonomy.ids[opened.labels]
    assert categories.tolist() == [document["category_id"] for document in documents]


def test_the_real_sample_counts_82_products_and_109_different_images(
    shared: Path, tmp_path: Path
) -> None:
    source = shared / "data/cdiscount/train_example.bson"
    names = shared / "data/cdiscount/category_names.csv"
    counts = index([source], tmp_path / "index", taxonomy=names)["counts"]
    assert (counts["products"], counts["images"], counts["unique_images"]) == (82, 110, 109)
    assert counts["products_by_images"] == {"1": 67, "2": 7, "3": 3, "4": 5}
    assert (counts["categories"], counts["unreadable"]) == (5270, 0)


def test_key_order_and_integer_width_do_not_matter(
    catalogue: Catalogue, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(
        {"category_id": Int64(5), "x": {"_id": 9}, "imgs": [{"picture": photo(1)}], "_id": 7},
        {"imgs": [{"picture": photo(2)}], "category_id": 5.0, "_id": Int64(2**40)},
    )
    index([source], tmp_path / "index")
    opened = open_index(tmp_path / "index")
    assert opened.product_ids.to_pylist() == [7, 2**40]
    assert opened.labels.tolist() == [0, 0]
    assert opened.taxonomy.ids.tolist() == [5]


def test_one_string_id_makes_all_ids_strings(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    object_id = bson.ObjectId("0123456789abcdef01234567")
    ids = (12, "réf-7", object_id)
    source = catalogue(*(product(name, [photo(1)], 1) for name in ids))
    index([source], tmp_path / "index")
    names = open_index(tmp_path / "index").product_ids.to_pylist()
    assert names == ["12", "réf-7", "0123456789abcdef01234567"]


def test_texts_are_kept_where_a_product_has_them(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(
        product(1, [photo(1)], 1, title="Vase à col", price=12),
        product(2, [photo(1)], 1, price="9.90", brand="Été"),
        product(3, [photo(1)], 1, price="cher"),
    )
    index([source], tmp_path / "index")
    table = pq.read_table(tmp_path / "index/products.parquet")
    assert table["title"].to_pylist() == ["Vase à col", None, None]
    assert table["brand"].to_pylist() == [None, "Été", None]
    assert table["price"].to_pylist() == [12.0, 9.9, None]
    assert "description" not in table.column_names


def test_a_test_file_without_categories_has_no_labels(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    counts = index([catalogue(product(1, [photo(1)]))], tmp_path / "index")["counts"]
    assert counts["labelled"] == 0
    assert open_index(tmp_path / "index").labels.tolist() == [-1]


def test_products_have_any_number_of_images(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(*(product(count, [photo(count)] * count, 1) for count in (0, 1, 6, 300)))
    index([source], tmp_path / "index")
    opened = open_index(tmp_path / "index")
    assert opened.image_count.tolist() == [0, 1, 6, 300]
    assert opened.image_start.tolist() == [0, 0, 1, 7]
    assert np.bincount(opened.image_product).tolist() == [0, 1, 6, 300]
    assert issues(tmp_path / "index") == [("0", "no images")]


def test_png_and_webp_images_are_known(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    images = [photo(1, form=form) for form in ("JPEG", "PNG", "WEBP")]
    index([catalogue(product(1, images, 1))], tmp_path / "index")
    formats = pq.read_table(tmp_path / "index/images.parquet")["format"]
    assert formats.to_pylist() == ["jpeg", "png", "webp"]
    assert open_index(tmp_path / "index").readable.all()


def test_a_folder_of_a_dump_is_read_without_its_system_files(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    dump = tmp_path / "dump/shop"
    dump.mkdir(parents=True)
    shutil.move(catalogue(product(1, [photo(1)], 4)), dump / "a.bson")
    shutil.move(catalogue(product(2, [photo(2)], 5)), dump / "b.bson")
    shutil.move(catalogue({"v": 1}), dump / "system.indexes.bson")
    index([tmp_path / "dump"], tmp_path / "index")
    opened = open_index(tmp_path / "index")
    assert opened.product_ids.to_pylist() == [1, 2]
    assert opened.image_bytes(1) == photo(2)


def test_the_same_catalogue_gives_the_same_tables(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(*(product(row, [photo(row)], row % 3) for row in range(20)))
    first, second = (index([source], tmp_path / name) for name in ("one", "two"))
    assert first["fingerprint"] == second["fingerprint"]
    for table in ("products.parquet", "images.parquet", "categories.csv"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()


def test_md5_and_xxh3_give_the_same_groups(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(*(product(row, [photo(row % 3)], 1) for row in range(9)))
    groups = []
    for name in ("xxh3", "md5"):
        index([source], tmp_path / name, hash_name=name)
        hashes = open_index(tmp_path / name).hashes
        groups.append(np.unique(hashes, axis=0, return_inverse=True)[1].reshape(3, 3).tolist())
    assert all(rows[0] == rows[1] == rows[2] for rows in groups)


def test_a_catalogue_moved_with_its_index_opens(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    shutil.move(catalogue(product(1, [photo(1)], 1)), tmp_path / "shop/c.bson")
    index([tmp_path / "shop/c.bson"], tmp_path / "shop/index")
    (tmp_path / "shop").rename(tmp_path / "moved")
    assert open_index(tmp_path / "moved/index").image_bytes(0) == photo(1)


def test_a_catalogue_moved_apart_opens_with_its_root(
    catalogue: Catalogue,
    product: Product,
    photo: Photo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = catalogue(product(1, [photo(1)], 1))
    index([source], tmp_path / "index", root=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    source.rename(tmp_path / "elsewhere/catalogue.bson")
    with pytest.raises(CatalogueError, match="is not there"):
        open_index(tmp_path / "index")
    assert len(open_index(tmp_path / "index", root=tmp_path / "elsewhere")) == 1
    monkeypatch.setenv("ETALAGE_ROOT", str(tmp_path / "elsewhere"))
    assert len(open_index(tmp_path / "index")) == 1


def test_an_index_older_than_its_catalogue_is_refused(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(product(1, [photo(1)], 1))
    index([source], tmp_path / "index")
    grown = source.read_bytes() + bson.encode(product(2, [photo(2)], 1))
    source.write_bytes(grown)
    with pytest.raises(CatalogueError, match=f"has {len(grown):,} bytes"):
        open_index(tmp_path / "index")
    index([source], tmp_path / "index", overwrite=True)
    source.write_bytes(grown[:-6] + b"\x02" + grown[-5:])
    with pytest.raises(CatalogueError, match="has changed since"):
        open_index(tmp_path / "index")


def test_an_index_is_replaced_only_when_asked(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(product(1, [photo(1)], 1))
    index([source], tmp_path / "index")
    with pytest.raises(OutputError, match="exists already"):
        index([source], tmp_path / "index")
    assert index([source], tmp_path / "index", overwrite=True)["counts"]["products"] == 1


def test_a_failed_index_leaves_nothing_behind(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError):
        index([catalogue(b"no BSON at all")], tmp_path / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue.bson"]


def test_an_unknown_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'crc' is unknown"):
        index([tmp_path], tmp_path / "index", hash_name="crc")


ids = st.one_of(st.integers(-(2**31), 2**31), st.text(min_size=1, max_size=5))
products = st.lists(
    st.fixed_dictionaries(
        {
            "_id": ids,
            "imgs": st.lists(st.fixed_dictionaries({"picture": st.binary(max_size=40)})),
        },
        optional={
            "category_id": st.integers(0, 5),
            "title": st.text(max_size=6),
            "extra": st.recursive(
                st.none() | st.booleans() | st.floats() | st.binary(max_size=4),
                lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner),
            ),
        },
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda product: str(product["_id"]),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(products)
def test_any_catalogue_is_indexed_as_pymongo_reads_it(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = folder / "any.bson"
    source.write_bytes(b"".join(map(bson.encode, documents)))
    index([source], folder / "index")
    opened = open_index(folder / "index")
    pictures = [image["picture"] for document in documents for image in document["imgs"]]
    assert [str(name) for name in opened.product_ids.to_pylist()] == [
        str(document["_id"]) for document in documents
    ]
    assert [opened.image_bytes(row) for row in range(len(pictures))] == pictures
    assert opened.image_count.tolist() == [len(document["imgs"]) for document in documents]
