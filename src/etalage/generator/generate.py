"""Generates a catalogue whose statistics follow those published for Cdiscount's.

The output folder has what a competitor sees (``train.bson``, ``train_example.bson``, ``test.bson``,
``category_names.csv``, ``products.csv``, ``sample_submission.csv``), ``synth.json`` (what was asked
and what came out) and, apart, ``*_truth.csv``. ``etalage.generator.write`` has the formats.
"""

import shutil
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy
from etalage.errors import ConfigError
from etalage.files import whole_folder, write_json
from etalage.generator.drawings import choose_drawings
from etalage.generator.looks import leaf_looks
from etalage.generator.plan import Plan, make_plan
from etalage.generator.pool import make_pool
from etalage.generator.statistics import SynthReport, measure
from etalage.generator.taxonomy import make_tree
from etalage.generator.truth import write_truth
from etalage.generator.write import write_catalogue

FRESH_DRAWINGS = 200_000
_SCHEMA = 1
_MOST_PRODUCTS = 500_000_000  # ids are int32


def synth(
    output: Path,
    *,
    products: int,
    seed: int = 0,
    categories: int | None = None,
    taxonomy: Path | None = None,
    stats: Path | None = None,
    test: float = 0.2,
    fresh_drawings: int | None = None,
    text: bool = False,
    overwrite: bool = False,
) -> SynthReport:
    """Generate a catalogue.

    Args:
        output: folder to write, whole or not at all.
        products: train and test together.
        seed: same arguments and seed, same bytes.
        categories: leaves; by default one for 120 products, 20 to 5,270.
        taxonomy: a ``category_names.csv`` to take the leaves from, else the own French tree.
        stats: a ``category_stats.csv`` to take leaves and their sizes from.
        test: fraction of the products in ``test.bson``.
        fresh_drawings: about how many pictures are really drawn at most (200,000); others borrow a
            drawing of their leaf and differ in a JPEG comment.
        text: put title, description, brand and price into the documents, too.
        overwrite: replace ``output``.

    Raises:
        ConfigError: an option out of its range.
        TaxonomyError: ``taxonomy`` or ``stats`` cannot be read.
        OutputError: ``output`` exists or cannot be written.
    """
    _check(products, seed, test, fresh_drawings)
    tree = make_tree(products, seed, categories=categories, taxonomy=taxonomy, stats=stats)
    asked = {
        "products": products, "seed": seed, "categories": categories, "test": test, "text": text,
        "fresh_drawings": fresh_drawings, "taxonomy": taxonomy and taxonomy.name,
        "stats": stats and stats.name,
    }  # fmt: skip
    with whole_folder(output, overwrite=overwrite) as folder:
        plan = make_plan(tree, products, test, seed)
        most = FRESH_DRAWINGS if fresh_drawings is None else fresh_drawings
        drawings = _write_documents(folder, plan, tree.taxonomy, seed, most=most, text=text)
        write_taxonomy(tree.taxonomy, folder / "category_names.csv")
        write_truth(folder, plan, tree.taxonomy.ids, seed)
        report = measure(folder, plan, len(tree.taxonomy), drawings)
        document = {"schema": _SCHEMA, "asked": asked, "made": asdict(report)}
        write_json(folder / "synth.json", document)
    return report


def _write_documents(
    folder: Path, plan: Plan, taxonomy: Taxonomy, seed: int, *, most: int, text: bool
) -> int:
    """Draw the pictures and write the products; return how many were drawn."""
    looks = leaf_looks(taxonomy)
    drawings, drawing = choose_drawings(plan, most)
    scratch = folder / "scratch"
    scratch.mkdir()
    with closing(make_pool(scratch, drawings, looks, seed)) as pool:
        write_catalogue(folder, plan, pool, drawing, looks, taxonomy.ids, seed=seed, text=text)
    shutil.rmtree(scratch)
    return len(drawings)


def _check(products: int, seed: int, test: float, fresh_drawings: int | None) -> None:
    if not 1 <= products <= _MOST_PRODUCTS:
        raise ConfigError(f"products is {products}, expected 1 to {_MOST_PRODUCTS:,}")
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected 0 or more")
    if not 0 <= test <= 0.9:
        raise ConfigError(f"test is {test}, expected 0 to 0.9")
    if fresh_drawings is not None and fresh_drawings < 1:
        raise ConfigError(f"fresh_drawings is {fresh_drawings}, expected 1 or more")
