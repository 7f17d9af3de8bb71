"""Reads the tables of docs/bad-input.md, which tests hold against what commands do."""

import re
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parents[1] / "docs/bad-input.md"


class Row(NamedTuple):
    """A line of a table of the document."""

    input: str
    messages: list[str]
    exit: int


def rows(heading: str) -> dict[str, Row]:
    """Return the rows of the table below a heading, by their input."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {
        cells[0].strip(): Row(cells[0], re.findall("`([^`]+)`", cells[2]), int(cells[3]))
        for cells in lines[2:]
    }


def matches(message: str, text: str) -> bool:
    """Whether ``text`` has the message, ``…`` standing for anything."""
    return re.search(".*".join(map(re.escape, message.split("…"))), text) is not None
