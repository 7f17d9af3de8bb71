"""A stopped run goes on where it was; nothing of another run is mixed in or lost unasked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy
from etalage.errors import OutputError, PredictionsError
from etalage.predictions.folder import read_predictions
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter

Maker = Callable[..., Predictions]
Write = Callable[..., Path]
Slices = Callable[..., list[Predictions]]
SOURCE = {"model": "m1", "index": "i1"}


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "run.json"}


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_resumed_folder_has_the_bytes_of_one_written_in_one_go(
    stop: int, predict: Maker, write: Write, slices: Slices, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    parts = slices(predict(range(10)), 4)
    first = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE)
    for part in parts[:stop]:
        first.write(part)
    second = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE)
    for part in parts[len(second.done_parts) :]:
        second.write(part)
    second.finish()
    assert content(tmp_path / "p") == content(write(tmp_path / "q", predict(range(10)), 4))


def test_it_tells_what_is_there_already(predict: Maker, taxonomy: Taxonomy, tmp_path: Path) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}).write(predict([1, 2, 3]))
    again = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    assert [part.rows for part in again.done_parts] == [3]
    assert again.done_products == 3


def test_a_damaged_part_and_those_after_it_are_written_again(
    predict: Maker, slices: Slices, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    writer = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    for part in slices(predict(range(12)), 4):
        writer.write(part)
    (tmp_path / "p" / "part-00001.parquet").write_bytes(b"PAR1")
    again = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    assert again.done_products == 4
    assert not (tmp_path / "p" / "part-00002.parquet").exists()


def test_another_source_is_named_with_what_differs(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE).write(predict([1]))
    with pytest.raises(PredictionsError, match="begun from .*: model was 'm1' and is 'm2'") as info:
        PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE | {"model": "m2"})
    assert "--yes" in info.value.hint


def test_another_taxonomy_is_another_source(taxonomy: Taxonomy, tmp_path: Path) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    with pytest.raises(PredictionsError, match="categories was"):
        PredictionsWriter(tmp_path / "p", taxonomy=flat_taxonomy(taxonomy.ids), source={})


def test_overwriting_an_unfinished_folder_begins_again(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE).write(predict([1]))
    fresh = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}, overwrite=True)
    assert fresh.done_products == 0
    assert not list((tmp_path / "p").glob("part-*"))


def test_a_finished_folder_is_replaced_only_when_asked(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    write(tmp_path / "p", predict(range(9)), 2)
    with pytest.raises(OutputError, match="exists already"):
        PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE)
    writer = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source=SOURCE, overwrite=True)
    writer.write(predict([5]))
    writer.finish()
    assert len(read_predictions(tmp_path / "p")) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_never_written_into(
    overwrite: bool, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(OutputError, match="is no predictions folder"):
        PredictionsWriter(tmp_path, taxonomy=taxonomy, source={}, overwrite=overwrite)


def test_a_file_in_the_way_is_named(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        PredictionsWriter(tmp_path / "file" / "p", taxonomy=taxonomy, source={})


def test_fewer_products_than_announced_do_not_finish(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    writer = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}, products=3)
    writer.write(predict([1, 2]))
    with pytest.raises(PredictionsError, match="has 2 products, expected 3"):
        writer.finish()


def test_a_product_in_two_parts_does_not_finish(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}).write(predict([1, 2]))
    resumed = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    resumed.write(predict([3, 2]))
    with pytest.raises(PredictionsError, match="product 2 has two rows: the second is row 3 of 4"):
        resumed.finish()


def test_parts_of_another_shape_are_refused(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    writer = PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={})
    writer.write(predict([1], k=3))
    with pytest.raises(PredictionsError, match="has 2 categories a product and ids of type string"):
        writer.write(predict(["a"], k=2))


def test_a_catalogue_without_products_has_a_finished_folder(
    taxonomy: Taxonomy, tmp_path: Path
) -> None:
    PredictionsWriter(tmp_path / "p", taxonomy=taxonomy, source={}, products=0).finish()
    table = read_predictions(tmp_path / "p")
    assert (len(table), table.k) == (0, 7)
