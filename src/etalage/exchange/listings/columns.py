"""Which column of a table is what: by its name, or as the user says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from etalage.errors import CatalogueError, ConfigError
from etalage.exchange.categories import Path3

LEVELS = ("category_level1", "category_level2", "category_level3")
ROLES: dict[str, tuple[str, ...]] = {
    "_id": ("_id", "product_id"),
    "category_id": ("category_id", "label", "category"),
    **{level: (level,) for level in LEVELS},
    "image": (
        *("image", "images", "image_path", "image_paths", "path", "file", "files"),
        *("file_name", "filename", "picture"),
    ),
    "url": ("url", "urls", "image_url", "image_urls"),
    "rank": ("rank",),
    "offset": ("offset",),
    "length": ("length",),
}
"""What a column may be, and the names it is known by, the first that is there."""

_RESERVED = frozenset(
    {"id_integer", "id_text", "category", "branch", "rank", "kind", "place", "offset", "length"}
    | {"extra", "product_id", "image_start", "image_count", "file"}
)


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        roles: the table's name of each role that it has.
        texts: our name of each further column, by the table's name.
        left_out: columns that hold nothing that can be kept as text.
        categories: paths of category ids that the table's metadata say.
    """

    roles: dict[str, str]
    texts: dict[str, str]
    left_out: tuple[str, ...]
    categories: dict[int, Path3]


def parse_columns(given: list[str]) -> dict[str, str]:
    """Return the table's name of each role from ``role=name`` texts.

    Raises:
        ConfigError: a role that does not exist, or no equals sign.
    """
    chosen = dict(text.partition("=")[::2] for text in given)
    for role, name in chosen.items():
        if role not in ROLES or not name:
            known = ", ".join(ROLES)
            raise ConfigError(
                f"--column {role}={name}: expected ROLE=NAME, a role is one of {known}"
            )
    return chosen


def exported_columns(path: Path, schema: pa.Schema, texts: dict[str, str]) -> Columns:
    """Return the columns of a table that ``etalage export`` wrote: nothing is guessed.

    Raises:
        CatalogueError: it lacks one.
    """
    roles = {"_id": "_id", "category_id": "category_id"}
    is_list = "images" in schema.names
    roles |= {"image": "images"} if is_list else {"image": "image", "rank": "rank"}
    missing = [name for name in (*roles.values(), *texts) if name not in schema.names]
    if missing:
        raise CatalogueError(f"{path}: lacks the columns {', '.join(missing)}")
    return Columns(roles, texts, (), {})


def find_columns(path: Path, schema: pa.Schema, chosen: dict[str, str]) -> Columns:
    """Return which column of a table is what.

    Raises:
        CatalogueError: a column chosen is not there, or none says where the images are.
    """
    for role, name in chosen.items():
        if name not in schema.names:
            raise CatalogueError(f"{path}: has no column {name!r} for {role}")
    roles = dict(chosen)
    for role, names in ROLES.items():
        found = [name for name in names if name in schema.names and name not in roles.values()]
        if role not in roles and found:
            roles[role] = found[0]
    if "image" not in roles and "url" not in roles:
        known = ", ".join(ROLES["image"] + ROLES["url"])
        message = f"{path}: no column says where the images are, expected one of {known}"
        raise CatalogueError(message, hint="name it with --column image=NAME or --column url=NAME")
    others = [name for name in schema.names if name not in roles.values()]
    kept = [name for name in others if _is_text(schema.field(name).type)]
    texts = {name: f"{name}_" if name in _RESERVED else name for name in kept}
    left_out = tuple(name for name in others if name not in texts)
    return Columns(roles, texts, left_out, _class_names(schema, roles.get("category_id")))


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind) or _is_binary(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _class_names(schema: pa.Schema, label: str | None) -> dict[int, Path3]:
    """Return the names of class numbers as Hugging Face ``datasets`` writes them, if it did."""
    try:
        said: Any = json.loads((schema.metadata or {})[b"huggingface"])
        names = said["info"]["features"][label]["names"]
        return {number: ("", "", str(name)) for number, name in enumerate(names)}
    except (KeyError, TypeError, ValueError):
        return {}
