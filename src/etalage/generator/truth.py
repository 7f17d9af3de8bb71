"""Writes what competitors do not see: the clean labels; and the sample submission beside them.

CSV, UTF-8, with a header line; ``category_id`` is the clean label, ``given_category_id`` the
catalogue's::

    train_truth.csv          _id,category_id,given_category_id
    test_truth.csv           _id,category_id,given_category_id,part (public or private)
    resellers_truth.csv      reseller,products,wrong
    sample_submission.csv    _id,category_id (the most frequent one of train)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.generator.plan import Plan

_PUBLIC = 0.3
_CHUNK = 65_536


def write_truth(folder: Path, plan: Plan, ids: NDArray[np.int64], seed: int) -> None:
    """Write the three truths and the sample submission; ``ids`` are those of the leaf rows."""
    clean, given = ids[plan.leaf], ids[plan.given]
    train = ~plan.test
    columns: list[NDArray[Any]] = [plan.ids[train], clean[train], given[train]]
    header = "_id,category_id,given_category_id"
    write_columns(folder / "train_truth.csv", header, columns, "{},{},{}\n".format)
    public = public_part(plan.leaf[plan.test], plan.given[plan.test], seed)
    part = np.where(public, "public", "private")
    columns = [plan.ids[plan.test], clean[plan.test], given[plan.test], part]
    write_columns(folder / "test_truth.csv", header + ",part", columns, "{},{},{},{}\n".format)
    usual = ids[np.bincount(plan.given[train], minlength=len(ids)).argmax()]
    constant = np.full(int(plan.test.sum()), usual)
    columns = [plan.ids[plan.test], constant]
    write_columns(folder / "sample_submission.csv", "_id,category_id", columns, "{},{}\n".format)
    _write_resellers(folder / "resellers_truth.csv", plan)


def _write_resellers(path: Path, plan: Plan) -> None:
    names = plan.resellers.names
    products = np.bincount(plan.reseller, minlength=len(names))
    wrong = np.bincount(plan.reseller, plan.given != plan.leaf, minlength=len(names))
    columns = [np.array(names), products, wrong.astype(np.int64)]
    write_columns(path, "reseller,products,wrong", columns, "{},{},{}\n".format)


def public_part(leaf: NDArray[np.int32], given: NDArray[np.int32], seed: int) -> NDArray[np.bool_]:
    """Choose the public part: 30 % of each leaf, and one product of it at least.

    A given category of the private part is in the public part, too.
    """
    rng = np.random.default_rng((seed, 31))
    order = np.lexsort((rng.random(len(leaf)), leaf))
    size = np.bincount(leaf, minlength=1)
    rank = np.empty(len(leaf), np.int64)
    rank[order] = np.arange(len(leaf)) - (np.cumsum(size) - size)[leaf[order]]
    public = rank < np.ceil(_PUBLIC * size)[leaf]
    return np.asarray(public | ~np.isin(given, given[public]))


def write_columns(
    path: Path, header: str, columns: list[NDArray[Any]], line: Callable[..., str]
) -> None:
    """Write a CSV file of parallel columns, ``line`` formatting each row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        for first in range(0, len(columns[0]), _CHUNK):
            chunk = [column[first : first + _CHUNK].tolist() for column in columns]
            rows = zip(*chunk, strict=True)
            file.write("".join(line(*row) for row in rows))
