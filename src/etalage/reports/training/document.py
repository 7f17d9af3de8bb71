"""The content of the page of a MODEL: what it shows and ``--json`` prints, field by field."""

from dataclasses import dataclass
from typing import Any

from etalage.reports.training.confidence import Confidence
from etalage.reports.training.confusion import Confusion
from etalage.reports.training.course import Check, Course
from etalage.reports.training.examples import Examples
from etalage.reports.training.groups import Groups

SCHEMA = 1


@dataclass(frozen=True)
class Value:
    """A value of the recipe or of what was derived, as text.

    Attributes:
        name: what is set.
        value: what to.
        recipe: what the named recipe says, where the value was changed; empty elsewhere.
    """

    name: str
    value: str
    recipe: str = ""


@dataclass(frozen=True)
class PartModel:
    """A model that this one is made of, and what its own records say.

    Attributes:
        name: of its folder.
        images: which images it looks at: all, first, later.
        count: of the products with so many images.
        weight: of its answer.
        backbone: timm's name of its network.
        train_products: products it learned from.
        products: its validation products.
        level3: share of these whose leaf is right.
        log_loss: on these.
        seconds: its training took.
        checks: its validation after each epoch.
    """

    name: str
    images: str
    count: str
    weight: float | None
    backbone: str
    train_products: int | None
    products: int | None
    level3: float | None
    log_loss: float | None
    seconds: float | None
    checks: list[Check]


@dataclass(frozen=True)
class TrainingReport:
    """Everything the page and the JSON say.

    Attributes:
        schema: version of this document.
        name: of the folder.
        made_from: fingerprints of index, split and taxonomy, and the seed.
        result: what the trainer said at the end; None for what it did not say.
        recipe: name of the recipe.
        settings: all its values.
        changed: those that differ from the named recipe; None where that was not recorded.
        derived: what followed from recipe and data.
        course: the curves.
        flat: whether the taxonomy has leaves only.
        answers: whether the folder has answers to validation products.
        labels: whether the given labels of the validation products are known.
        unlabelled: validation products in the folder of predictions without such a label.
        groups: accuracy; None without validation products, as are the next three.
        confusion: what is taken for what.
        confidence: whether probabilities can be believed.
        examples: products worth looking at.
        pictures: whether an index was given to take pictures from.
        parts: the models it is made of.
        run: who trained it, when and how.
    """

    schema: int
    name: str
    made_from: dict[str, Any]
    result: dict[str, Any]
    recipe: str
    settings: list[Value]
    changed: list[Value] | None
    derived: list[Value]
    course: Course
    flat: bool
    answers: bool
    labels: bool
    unlabelled: int
    groups: Groups | None
    confusion: Confusion | None
    confidence: Confidence | None
    examples: Examples | None
    pictures: bool
    parts: list[PartModel]
    run: dict[str, Any]
