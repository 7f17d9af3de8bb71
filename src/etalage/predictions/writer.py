"""Writes a PREDICTIONS folder part by part, and goes on where an earlier run stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy
from etalage.errors import OutputError, PredictionsError
from etalage.files import (
    fingerprint_bytes,
    refuse_existing,
    run_record,
    whole_file,
    write_json,
    writing,
)
from etalage.predictions import manifest as manifests
from etalage.predictions.folder import CATEGORIES, read_part, refuse_repeats
from etalage.predictions.manifest import Manifest, Part, differences, taxonomy_hash
from etalage.predictions.table import Predictions, id_type, no_predictions, to_table, validate


class PredictionsWriter:
    """Writes parts in order into ``output``; ``finish`` makes it a PREDICTIONS folder.

    An unfinished folder made from the same source is gone on with: ``done_parts`` are the parts
    that are there whole, and the next ``write`` follows them. Parts after a damaged one are
    dropped, so that a resumed folder has the bytes of one written in one go.

    Args:
        output: the folder.
        taxonomy: what the leaf rows of the predictions are rows of.
        source: fingerprints of model, index and so on, as JSON values.
        products: how many products there will be, when known: ``finish`` insists on it.
        overwrite: replace a finished folder, or an unfinished one of another source.

    Raises:
        OutputError: the folder is finished (and ``overwrite`` is false), or is something else.
        PredictionsError: the folder is unfinished and was made from another source.
    """

    def __init__(
        self,
        output: Path,
        *,
        taxonomy: Taxonomy,
        source: dict[str, Any],
        products: int | None = None,
        overwrite: bool = False,
    ) -> None:
        self._folder = output
        self._taxonomy = taxonomy
        # As JSON keeps it, so that it compares equal to what an earlier run wrote.
        source = json.loads(json.dumps(source))
        fresh = Manifest(source, len(taxonomy), taxonomy_hash(taxonomy), expected=products)
        self._ids: list[pa.Array] = []
        self._state = self._verified(_state(output, fresh, overwrite=overwrite))
        self._open()

    @property
    def done_parts(self) -> tuple[Part, ...]:
        """The parts written so far, by this run or an earlier one."""
        return self._state.parts

    @property
    def done_products(self) -> int:
        """The number of products in them: where to go on."""
        return self._state.products

    def _verified(self, state: Manifest) -> Manifest:
        whole: list[Part] = []
        for part in state.parts:
            try:
                predictions = read_part(self._folder, part, state, self._taxonomy)
            except PredictionsError:
                break
            self._ids.append(predictions.product_ids)
            whole.append(part)
        return replace(state, parts=tuple(whole))

    def _open(self) -> None:
        """Note the state before touching what a finished folder needs to be read."""
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._save(manifests.UNFINISHED)
            (self._folder / manifests.NAME).unlink(missing_ok=True)
            (self._folder / "run.json").unlink(missing_ok=True)
            kept = {part.file for part in self._state.parts}
            for file in self._folder.glob("part-*.parquet"):
                if file.name not in kept:
                    file.unlink()
            with whole_file(self._folder / CATEGORIES, overwrite=True) as part_file:
                write_taxonomy(self._taxonomy, part_file)

    def _save(self, name: str) -> None:
        write_json(self._folder / name, self._state.to_json())

    def write(self, predictions: Predictions) -> None:
        """Write the next part, whole or not at all.

        Raises:
            PredictionsError: it breaks what ``validate`` checks, or has another k or type of id.
            OutputError: the disk refuses.
        """
        name = f"part-{len(self._state.parts):05d}.parquet"
        path = self._folder / name
        validate(predictions, len(self._taxonomy), str(path))
        self._refuse_other_shape(path, predictions)
        data = _encode(to_table(predictions, self._taxonomy))
        with whole_file(path, overwrite=True) as part_file:
            part_file.write_bytes(data)
        parts = (*self._state.parts, Part(name, len(predictions), fingerprint_bytes(data)))
        k, kind = predictions.k, id_type(predictions)
        self._state = replace(self._state, parts=parts, k=k, id_type=kind)
        self._ids.append(predictions.product_ids)
        self._save(manifests.UNFINISHED)

    def _refuse_other_shape(self, path: Path, predictions: Predictions) -> None:
        shape = (predictions.k, id_type(predictions))
        before = (self._state.k, self._state.id_type)
        if self._state.parts and shape != before:
            raise PredictionsError(
                f"{path}: has {shape[0]} categories a product and ids of type {shape[1]}, "
                f"the parts before it have {before[0]} and {before[1]}"
            )

    def finish(self) -> None:
        """Write the manifest: from here on the folder can be read.

        Raises:
            PredictionsError: a product has two rows, or there are not as many as announced.
        """
        if not self._state.parts:
            self.write(no_predictions(len(self._taxonomy)))
        state = self._state
        if state.expected is not None and state.products != state.expected:
            raise PredictionsError(
                f"{self._folder}: has {state.products:,} products, expected {state.expected:,}"
            )
        refuse_repeats(self._folder, self._ids)
        write_json(self._folder / "run.json", run_record())
        self._save(manifests.NAME)
        (self._folder / manifests.UNFINISHED).unlink()


def _state(output: Path, fresh: Manifest, *, overwrite: bool) -> Manifest:
    """Return where to go on from: an unfinished folder of the same source, or the beginning."""
    if (output / manifests.NAME).is_file():
        refuse_existing(output, overwrite=overwrite)
        return fresh
    if (output / manifests.UNFINISHED).is_file():
        return _unfinished(output, fresh, overwrite=overwrite)
    if output.is_file() or (output.is_dir() and any(map(_is_foreign, output.iterdir()))):
        raise OutputError(
            f"{output}: exists already and is no predictions folder", hint="choose another -o"
        )
    return fresh


def _unfinished(output: Path, fresh: Manifest, *, overwrite: bool) -> Manifest:
    try:
        state = manifests.read_unfinished(output)
    except PredictionsError:
        if overwrite:
            return fresh
        raise
    changed = differences(state, fresh)
    if not changed:
        return replace(state, expected=fresh.expected)
    if overwrite:
        return fresh
    raise PredictionsError(
        f"{output}: is unfinished and was begun from something else: {'; '.join(changed)}",
        hint="add --yes to begin it again, or choose another -o",
    )


def _is_foreign(path: Path) -> bool:
    """Whether a file is not one that a run killed at its very beginning leaves behind."""
    return not (path.name.startswith(".") and path.name.endswith(".part"))


def _encode(table: pa.Table) -> pa.Buffer:
    """Return Parquet bytes: few categories make a dictionary, floats compress byte by byte."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=["categories.list.element", "images"],
        column_encoding={"probabilities.list.element": "BYTE_STREAM_SPLIT"},
    )
    return sink.getvalue()
