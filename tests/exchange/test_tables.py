"""Tables of images: paths, bytes or addresses, one or several to a row, whatever their columns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, ConfigError

Make = Callable[..., Any]


def parquet(folder: Path, *, metadata: Any = None, name: str = "t.parquet", **columns: Any) -> Path:
    """Write a Parquet table in row groups of two."""
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(table, folder / name, row_group_size=2)
    return folder / name


def test_rows_of_one_product_are_gathered_by_rank_with_its_texts(
    tree: Make, table: Make, imported: Make
) -> None:
    root = tree("1.jpg", "2.jpg", "3.jpg")
    found = imported(
        table(
            "product_id,category_id,rank,image,title,price,colour",
            (7, 10, 1, "1.jpg", "", "", ""),
            (8, "", "", "2.jpg", "Été", 2.5, ""),
            (7, "", 0, "3.jpg", "Verre", "1e3", "bleu"),
        ),
        root=root,
    )
    read = [(root / f"{row}.jpg").read_bytes() for row in (3, 1)]
    assert found.products == {7: read, 8: [(root / "2.jpg").read_bytes()]}
    columns = ("category", "title", "price", "colour")
    assert {name: found.index.column("products", name).to_pylist() for name in columns} == {
        "category": [10, None],
        "title": ["Verre", "Été"],
        "price": [1000.0, 2.5],
        "colour": ["bleu", None],
    }


def test_a_cell_may_list_several_images(tree: Make, table: Make, imported: Make) -> None:
    root = tree("1.jpg", "2.jpg")
    found = imported(table("_id,files", ("a", "1.jpg|2.jpg"), ("b", "2.jpg"), ("c", "")), root=root)
    first, second = ((root / name).read_bytes() for name in ("1.jpg", "2.jpg"))
    assert found.products == {"a": [first, second], "b": [second], "c": []}
    assert found.index.record["sources"] == 2


def test_paths_that_leave_the_root_are_refused_and_the_product_stays(
    tree: Make, table: Make, imported: Make
) -> None:
    root = tree("1.jpg")
    bad = ["../../etc/passwd", "/etc/passwd", "gone.jpg", "a\0b"]
    found = imported(table("_id,image", *enumerate(["1.jpg", *bad])), root=root)
    assert [len(images) for images in found.products.values()] == [1] * 5
    assert found.issues == [
        ("1", "outside the root", "rank 0: ../../etc/passwd"),
        ("2", "outside the root", "rank 0: /etc/passwd"),
        ("3", "missing file", "rank 0: gone.jpg: No such file or directory"),
        ("4", "missing file", "rank 0: a\0b: no path"),
    ]
    assert found.index.record["counts"]["unreadable"] == 4


def test_levels_name_categories_and_a_range_is_an_image(
    tree: Make, table: Make, imported: Make, photo: Make
) -> None:
    root = tree()
    (root.parent / "all.bin").write_bytes(b"head" + photo(1) + photo(2))
    sizes = len(photo(1)), len(photo(2))
    found = imported(
        table(
            "_id,category_level1,category_level2,category_level3,image,offset,length",
            (1, "A", "B", "D", "all.bin", 4, sizes[0]),
            (2, "A", "B", "C", "all.bin", 4 + sizes[0], sizes[1]),
            (3, "", "", "", "all.bin", 4, 10**6),
        )
    )
    assert found.products == {1: [photo(1)], 2: [photo(2)], 3: [b""]}
    assert found.labels == {1: ("A", "B", "D"), 2: ("A", "B", "C"), 3: None}
    assert found.index.taxonomy.ids.tolist() == [1, 2]
    assert [kind for _, kind, _ in found.issues] == ["outside its file"]


def test_the_layout_of_hugging_face_datasets(imported: Make, photo: Make, tmp_path: Path) -> None:
    names = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    images = [{"bytes": photo(row), "path": f"{row}.jpg"} for row in range(4)]
    found = imported(parquet(tmp_path, metadata=names, image=images, label=[1, 0, -1, 1]))
    assert found.products == {row: [photo(row)] for row in range(4)}
    assert list(found.labels.values()) == [("", "", "dog"), ("", "", "cat"), None, ("", "", "dog")]
    assert [path.name for path in found.index.sources] == ["import-00000.bson"]
    assert found.index.record["root"] == "."


def test_what_was_copied_is_itself_a_catalogue(imported: Make, photo: Make, tmp_path: Path) -> None:
    source = parquet(
        tmp_path,
        _id=["a", "b", "c"],
        category_id=[5, None, 5],
        images=[[photo(1), None, photo(2)], [], [b""]],
        title=["x", None, "z"],
    )
    found = imported(source)
    copied = found.index.folder / "import-00000.bson"
    assert bson.decode_all(copied.read_bytes())[0] == {
        "_id": "a", "imgs": [{"picture": photo(1)}, {}, {"picture": photo(2)}],
        "category_id": 5, "title": "x",
    }  # fmt: skip
    index([copied], tmp_path / "again", workers=1)
    assert open_index(tmp_path / "again").fingerprint != ""
    assert found.products == {"a": [photo(1), b"", photo(2)], "b": [], "c": [b""]}


def test_scattered_rows_of_bytes_are_gathered_too(
    imported: Make, photo: Make, tmp_path: Path
) -> None:
    ids = [row % 3 for row in range(9)]
    found = imported(parquet(tmp_path, _id=ids, image=[photo(row) for row in range(9)]))
    assert found.products == {
        name: [photo(name), photo(name + 3), photo(name + 6)] for name in (0, 1, 2)
    }
    assert not (found.index.folder / "import").exists()


def test_rows_of_another_length_and_bad_bytes_are_listed(
    tree: Make, imported: Make, tmp_path: Path
) -> None:
    root = tree("1.jpg")
    lines = [b"_id,image,title", b"1,1.jpg,caf\xe9", b"2,1.jpg", b"3,1.jpg,x", b",1.jpg,x"]
    (tmp_path / "bad.csv").write_bytes(b"\n".join(lines))
    found = imported(tmp_path / "bad.csv", root=root)
    assert list(found.products) == [1, 3]
    assert [kind for _, kind, _ in found.issues] == [
        "row of another length", "text is not UTF-8", "not a product",
    ]  # fmt: skip


def test_several_tables_make_one_catalogue(imported: Make, photo: Make, tmp_path: Path) -> None:
    for number in range(3):
        images = [photo(2 * number + row) for row in range(2)]
        parquet(tmp_path, name=f"data-{number}.parquet", image=images)
    found = imported(tmp_path)
    assert found.products == {row: [photo(row)] for row in range(6)}


def test_columns_are_named_by_the_user_where_they_must_be(
    tree: Make, table: Make, imported: Make
) -> None:
    root = tree("shoes/1.jpg")
    source = table("asin,photo,image", ("007", "shoes/1.jpg", "a note"))
    found = imported(
        source, root=root, columns=["_id=asin", "image=photo"], category_from_path=True
    )
    assert found.labels == {"007": ("", "", "shoes")}
    assert found.index.column("products", "image").to_pylist() == ["a note"]


@pytest.mark.parametrize(
    ("header", "options", "error"),
    [
        ("_id,title", {}, "no column says where the images are"),
        ("_id,_id,image", {}, "its first line is no header"),
        ("_id,image", {"columns": ["image=gone"]}, "has no column 'gone'"),
    ],
)
def test_a_table_without_its_columns_is_refused(
    header: str, options: dict[str, Any], error: str, table: Make, imported: Make
) -> None:
    with pytest.raises(CatalogueError, match=error):
        imported(table(header, (1, 2, 3)), **options)


def test_a_role_that_does_not_exist_is_refused(table: Make, imported: Make) -> None:
    with pytest.raises(ConfigError, match="a role is one of _id"):
        imported(table("_id,image", (1, "x")), columns=["picture=image"])
