"""The content of a report: what the page shows and ``--json`` prints, field by field."""

from dataclasses import dataclass
from typing import Any

from etalage.reports.categories import Branch, Concentration, Homonym, Leaf, Level, LevelBins
from etalage.reports.conflicts import LeafConflicts
from etalage.reports.copies import CopiedImage, Copies, ImageCount
from etalage.reports.drift import Drift
from etalage.reports.examples import Example
from etalage.reports.jpegs import Headers
from etalage.reports.resellers import Resellers
from etalage.reports.suspects import Suspects
from etalage.reports.texts import Amount, Text

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """Everything the page and the JSON say; each part says what it is in its own module."""

    schema: int
    name: str
    fingerprint: str
    hash: str
    totals: dict[str, int]
    issues: dict[str, int]
    level1: list[Branch]
    levels: list[Level]
    homonyms: list[Homonym]
    images_per_product: list[ImageCount]
    examples: list[Example]
    category_bins: list[LevelBins]
    concentration: Concentration | None
    largest_leaves: list[Leaf]
    smallest_leaves: list[Leaf]
    copies: Copies
    most_copied: list[CopiedImage]
    resellers: Resellers | None
    headers: Headers
    suspects: Suspects
    conflicts: LeafConflicts
    texts: list[Text]
    amounts: list[Amount]
    drift: Drift | None
    run: dict[str, Any]
