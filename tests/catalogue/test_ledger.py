"""`etalage duplicates`: tables, counts, and what train shows of test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pyarrow.parquet as pq
import pytest

import etalage as package
from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, ConfigError

NAMES = """category_id,category_level1,category_level2,category_level3
10,MAISON,VAISSELLE,ASSIETTE
20,MAISON,VAISSELLE,VERRE
30,JEUX,PLATEAU,DAMIER
"""
BRANCHES = range(100, 112)
NAMES += "".join(f"{branch},RAYON,{branch},TOUT\n" for branch in BRANCHES)


@pytest.fixture
def make_index(
    tmp_path: Path, product: Callable[..., Any], photo: Callable[..., bytes]
) -> Callable[..., Path]:
    """Index products given as id: (category, photo numbers)."""

    def make(products: dict[int, tuple[int | None, list[int]]], name: str = "index") -> Path:
        documents = [
            product(key, [photo(number) if number else b"bad" for number in images], category)
            for key, (category, images) in products.items()
        ]
        (tmp_path / f"{name}.bson").write_bytes(b"".join(map(bson.encode, documents)))
        (tmp_path / "names.csv").write_text(NAMES, encoding="utf-8")
        index([tmp_path / f"{name}.bson"], tmp_path / name, taxonomy=tmp_path / "names.csv")
        return tmp_path / name

    return make


SHOP: dict[int, tuple[int | None, list[int]]] = {
    1: (10, [1, 2]),
    2: (20, [2, 1]),
    3: (20, [2, 2]),
    4: (None, [1]),
    5: (30, [5, 0]),
    6: (10, [0]),
}


def table(folder: Path, name: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table without its hashes."""
    columns = pq.read_table(folder / f"{name}.parquet").to_pydict()
    columns.pop("hash", None)
    return list(zip(*columns.values(), strict=True))


def test_the_tables_say_who_shows_what(make_index: Callable[..., Path], tmp_path: Path) -> None:
    package.duplicates(make_index(SHOP), tmp_path / "d")
    assert table(tmp_path / "d", "images") == [
        (1, 1, 4, 3, 2, False, False),
        (0, 1, 3, 3, 2, False, False),
        (7, 5, 1, 1, 1, False, False),
    ]
    groups = [(1, 0, 4), (2, 0, 4), (3, 0, 4), (4, 0, 4), (5, 1, 1), (6, 2, 1)]
    assert table(tmp_path / "d", "products") == groups
    assert sorted(table(tmp_path / "d", "conflicts")) == [(10, 1), (10, 1), (20, 1), (20, 2)]
    assert table(tmp_path / "d", "leaf_pairs") == [(10, 20, 2, 3)]


def test_hashes_lead_back_to_the_index(make_index: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_index(SHOP)
    package.duplicates(folder, tmp_path / "d")
    images = pq.read_table(tmp_path / "d/images.parquet")
    given = open_index(folder).column("images", "hash").take(images["image"].combine_chunks())
    assert images["hash"].to_pylist() == given.to_pylist()
    conflicts = pq.read_table(tmp_path / "d/conflicts.parquet")["hash"].to_pylist()
    assert set(conflicts) == set(images["hash"].to_pylist()[:2])


def test_the_report_has_the_counts(make_index: Callable[..., Path]) -> None:
    report = package.duplicates(make_index(SHOP))
    assert (report.images, report.unreadable, report.distinct_images) == (10, 2, 3)
    assert (report.copies, report.shared_images) == ({1: 1, 3: 1, 4: 1}, 2)
    assert (report.products, report.labelled, report.products_sharing) == (6, 5, 4)
    assert report.groups["sizes"] == {4: 1}
    assert (report.conflicts["images"], report.conflicts["products"]) == (2, 3)
    assert report.ceiling["same_images"] == 4 / 5
    assert report.ceiling["same_sequence"] == 1
    assert (report.ceiling["images"], report.ceiling["single_image"]) == (6, 4 / 6)
    assert report.most_copied[0]["copies"] == 4


def test_a_split_is_told_what_test_shares_with_train(
    make_index: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_index({key: (10, [1 + key // 2]) for key in range(40)})
    package.split(folder, tmp_path / "s", validation=0, test=0.3, by="product", seed=1)
    package.split(folder, tmp_path / "g", validation=0, test=0.3)
    random, grouped = (
        package.duplicates(folder, split=tmp_path / name).overlap[1] for name in ("s", "g")
    )
    leak = package.read_split(tmp_path / "s").record["report"]["leak"]["test"]
    assert (random["by"], random["of"], random["products"]) == ("product", "test", 12)
    assert random["sharing"] == random["sharing_ordinary"] == leak > 0
    assert (grouped["by"], grouped["sharing"], grouped["share"]) == ("duplicates", 0, 0)


def test_two_indexes_are_compared_both_ways(make_index: Callable[..., Path]) -> None:
    train = make_index({1: (10, [1]), 2: (10, [1, 2]), 3: (20, [3]), 4: (20, [4])}, "train")
    test = make_index({7: (None, [1, 9]), 8: (None, [8]), 9: (None, [3, 3])}, "test")
    overlap = package.duplicates(train, against=test).overlap
    assert [(found["products"], found["sharing"]) for found in overlap] == [(3, 2), (4, 3)]
    assert [found["of"] for found in overlap] == [str(test), str(train)]


def test_boilerplate_is_counted_both_ways(make_index: Callable[..., Path]) -> None:
    logo, vase = 1, 2
    shop = {branch: (branch, [logo]) for branch in BRANCHES}
    train = make_index({**shop, 200: (10, [vase])}, "train")
    test = make_index({8: (None, [logo]), 9: (None, [vase])}, "test")
    overlap = package.duplicates(train, against=test).overlap
    assert [(found["sharing"], found["sharing_ordinary"]) for found in overlap] == [(2, 1), (13, 1)]
    assert package.duplicates(train).conflicts["leaf_pairs"] == 0


def test_indexes_of_two_kinds_of_hash_are_refused(make_index: Callable[..., Path]) -> None:
    train, test = make_index(SHOP, "train"), make_index(SHOP, "test")
    record = json.loads((test / "index.json").read_text())
    (test / "index.json").write_text(json.dumps(record | {"hash": "crc"}))
    with pytest.raises(CatalogueError, match="are hashed with crc"):
        package.duplicates(train, against=test)


def test_an_empty_catalogue_of_images_has_no_ceiling_to_speak_of(
    make_index: Callable[..., Path], tmp_path: Path
) -> None:
    report = package.duplicates(make_index({1: (10, []), 2: (None, [])}), tmp_path / "d", near=True)
    assert (report.distinct_images, report.copies, report.near["clusters"]) == (0, {}, 0)  # type: ignore[index]
    assert (report.ceiling["same_images"], report.ceiling["single_image"]) == (1, None)


@pytest.mark.parametrize(("name", "value"), [("distance", 257), ("tone", -1)])
def test_a_limit_out_of_range_is_refused(name: str, value: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        package.duplicates(tmp_path, **{name: value})  # type: ignore[arg-type]


def test_the_command_prints_the_report(
    make_index: Callable[..., Path], etalage: Any, tmp_path: Path
) -> None:
    folder = make_index(SHOP)
    run = etalage("duplicates", folder, "-o", tmp_path / "d", "--json")
    saved = json.loads((tmp_path / "d/duplicates.json").read_text())
    assert json.loads(run.out) == saved["report"]
    shown = etalage("duplicates", folder, "--near").out
    assert "MAISON > VAISSELLE > ASSIETTE" in shown.replace("\n", " ")
    assert etalage("duplicates", folder, "-o", tmp_path / "d").code == 1
