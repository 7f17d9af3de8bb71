"""A part of a model made of several: what it learns from, and what its recipe changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etalage.errors import ConfigError
from etalage.models.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the networks that a recipe with ``parts`` trains.

    Attributes:
        name: of its folder.
        images: ranks it sees: ``all``, ``first`` or ``later``.
        count: number of readable images its products have: ``any``, ``2``, or ``4+`` for more too.
        weight: of its answer; 0 for one that is asked only where no other part applies.
        start: an earlier part whose weights it begins with, None for those of the training.
        settings: values of the recipe that it changes.

    Raises:
        ConfigError: a value out of its range.
    """

    name: str
    images: str = "all"
    count: str = "any"
    weight: float = 1.0
    start: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9-]+", self.name):
            raise ConfigError(f"part {self.name!r}: a name has small letters, digits and - only")
        if self.weight < 0:
            raise ConfigError(f"part {self.name!r}: weight is {self.weight}, expected at least 0")
        _ = self.scope

    @property
    def scope(self) -> Scope:
        """Which products and images it learns from and answers."""
        return Scope(self.images, self.count)

    def without(self, names: Mapping[str, Any]) -> "Part":
        """Return the part with none of these values changed by it."""
        kept = {name: value for name, value in self.settings.items() if name not in names}
        return Part(**vars(self) | {"settings": kept})
