"""Generates a catalogue whose statistics follow those published for Cdiscount's.

The output folder has what a competitor sees (``train.bson``, ``train_example.bson``, ``test.bson``,
``category_names.csv``, ``products.csv``, ``sample_submission.csv``), ``synth.json`` (what was asked
and what came out) and, apart, ``truth/``. ``etalage.generator.write`` has the formats.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import write_taxonomy
from etalage.errors import ConfigError
from etalage.files import whole_folder, write_json
from etalage.generator.looks import Look, leaf_looks
from etalage.generator.plan import Plan, make_plan
from etalage.generator.pool import DRAWING, Progress, make_pool
from etalage.generator.series import BOILERPLATES, IMAGE_COUNTS
from etalage.generator.statistics import SynthReport, measure
from etalage.generator.taxonomy import make_tree
from etalage.generator.write import write_catalogue, write_columns

FRESH_DRAWINGS = 200_000
_PUBLIC = 0.3
_SCHEMA = 1
_MOST_PRODUCTS = 500_000_000  # ids are int32


def _silent(_stage: str, _done: int, _total: int) -> None:
    pass


def synth(output: Path, *, products: int, seed: int = 0, categories: int | None = None,
          taxonomy: Path | None = None, stats: Path | None = None, test: float = 0.2,
          fresh_drawings: int | None = None, text: bool = False, overwrite: bool = False,
          progress: Progress = _silent) -> SynthReport:  # fmt: skip
    """Generate a catalogue.

    Args:
        output: folder to write, whole or not at all.
        products: train and test together.
        seed: same arguments and seed, same bytes.
        categories: leaves; by default one for 120 products, 20 to 5,270.
        taxonomy: a ``category_names.csv`` to take the leaves from, else the own French tree.
        stats: a ``category_stats.csv`` to take leaves and their sizes from.
        test: fraction of the products in ``test.bson``.
        fresh_drawings: most pictures really drawn (200,000); others borrow a drawing of their leaf
            and differ in a JPEG comment.
        text: put title, description, brand and price into the documents, too.
        overwrite: replace ``output``.
        progress: called with "draw" or "write", done, total.

    Raises:
        ConfigError: an option out of its range.
        TaxonomyError: ``taxonomy`` or ``stats`` cannot be read.
        OutputError: ``output`` exists or cannot be written.
    """
    _check(products, seed, test, fresh_drawings)
    tree = make_tree(products, seed, categories=categories, taxonomy=taxonomy, stats=stats)
    looks = leaf_looks(tree.taxonomy)
    with whole_folder(output, overwrite=overwrite) as folder:
        plan = make_plan(tree, products, test, seed)
        ids = tree.taxonomy.ids
        drawings, drawing = _drawings(plan, FRESH_DRAWINGS if fresh_drawings is None else fresh_drawings)
        scratch = folder / "scratch"
        scratch.mkdir()
        pool = make_pool(scratch, drawings, looks, seed, progress)
        write_catalogue(folder, plan, pool, drawing, looks, ids, seed=seed, text=text, progress=progress)
        del pool
        _remove(scratch)
        write_taxonomy(tree.taxonomy, folder / "category_names.csv")
        _write_truth(folder, plan, ids, seed)
        report = measure(folder, plan, len(tree.taxonomy), len(drawings))
        asked = {"products": products, "seed": seed, "categories": categories, "test": test,
                 "fresh_drawings": fresh_drawings, "text": text,
                 "taxonomy": taxonomy and taxonomy.name, "stats": stats and stats.name}  # fmt: skip
        write_json(folder / "synth.json", {"schema": _SCHEMA, "asked": asked, "made": asdict(report)})
    return report


def _check(products: int, seed: int, test: float, fresh_drawings: int | None) -> None:
    if not 1 <= products <= _MOST_PRODUCTS:
        raise ConfigError(f"products is {products}, expected 1 to {_MOST_PRODUCTS:,}")
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected 0 or more")
    if not 0 <= test <= 0.9:
        raise ConfigError(f"test is {test}, expected 0 to 0.9")
    if fresh_drawings is not None and fresh_drawings < 1:
        raise ConfigError(f"fresh_drawings is {fresh_drawings}, expected 1 or more")


def _remove(scratch: Path) -> None:
    for path in scratch.iterdir():
        path.unlink()
    scratch.rmdir()


def _drawings(plan: Plan, most: int) -> tuple[NDArray[np.void], NDArray[np.int32] | None]:
    """Return what to draw (dtype ``DRAWING``) and which drawing each picture shows (None: its own)."""
    if plan.pictures <= most:
        return _own_drawings(plan), None
    return _borrowed_drawings(plan, most)


def _boilerplate_rows() -> NDArray[np.void]:
    rows = np.zeros(BOILERPLATES, DRAWING)
    rows["series"] = np.arange(BOILERPLATES)
    rows["rank"] = -1
    return rows


def _slots(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    product = np.repeat(np.arange(len(plan)), np.diff(plan.start))
    return product, np.arange(len(product)) - plan.start[product]


def _own_drawings(plan: Plan) -> NDArray[np.void]:
    product, rank = _slots(plan)
    rows = np.zeros(plan.pictures, DRAWING)
    series = plan.series[product]
    own = ((plan.shared[series] >> rank) & 1) == 0
    rows["leaf"][plan.picture] = plan.leaf[product]
    rows["series"][plan.picture] = series
    # A product's own picture within a series shows a variant: the same thing in another colour.
    rows["variant"][plan.picture] = np.where(own & (plan.shared[series] > 0), product + 1, 0)
    rows["rank"][plan.picture] = rank
    rows[:BOILERPLATES] = _boilerplate_rows()
    return rows


def _borrowed_drawings(plan: Plan, most: int) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Draw a few objects of each leaf; every product borrows one that has as many views.

    The objects of a leaf lie side by side, those with the most views first.
    """
    sizes = np.bincount(plan.leaf)
    mean = float(np.dot(IMAGE_COUNTS, (1, 2, 3, 4))) / sum(IMAGE_COUNTS)
    objects = np.maximum(most / mean * sizes / sizes.sum(), 1).astype(np.int64)
    richer = np.cumsum(IMAGE_COUNTS[::-1]) / sum(IMAGE_COUNTS)
    have = np.ceil(objects[:, None] * richer[None, :]).astype(np.int64)[:, ::-1]
    have[:, 0] = objects
    rank_start = np.cumsum(have.ravel()) - have.ravel() + BOILERPLATES
    rank_start = rank_start.reshape(have.shape)
    rows = np.zeros(BOILERPLATES + int(have.sum()), DRAWING)
    rows[:BOILERPLATES] = _boilerplate_rows()
    cell = np.repeat(np.arange(have.size), have.ravel())
    rows["leaf"][BOILERPLATES:] = cell // 4
    rows["rank"][BOILERPLATES:] = cell % 4
    place = np.arange(len(cell)) + BOILERPLATES - rank_start.ravel()[cell]
    first = np.cumsum(objects) - objects
    rows["series"][BOILERPLATES:] = first[cell // 4] + place
    return rows, _borrow(plan, have, rank_start)


def _borrow(plan: Plan, have: NDArray[np.int64], start: NDArray[np.int64]) -> NDArray[np.int32]:
    product, rank = _slots(plan)
    count = np.diff(plan.start)
    series, leaf = plan.series[product].astype(np.int64), plan.leaf[product]
    own = ((plan.shared[series] >> rank) & 1) == 0
    spread = (series * 7919 + np.where(own & (plan.shared[series] > 0), product * 104_729, 0)) >> 1
    chosen = start[leaf, rank] + spread % have[leaf, count[product] - 1]
    drawing = np.zeros(plan.pictures, np.int32)
    drawing[plan.picture] = chosen
    drawing[:BOILERPLATES] = np.arange(BOILERPLATES)
    return drawing


def _write_truth(folder: Path, plan: Plan, ids: NDArray[np.int64], seed: int) -> None:
    truth = folder / "truth"
    truth.mkdir()
    clean, given = ids[plan.leaf], ids[plan.given]
    train = ~plan.test
    write_columns(
        truth / "train_truth.csv", "_id,category_id,given_category_id",
        [plan.ids[train], clean[train], given[train]], "{},{},{}\n".format,
    )  # fmt: skip
    public = public_part(plan.leaf[plan.test], plan.given[plan.test], seed)
    write_columns(
        truth / "test_truth.csv", "_id,category_id,given_category_id,part",
        [plan.ids[plan.test], clean[plan.test], given[plan.test], np.where(public, "public", "private")],
        "{},{},{},{}\n".format,
    )  # fmt: skip
    usual = ids[np.bincount(plan.given[train], minlength=len(ids)).argmax()]
    constant = np.full(int(plan.test.sum()), usual)
    write_columns(
        folder / "sample_submission.csv", "_id,category_id", [plan.ids[plan.test], constant],
        "{},{}\n".format,
    )  # fmt: skip
    _write_resellers(truth / "resellers.csv", plan)


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
    return public | ~np.isin(given, given[public])
