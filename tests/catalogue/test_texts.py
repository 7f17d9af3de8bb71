"""The columns of a products.csv, joined to the products by their ids."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Catalogue = Callable[..., Path]

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=12)


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(st.tuples(st.integers(0, 15), TEXT, TEXT), max_size=20))
def test_every_product_gets_the_first_row_of_its_id(
    tmp_path: Path, catalogue: Catalogue, rows: list[tuple[int, str, str]]
) -> None:
    source = catalogue(*({"_id": row, "imgs": []} for row in range(10)))
    with (tmp_path / "products.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("title", "_id", "colour"))
        writer.writerows((title, name, colour) for name, title, colour in rows)
    index([source], tmp_path / "x", text=tmp_path / "products.csv", overwrite=True)
    table = pq.read_table(tmp_path / "x/products.parquet")
    expected = {name: (title, colour) for name, title, colour in reversed(rows)}
    for row in range(10):
        found = tuple(table[name][row].as_py() if name in table.column_names else None
                      for name in ("title", "colour"))  # fmt: skip
        assert found == expected.get(row, (None, None))


def test_a_row_of_another_length_and_a_second_one_are_listed(
    tmp_path: Path, catalogue: Catalogue, product: Product, photo: Photo, etalage: Any
) -> None:
    source = catalogue(product(1, [photo(1)], 1, title="old", brand="kept"))
    (tmp_path / "p.csv").write_text("_id,title,price\n1,new,9.5\n1,late,1\n2,x\n7,other,cheap\n")
    run = etalage("index", source, "-o", tmp_path / "x", "--text", tmp_path / "p.csv")
    listed = (tmp_path / "x/issues.csv").read_text().splitlines()[1:]
    assert run.code == 0
    row = pq.read_table(tmp_path / "x/products.parquet").to_pylist()[0]
    assert (row["title"], row["brand"], row["price"]) == ("new", "kept", 9.5)
    assert [line.split(",")[3] for line in listed] == ["duplicate text", "text row left out"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,title\n1,x\n", "has no column _id"),
        ("_id,offset\n1,x\n", "offset belong to the index"),
        ("_id,title,title\n1,x,y\n", "one occurs twice"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_text_file_that_cannot_be_used_is_one_error(
    tmp_path: Path, catalogue: Catalogue, content: str, message: str
) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(CatalogueError, match=message):
        index([catalogue({"_id": 1, "imgs": []})], tmp_path / "x", text=tmp_path / "p.csv")


def test_string_ids_are_matched_as_text(tmp_path: Path, catalogue: Catalogue) -> None:
    source = catalogue({"_id": "a-1", "imgs": []}, {"_id": 12, "imgs": []})
    (tmp_path / "p.csv").write_text("product_id,title\n12,twelve\na-1,first\n")
    index([source], tmp_path / "x", text=tmp_path / "p.csv")
    assert open_index(tmp_path / "x").column("products", "title").to_pylist() == ["first", "twelve"]


def test_a_text_of_megabytes_is_kept(tmp_path: Path, catalogue: Catalogue) -> None:
    source = catalogue({"_id": 1, "imgs": []})
    (tmp_path / "p.csv").write_text("_id,description\n1," + "x" * 4_000_000 + "\n")
    index([source], tmp_path / "x", text=tmp_path / "p.csv")
    kept = open_index(tmp_path / "x").column("products", "description")
    assert len(kept[0].as_py()) == 4_000_000
