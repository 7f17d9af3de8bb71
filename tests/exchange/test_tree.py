"""A folder of images: folders are categories, nothing is copied, nothing outside is read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.catalogue.index import open_index
from etalage.errors import CatalogueError, ConfigError
from etalage.exchange.categories import folders, levels, original_name, safe_name
from etalage.exchange.reading.places import Places, RefusedError

Make = Callable[..., Any]


def test_the_folders_are_the_category_at_any_depth(tree: Make, imported: Make) -> None:
    names = "leaf/1.jpg", "top/leaf/2.jpg", "a/b/c/3.jpg", "a/b/c/d/e/4.jpg", "5.jpg"
    found = imported(tree(*names))
    assert found.labels == {
        "leaf/1.jpg": ("", "", "leaf"),
        "top/leaf/2.jpg": ("top", "", "leaf"),
        "a/b/c/3.jpg": ("a", "b", "c"),
        "a/b/c/d/e/4.jpg": ("a", "b", "c / d / e"),
        "5.jpg": None,
    }
    assert found.index.taxonomy.ids.tolist() == [1, 2, 3, 4]


def test_nothing_is_copied_and_every_image_is_the_file(tree: Make, imported: Make) -> None:
    root = tree("a/1.jpg", "a/2.png", "b/3.WEBP")
    found = imported(root)
    assert found.products == {name: [(root / name).read_bytes()] for name in found.products}
    assert sorted(path.name for path in found.index.folder.iterdir()) == [
        "categories.csv", "images.parquet", "index.json", "issues.csv", "products.parquet",
        "sources.parquet",
    ]  # fmt: skip


def test_a_pattern_makes_one_product_of_several_images_by_rank(tree: Make, imported: Make) -> None:
    root = tree("a/7_10.jpg", "a/7_2.jpg", "a/8_0.jpg", "b/7_1.jpg", "b/x.jpg")
    found = imported(root, group=r"(?P<product>\d+)_(?P<rank>\d+)\.jpg$")
    order = ["b/7_1.jpg", "a/7_2.jpg", "a/7_10.jpg"]
    assert found.products["7"] == [(root / name).read_bytes() for name in order]
    assert list(found.products) == ["7", "8"]
    assert found.labels["7"] == ("", "", "b")
    assert found.issues == [
        ("", "no product", "b/x.jpg"),
        ("7", "several categories", "also 1, the first one counts"),
    ]


def test_a_taxonomy_says_the_ids_by_path(tree: Make, imported: Make, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    head = "category_id,category_level1,category_level2,category_level3\n"
    names.write_text(head + "70,a,b,c\n9,,,leaf\n")
    found = imported(tree("a/b/c/1.jpg", "leaf/2.jpg", "other/3.jpg"), taxonomy=names)
    assert found.index.column("products", "category").to_pylist() == [70, 9, None]
    assert found.issues == [("other/3.jpg", "unknown category", "other")]


def test_links_and_what_is_no_image_are_listed_not_read(
    tree: Make, imported: Make, tmp_path: Path
) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    root = tree("a/1.jpg", "a/.hidden.jpg", ".git/2.jpg", "a/notes.txt")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "in.jpg").symlink_to(root / "a/1.jpg")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.jpg")
    found = imported(root)
    assert found.products == {name: [(root / "a/1.jpg").read_bytes()]
                              for name in ("in.jpg", "a/1.jpg")}  # fmt: skip
    assert sorted(found.issues) == [
        ("", "link to no file", "loop"),
        ("", "not a file", "pipe.jpg"),
        ("", "not an image file", "a/notes.txt"),
        ("", "outside the root", "out.jpg"),
    ]


def test_a_name_that_is_no_text_is_listed(tree: Make, imported: Make) -> None:
    root = tree("a/1.jpg")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.jpg")).write_bytes(b"x")
    assert imported(root).issues == [("", "name is not UTF-8", "caf\N{REPLACEMENT CHARACTER}.jpg")]


def test_a_moved_tree_opens_with_its_index(
    tree: Make, imported: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("a/1.jpg")
    found = imported(root)
    root.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("ETALAGE_ROOT", str(tmp_path / "elsewhere"))
    again = open_index(found.index.folder)
    assert again.image_bytes(0) == (tmp_path / "elsewhere/a/1.jpg").read_bytes()


@pytest.mark.parametrize("pattern", ["(", r"\d+"])
def test_a_pattern_that_means_nothing_is_refused(pattern: str, tree: Make, imported: Make) -> None:
    with pytest.raises(ConfigError, match="--group"):
        imported(tree("1.jpg"), group=pattern)


def test_a_folder_without_images_is_no_catalogue(tree: Make, imported: Make) -> None:
    with pytest.raises(CatalogueError, match=r"not a single product \(not an image file\)"):
        imported(tree("a/notes.txt"))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_safe_name_is_one_file_name_and_can_be_undone(name: str) -> None:
    safe = safe_name(name)
    assert not set(safe) & set('/\\:*?"<>|\0') and safe not in ("", ".", "..")
    assert len(safe.encode()) <= 180
    assert "%~" in safe or original_name(safe) == name


@given(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=20)] * 3))
def test_the_folders_of_a_category_are_its_path(path: tuple[str, str, str]) -> None:
    assert levels([original_name(name) for name in folders(path)]) == path


@pytest.mark.parametrize("place", ["../secret", "a/../../secret", "/etc/passwd", "out", "dir/x"])
def test_no_path_leads_out_of_the_root(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root/a").mkdir(parents=True)
    (tmp_path / "root/out").symlink_to(tmp_path / "secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_bytes(b"secret")
    (tmp_path / "root/dir").symlink_to(tmp_path / "outside")
    with pytest.raises(RefusedError) as refused:
        Places(tmp_path / "root").read(place)
    assert refused.value.kind == "outside the root"
