"""What a MODEL keeps so that its report needs neither the trainer nor the catalogue.

``validation.csv``: header ``_id,category_id``, the given label of each validation product that was
looked at, in the order of the index. ``run.json`` has two more keys: ``changed``, what the named
recipe says of each value that was set to another, and ``category_products``, the training products
of each category, ascending by id.
"""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from etalage.files import whole_file
from etalage.training.plan import Data
from etalage.training.recipe import Recipe, describe
from etalage.training.recipes import RECIPES

LABELS = "validation.csv"


def details(recipe: Recipe, data: Data) -> dict[str, Any]:
    """Return the keys of ``run.json`` that only a report reads."""
    return {"changed": changed(recipe), "category_products": data.counts().tolist()}


def changed(recipe: Recipe) -> dict[str, Any]:
    """Return what the recipe of that name says of each value that is another here.

    A recipe of the user's own is compared with the defaults of ``Recipe``.
    """
    named = RECIPES.get(recipe.name)
    before = describe(named) if named else _defaults()
    return {
        name: before[name]
        for name, value in describe(recipe).items()
        if name in before and before[name] != value
    }


def _defaults() -> dict[str, Any]:
    return {each.name: each.default for each in fields(Recipe) if each.default is not MISSING}


def write_labels(folder: Path, data: Data) -> None:
    """Write ``validation.csv``; nothing where there are no validation products."""
    rows = data.validation
    if not len(rows):
        return
    columns = {
        "_id": data.index.product_ids.take(pa.array(rows)),
        "category_id": pa.array(data.index.taxonomy.ids[data.labels[rows]]),
    }
    with whole_file(folder / LABELS, overwrite=True) as part:
        csv.write_csv(pa.table(columns), part, csv.WriteOptions(quoting_style="needed"))
