"""Whatever is sent: it is taken with the score an independent reader gives it, or refused."""

import csv
import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from competitions import HEADER, NAMES
from etalage.competition.competition import Competition, open_competition
from etalage.competition.folder import create_competition
from etalage.competition.records import Team
from etalage.errors import SubmissionError

RIGHT = {10 * row: 1000 + 10 * (row % 3) for row in range(12)}
PUBLIC = {product for row, product in enumerate(RIGHT) if row % 2 == 0}
WHOLE = HEADER + "".join(f"{product},{leaf}\n" for product, leaf in RIGHT.items())
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(WHOLE)),
        st.integers(0, 6),
        st.sampled_from(
            ["", "0", "1", ",", "\n", '"', "\r\n", "\x00", "é", "-", "10,1000\n", "30,1010\n"]
        ),
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Competition, Team]:
    """A competition of twelve products, every second one public, and a team."""
    folder = tmp_path_factory.mktemp("tiny")
    lines = (
        f"{product},{leaf},{'public' if product in PUBLIC else 'private'}\n"
        for product, leaf in RIGHT.items()
    )
    (folder / "t.csv").write_text("_id,category_id,part\n" + "".join(lines))
    (folder / "n.csv").write_text(NAMES)
    create_competition(folder / "t.csv", folder / "c", taxonomy=folder / "n.csv", per_day=100_000)
    competition = open_competition(folder / "c")
    competition.register.enter("Ada")
    return competition, competition.register.team("Ada")


def public_score(data: bytes) -> float:
    """Score a file by reading it with the csv module, row by row."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    answers = {int(product): int(leaf) for product, leaf in filter(None, rows[1:])}
    assert rows[0] == ["_id", "category_id"]
    assert sorted(answers) == sorted(RIGHT)
    assert len([row for row in rows if row]) == len(RIGHT) + 1
    return round(sum(answers[product] == RIGHT[product] for product in PUBLIC) / len(PUBLIC), 5)


@given(edits=EDITS, zipped=st.booleans())
@example(edits=[], zipped=True)
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_submission_is_refused_or_scored_as_an_independent_reader_does(
    edits: list[tuple[int, int, str]],
    zipped: bool,
    tiny: tuple[Competition, Team],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    text = WHOLE
    for place, cut, new in edits:
        text = text[:place] + new + text[place + cut :]
    path = write(tmp_path_factory.mktemp("d") / "s", text.encode(), zipped)
    competition, team = tiny
    before = len(competition.register.entries())
    try:
        receipt = competition.submit(path, team, name="submission")
    except SubmissionError as error:
        assert error.message.startswith("submission: ")
        assert len(competition.register.entries()) == before
    else:
        assert receipt.public == public_score(text.encode())


def write(path: Path, data: bytes, zipped: bool) -> Path:
    """Write a file, or a zip file of it."""
    if zipped:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("s.csv", data)
    else:
        path.write_bytes(data)
    return path


@given(place=st.integers(0, 10_000), change=st.integers(1, 255))
@settings(max_examples=60)
def test_a_damaged_zip_is_refused_or_scored_as_the_whole_one(
    place: int,
    change: int,
    tiny: tuple[Competition, Team],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = write(tmp_path_factory.mktemp("z") / "s", WHOLE.encode(), zipped=True)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= change
    path.write_bytes(data)
    competition, team = tiny
    with suppress(SubmissionError):
        assert competition.submit(path, team).public == 1.0
