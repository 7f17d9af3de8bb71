"""The real layout of 2017 goes through: 1,768,182 products, 5,270 categories."""

from pathlib import Path

import numpy as np
import pytest

from etalage.catalogue.taxonomy import read_taxonomy
from etalage.competition.competition import open_competition
from etalage.competition.folder import create_competition
from etalage.predictions.submission import read_submission, write_submission


@pytest.mark.slow
def test_the_real_sample_submission_is_taken_and_scored(shared: Path, tmp_path: Path) -> None:
    cdiscount = shared / "data/cdiscount"
    taxonomy = read_taxonomy(cdiscount / "category_names.csv")
    sample = read_submission(cdiscount / "sample_submission.csv.zip")
    random = np.random.default_rng(0)
    right = taxonomy.ids[random.zipf(1.2, len(sample)) % len(taxonomy)]
    write_submission(tmp_path / "truth.csv", sample.product_ids, right)
    about = create_competition(
        tmp_path / "truth.csv", tmp_path / "c", taxonomy=cdiscount / "category_names.csv"
    )
    competition = open_competition(tmp_path / "c")
    competition.register.enter("Ada")
    receipt = competition.submit(
        cdiscount / "sample_submission.csv.zip", competition.register.team("Ada")
    )
    assert (about.products, about.categories) == (1_768_182, 5_270)
    assert abs(about.public / about.products - 0.3) < 0.001
    assert abs(receipt.public - np.mean(right == 1_000_010_653)) < 0.001
