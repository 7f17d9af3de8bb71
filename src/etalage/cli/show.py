"""``etalage show``."""

import json as json_module
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import EtalageError
from etalage.files import read_json


def show(artefact: Path, /, *, json: bool = False) -> None:
    """Tell what an artefact holds: counts, sources, health.

    Args:
        artefact: an INDEX, SPLIT, MODEL, EMBEDDINGS, PREDICTIONS, BLEND, DUPLICATES, or a
            CALIBRATION, THRESHOLDS or MEMORY.
        json: print one JSON document.
    """
    kind, describe = _kind(artefact)
    record = describe(artefact)
    if json:
        print(json_module.dumps(record, ensure_ascii=False))
    elif kind == "index":
        print_index(artefact, open_index(artefact).record)
    else:
        print_record(f"{artefact}: {kind}", record)


def _kind(artefact: Path) -> tuple[str, Callable[[Path], dict[str, Any]]]:
    """Return the word for an artefact and the function that describes it."""
    if (artefact / "index.json").is_file():
        return "index", _index
    if (artefact / "manifest.json").is_file():
        return _manifest_kind(artefact), _manifest
    if (artefact / "model.json").is_file():
        return "model", _model
    if (artefact / "duplicates.json").is_file():
        return "duplicates", _duplicates
    if (artefact / "blend.json").is_file():
        return "blend", _blend
    if artefact.is_file() and _is_json(artefact):
        return str(_document(artefact).get("artefact")), _document
    if artefact.is_file():
        return "split", _split
    raise EtalageError(
        f"{artefact}: is no INDEX, SPLIT, MODEL, EMBEDDINGS, PREDICTIONS, BLEND, DUPLICATES, "
        "CALIBRATION, THRESHOLDS or MEMORY"
    )


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"{"


def _document(path: Path) -> dict[str, Any]:
    return read_json(path, EtalageError, "make it again")


def _manifest_kind(path: Path) -> str:
    return str(read_json(path / "manifest.json", EtalageError, "make it again").get("artefact"))


def _index(path: Path) -> dict[str, Any]:
    record = open_index(path).record
    return {**record["counts"], "hash": record["hash"], "fingerprint": record["fingerprint"]}


def _split(path: Path) -> dict[str, Any]:
    record = dict(read_split(path).record)
    return {**record.pop("report"), **record}


def _model(path: Path) -> dict[str, Any]:
    record = read_json(path / "model.json", EtalageError, "train it again")
    report = read_json(path / "run.json", EtalageError, "train it again")["report"]
    return record | {"categories": len(record["categories"]), "report": report}


def _manifest(path: Path) -> dict[str, Any]:
    record = read_json(path / "manifest.json", EtalageError, "make it again")
    return record | {"parts": len(record["parts"])}


def _blend(path: Path) -> dict[str, Any]:
    return read_json(path / "blend.json", EtalageError, "fit it again")


def _duplicates(path: Path) -> dict[str, Any]:
    record = read_json(path / "duplicates.json", EtalageError, "find them again")
    return {**record["report"], "source": {key: record[key] for key in record.keys() - {"report"}}}


def print_made(path: Path, record: dict[str, Any], *, json: bool) -> None:
    """Print the counts of an index that was just made, for a program or for a person."""
    if json:
        print(json_module.dumps(record["counts"], ensure_ascii=False))
    else:
        print_index(path, record)


def print_index(path: Path, record: dict[str, Any]) -> None:
    """Print the counts of an index as tables."""
    counts = record["counts"]
    taxonomy = (
        "flat" if counts["levels"] is None else " / ".join(f"{n:,}" for n in counts["levels"])
    )
    size = counts["image_size"]
    rows = [
        ("products", f"{counts['products']:,}"),
        ("with a label", f"{counts['labelled']:,}"),
        ("images", f"{counts['images']:,}"),
        ("different images", f"{counts['unique_images']:,}"),
        ("unreadable images", f"{counts['unreadable']:,}"),
        ("categories", taxonomy),
        ("image size", f"{size[0]}x{size[1]}" if size else "various"),
        ("texts", ", ".join(counts["texts"]) or "none"),
    ]
    by_images = ", ".join(f"{n}: {count:,}" for n, count in counts["products_by_images"].items())
    rows.append(("products by images", by_images))
    rows += [(f"issue: {kind}", f"{count:,}") for kind, count in counts["issues"].items()]
    _print_rows(f"{path}", rows)
    if counts["issues"]:
        print(f"Every issue is listed in {path / 'issues.csv'}")


def print_record(title: str, record: dict[str, Any]) -> None:
    """Print a flat view of a JSON document."""
    rows = []
    for key, value in record.items():
        text = json_module.dumps(value, ensure_ascii=False)
        rows.append((key, text if len(text) <= 200 else f"{text[:200]} ..."))
    _print_rows(title, rows)


def _print_rows(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
