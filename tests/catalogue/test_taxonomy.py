"""The taxonomy: keyed by id and path, names kept byte for byte."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy, read_taxonomy, write_taxonomy
from etalage.errors import TaxonomyError

HEADER = "category_id,category_level1,category_level2,category_level3\n"
names = st.text(st.characters(codec="utf-8"), max_size=8)


def test_the_real_tree_has_49_486_5270_nodes_though_names_repeat(shared: Path) -> None:
    tree = read_taxonomy(shared / "data/cdiscount/category_names.csv")
    assert tree.counts() == (49, 486, 5270)
    assert len({path[2] for path in tree.paths}) == 5263
    assert len({path[1] for path in tree.paths}) == 483


def test_commas_blanks_and_accents_in_names_survive(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text(HEADER + '7,"DECO, MAISON",ŒUVRE ,VASE – VERRE  \n', encoding="utf-8")
    tree = read_taxonomy(path)
    assert tree.paths == (("DECO, MAISON", "ŒUVRE ", "VASE – VERRE  "),)
    assert tree.label(0) == "DECO, MAISON > ŒUVRE > VASE – VERRE"


def test_branches_of_one_name_under_two_parents_are_two_nodes() -> None:
    paths = (("A", "PIECES", "X"), ("B", "PIECES", "X"), ("A", "PIECES", "Y"))
    tree = Taxonomy(np.array([1, 2, 3]), paths)
    assert tree.nodes(2).tolist() == [0, 1, 0]
    assert tree.nodes(3).tolist() == [0, 1, 2]


def test_an_id_outside_the_tree_has_row_minus_one() -> None:
    tree = flat_taxonomy(np.array([30, 10, 10, 20]))
    assert tree.rows(np.array([10, 15, 30, 99, -1])).tolist() == [0, -1, 2, -1, -1]
    assert flat_taxonomy(np.array([], np.int64)).rows(np.array([1])).tolist() == [-1]


@given(st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.tuples(names, names, names)))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, leaves: dict[int, tuple[str, str, str]]
) -> None:
    ids = np.array(sorted(leaves), np.int64)
    tree = Taxonomy(ids, tuple(leaves[int(leaf)] for leaf in ids))
    path = tmp_path_factory.mktemp("tree") / "names.csv"
    write_taxonomy(tree, path)
    assert read_taxonomy(path) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name\n1,A\n", "the header is 'id,name'"),
        (HEADER + "1,A,B\n", "names.csv:2: 3 fields, expected 4"),
        (HEADER + "1,A,B,C\nx,A,B,C\n", "names.csv:3: category_id 'x' is no integer"),
        (HEADER + "1,A,B,C\n1,A,B,D\n", "names.csv:3: category 1 occurs twice"),
        (HEADER + "99999999999999999999,A,B,C\n", "does not fit 64 bits"),
        ("", "the header is ''"),
    ],
)
def test_a_bad_category_file_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "names.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TaxonomyError, match=re.escape(message)):
        read_taxonomy(path)


def test_a_category_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(HEADER.encode() + "1,É,B,C\n".encode("latin-1"))
    with pytest.raises(TaxonomyError, match="is not UTF-8"):
        read_taxonomy(path)
