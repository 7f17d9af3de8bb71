"""The COMPETITION folder: what is hidden, what is known, and how it is made and opened.

    competition.json            what it is: name, counts, limits, the truth's fingerprint (schema 1)
    categories.csv              the taxonomy that every answer is a leaf of
    sample_submission.csv.zip   the products to answer, ascending, all with the lowest category id
    truth.parquet               hidden: product_id, category_id, public; products ascending
    judge.sqlite                teams and submissions: see ``register``
    submissions/                every counted submission as it was sent

The folder is its owner's alone (mode 0700), and the truth and the register are, too (0600). The
truth is read by the process that compares, and nothing of a single product ever leaves it.
"""

import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy, write_taxonomy
from etalage.competition.parts import deal, given
from etalage.competition.register import create_register
from etalage.errors import CompetitionError, ConfigError
from etalage.files import fingerprint, read_json, run_record, whole_folder, write_json
from etalage.predictions.submission import write_submission
from etalage.predictions.truth import Truth, read_truth

SCHEMA = 1
SAMPLE = "sample_submission.csv.zip"
_TRUTH, _ABOUT, _TAXONOMY, REGISTER = (
    "truth.parquet",
    "competition.json",
    "categories.csv",
    "judge.sqlite",
)
_HINT = "etalage judge create TRUTH -o COMPETITION"


@dataclass(frozen=True)
class About:
    """What everybody may know of a competition.

    Attributes:
        name: its title.
        products, public, private: how many products in all and in each part.
        per_day: how many submissions a team has on a day (UTC).
        finals: how many submissions of a team count in the end.
        categories: how many categories there are to choose from.
    """

    name: str
    products: int
    public: int
    private: int
    per_day: int
    finals: int
    categories: int


@dataclass(frozen=True, eq=False)
class Hidden:
    """The truth. Nothing of it is shown, not even by ``repr``.

    Attributes:
        product_ids: ascending, int64 or string, (P,).
        categories: category ids, (P,) int64.
        public: whether each product is of the public part, (P,).
    """

    product_ids: pa.Array = field(repr=False)
    categories: NDArray[np.int64] = field(repr=False)
    public: NDArray[np.bool_] = field(repr=False)


def create_competition(
    truth: Path,
    output: Path,
    *,
    name: str = "",
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    public: float = 0.3,
    per_day: int = 5,
    finals: int = 2,
    seed: int = 0,
    overwrite: bool = False,
) -> About:
    """Make a competition of a truth.

    Args:
        truth: a labelled INDEX, or a CSV file with the columns ``_id`` and ``category_id``; a
            column ``part`` of it says which products are ``public`` and which ``private``.
        output: the COMPETITION folder to write.
        name: its title, by default the folder's name.
        taxonomy: category_names.csv; an INDEX brings its own.
        split: of an INDEX: a SPLIT of which only one part is asked.
        part: of the split, ``test`` by default.
        public: the share of the products to make public, where no column says it.
        per_day: how many submissions a team has on a day.
        finals: how many submissions of a team count in the end.
        seed: of the lot that deals the parts.
        overwrite: replace ``output``.

    Raises:
        PredictionsError, TaxonomyError, SplitError: the truth cannot be used.
        CompetitionError: it cannot be dealt, or the taxonomy is missing.
        ConfigError: an option out of its range.
        OutputError: ``output`` exists or cannot be written.
    """
    if per_day < 1 or finals < 1:
        raise ConfigError(f"{per_day} submissions a day, {finals} in the end: expected 1 or more")
    right, tree = _read_sorted(truth, taxonomy, split, part)
    leaves = tree.rows(right.categories)
    shown = (
        deal(leaves, public, seed) if right.part is None else given(right.part, leaves, str(truth))
    )
    asked = int(shown.sum())
    about = About(
        name or output.name, len(right), asked, len(right) - asked, per_day, finals, len(tree)
    )
    with whole_folder(output, overwrite=overwrite) as folder:
        folder.chmod(stat.S_IRWXU)
        _write_hidden(folder / _TRUTH, Hidden(right.product_ids, right.categories, shown))
        write_taxonomy(tree, folder / _TAXONOMY)
        lowest = np.full(len(right), tree.ids[0], np.int64)
        write_submission(folder / SAMPLE, right.product_ids, lowest)
        (folder / "submissions").mkdir()
        create_register(folder / REGISTER)
        write_json(folder / _ABOUT, _document(about, folder, seed, right))
    return about


def _read_sorted(
    path: Path, taxonomy: Path | None, split: Path | None, part: str | None
) -> tuple[Truth, Taxonomy]:
    """Return the truth in the order of its ids: any other might tell what belongs together."""
    if part is not None and split is None:
        raise ConfigError(f"part {part!r} of what? a part is one of a split", hint="add --split")
    tree = None if taxonomy is None else read_taxonomy(taxonomy)
    truth = read_truth(path, tree, split=split, part=part)
    tree = tree or truth.taxonomy
    if tree is None:
        raise CompetitionError(
            f"{path}: says nothing of the categories that there are to choose from",
            hint="add --taxonomy category_names.csv",
        )
    order = pc.sort_indices(truth.product_ids).to_numpy()
    return truth.take(np.asarray(order, np.int64)), tree


def _document(about: About, folder: Path, seed: int, truth: Truth) -> dict[str, Any]:
    return {
        "artefact": "competition",
        "schema": SCHEMA,
        **asdict(about),
        "parts": "dealt" if truth.part is None else "given",
        "seed": seed,
        "truth": {**truth.record, "fingerprint": fingerprint(folder / _TRUTH)},
        "run": run_record(),
    }


def _write_hidden(path: Path, hidden: Hidden) -> None:
    path.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    columns = {
        "product_id": hidden.product_ids,
        "category_id": pa.array(hidden.categories),
        "public": pa.array(hidden.public),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_about(folder: Path) -> tuple[About, dict[str, Any]]:
    """Return what everybody may know of a competition, and the whole document."""
    document = read_json(folder / _ABOUT, CompetitionError, _HINT)
    if (document.get("artefact"), document.get("schema")) != ("competition", SCHEMA):
        raise CompetitionError(f"{folder / _ABOUT}: is no competition of schema {SCHEMA}")
    return About(**{name: document[name] for name in About.__dataclass_fields__}), document


def read_hidden(folder: Path, document: dict[str, Any]) -> tuple[Hidden, Taxonomy]:
    """Return the truth and the taxonomy.

    Raises:
        CompetitionError: others than the owner may read the truth, or it is not the one that the
            competition was made with.
    """
    path = folder / _TRUTH
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        same = fingerprint(path) == document["truth"]["fingerprint"]
    except OSError as cause:
        raise CompetitionError(f"{path}: cannot be read: {cause.strerror}") from cause
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CompetitionError(
            f"{path}: others than its owner may read it (mode {mode:o})", hint=f"chmod 600 {path}"
        )
    if not same:
        raise CompetitionError(
            f"{path}: is not the truth that the competition was made with",
            hint="put that one back, or create another competition",
        )
    table = pq.read_table(path)
    hidden = Hidden(
        table["product_id"].combine_chunks(),
        table["category_id"].to_numpy(),
        table["public"].to_numpy(),
    )
    return hidden, read_taxonomy(folder / _TAXONOMY)
