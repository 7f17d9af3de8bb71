"""A competition scores what is right, counts what it takes, and keeps its truth to itself."""

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from competitions import HEADER, Files
from etalage.competition.competition import Competition, open_competition
from etalage.competition.folder import create_competition
from etalage.competition.records import Team
from etalage.competition.register import Register
from etalage.errors import ClosedError, CompetitionError, LimitError, SubmissionError


def enter(competition: Competition, name: str = "Ada") -> Team:
    competition.register.enter(name)
    return competition.register.team(name)


def test_the_scores_are_the_shares_of_right_answers_in_each_part(files: Files) -> None:
    part = ["public" if row % 4 == 0 or row < 40 else "private" for row in range(len(files.ids))]
    lines = zip(files.ids, files.right, part, strict=True)
    truth = "_id,category_id,part\n" + "".join(f"{a},{b},{c}\n" for a, b, c in lines)
    files.truth.write_text(truth)
    create_competition(files.truth, files.folder / "c", taxonomy=files.names)
    competition = open_competition(files.folder / "c")
    team = enter(competition)
    receipt = competition.submit(files.answer("s.csv", wrong=37), team)
    competition.register.close()
    assert receipt.public == round(1 - 37 / part.count("public"), 5)
    assert receipt.private is None
    assert competition.history(team)[0].private == 1.0


def test_the_order_of_lines_does_not_matter(competition: Competition, files: Files) -> None:
    lines = files.answer("s.csv", wrong=100).read_text().splitlines(keepends=True)
    (files.folder / "t.csv").write_text(lines[0] + "".join(sorted(lines[1:])))
    team = enter(competition)
    first = competition.submit(files.folder / "s.csv", team)
    assert competition.submit(files.folder / "t.csv", team).public == first.public


def test_everything_hidden_is_the_owners_alone(competition: Competition) -> None:
    def mode(name: str) -> int:
        return stat.S_IMODE((competition.folder / name).stat().st_mode)

    assert (mode("."), mode("truth.parquet"), mode("judge.sqlite")) == (0o700, 0o600, 0o600)


def test_a_truth_that_others_may_read_is_not_used(competition: Competition) -> None:
    (competition.folder / "truth.parquet").chmod(0o640)
    with pytest.raises(CompetitionError, match="others than its owner may read it") as caught:
        open_competition(competition.folder)
    assert caught.value.hint.startswith("chmod 600 ")


def test_another_truth_is_noticed(competition: Competition) -> None:
    with (competition.folder / "truth.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CompetitionError, match="is not the truth that the competition was made"):
        open_competition(competition.folder)


def test_what_everybody_gets_does_not_depend_on_the_truth(
    competition: Competition, files: Files
) -> None:
    files.right.reverse()
    files.answer("other.csv")
    create_competition(files.folder / "other.csv", files.folder / "d", taxonomy=files.names)
    for name in ("sample_submission.csv.zip", "categories.csv"):
        other = (files.folder / "d" / name).read_bytes()
        assert (competition.folder / name).read_bytes() == other
    assert "[" not in repr(competition._hidden)


def test_a_refusal_says_the_same_whatever_the_truth_is(
    competition: Competition, files: Files
) -> None:
    lines = files.answer("s.csv", 7).read_text().splitlines(keepends=True)
    files.right.reverse()
    files.answer("other.csv")
    create_competition(files.folder / "other.csv", files.folder / "d", taxonomy=files.names)
    held = (competition, open_competition(files.folder / "d"))
    bad = files.folder / "bad.csv"
    for text in (lines[:-3], [*lines, "8,1000\n"], [*lines, lines[9]], [*lines[:9], "7,5\n"], []):
        bad.write_text("".join(text))
        said = set()
        for one in held:
            with pytest.raises(SubmissionError) as caught:
                one.submit(bad, Team(1, "Ada"), name="s")
            said.add(str(caught.value))
        assert len(said) == 1


def test_the_same_truth_in_another_order_makes_the_same_parts(
    competition: Competition, files: Files
) -> None:
    lines = files.truth.read_text().splitlines(keepends=True)
    files.truth.write_text(lines[0] + "".join(reversed(lines[1:])))
    create_competition(files.truth, files.folder / "d", taxonomy=files.names)
    same = open_competition(files.folder / "d")._hidden
    assert np.array_equal(same.public, competition._hidden.public)
    assert same.product_ids.equals(competition._hidden.product_ids)


def test_the_sample_submission_is_one(competition: Competition) -> None:
    receipt = competition.submit(competition.sample, enter(competition))
    assert 0 < receipt.public < 1


def test_submissions_of_a_day_are_limited_and_the_next_day_begins_anew(
    competition: Competition, files: Files
) -> None:
    team = enter(competition)
    time = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    competition.register = Register(competition.folder / "judge.sqlite", clock=lambda: time)
    for wrong in range(5):
        competition.submit(files.answer("s.csv", wrong), team)
    with pytest.raises(LimitError, match="Ada has used up its 5 submissions of 2026-11-20"):
        competition.submit(files.answer("s.csv", 5), team)
    time += timedelta(seconds=1)
    assert competition.submit(files.answer("s.csv", 5), team).id == 6


def test_a_refused_file_does_not_count_and_is_not_kept(
    competition: Competition, files: Files
) -> None:
    team = enter(competition)
    (files.folder / "bad.csv").write_text(HEADER + "7,1000\n")
    for _ in range(9):
        with pytest.raises(SubmissionError, match="399 of 400 expected products are missing"):
            competition.submit(files.folder / "bad.csv", team)
    assert competition.register.check_open(team, 5) == 5
    assert list(competition.sent.iterdir()) == []


def test_the_very_same_file_is_one_submission(competition: Competition, files: Files) -> None:
    team = enter(competition)
    first = competition.submit(files.answer("s.csv"), team, note="first")
    again = competition.submit(files.answer("s.csv"), team, note="again")
    assert again == first
    assert competition.submit(files.folder / "s.csv", enter(competition, "Bob")).id == first.id + 1


def test_a_counted_file_is_kept_as_it_was_sent(competition: Competition, files: Files) -> None:
    competition.submit(files.answer("s.csv", 3), enter(competition))
    (kept,) = competition.sent.iterdir()
    assert kept.read_bytes() == (files.folder / "s.csv").read_bytes()


def test_a_team_chooses_among_its_own_only(competition: Competition, files: Files) -> None:
    ada, bob = enter(competition), enter(competition, "Bob")
    mine = competition.submit(files.answer("s.csv", 5), ada)
    yours = competition.submit(files.answer("s.csv", 6), bob)
    competition.choose(ada, [mine.id])
    with pytest.raises(CompetitionError, match="submission 2 is none of Ada"):
        competition.choose(ada, [yours.id])
    assert competition.history(ada)[0].chosen
    assert not competition.history(bob)[0].chosen


def test_nothing_is_taken_after_the_end(competition: Competition, files: Files) -> None:
    team = enter(competition)
    competition.submit(files.answer("s.csv", 5), team)
    closed = competition.register.close()
    assert competition.register.close() == closed
    with pytest.raises(ClosedError, match="was closed at 20"):
        competition.submit(files.answer("t.csv"), team)
    with pytest.raises(ClosedError):
        competition.choose(team, [1])


def test_a_score_never_shows_more_than_five_decimals(
    competition: Competition, files: Files
) -> None:
    receipt = competition.submit(files.answer("s.csv", 111), enter(competition))
    competition.register.close()
    standing = competition.board().standings[0]
    for score in (receipt.public, standing.public, standing.private):
        assert score == round(float(score or 0), 5)


def test_a_token_is_not_kept_and_a_new_one_ends_the_old(competition: Competition) -> None:
    token = competition.register.enter("Ada")
    base = b"".join(path.read_bytes() for path in competition.folder.glob("judge.sqlite*"))
    assert token.encode() not in base
    assert competition.register.team_of_token(token).name == "Ada"
    renewed = competition.register.enter("ADA", renew=True)
    assert competition.register.team_of_token(renewed).name == "Ada"
    with pytest.raises(CompetitionError, match="the token is no team's"):
        competition.register.team_of_token(token)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a\u202eb", "a\x00"])
def test_a_name_that_cannot_be_shown_is_refused(competition: Competition, name: str) -> None:
    with pytest.raises(CompetitionError, match="a team cannot be called"):
        competition.register.enter(name)


def test_one_name_is_one_team(competition: Competition) -> None:
    enter(competition, "Les \u00e9tals")
    with pytest.raises(CompetitionError, match="there is already a team"):
        competition.register.enter("LES E\u0301TALS")


def test_what_a_killed_process_left_is_swept_after_a_day(competition: Competition) -> None:
    for name, age in (("old", 90_000), ("new", 60)):
        left = competition.sent / f".unfinished-{name}"
        left.write_bytes(b"x")
        at = left.stat().st_mtime - age
        os.utime(left, (at, at))
    competition.sweep()
    assert [left.name for left in competition.sent.iterdir()] == [".unfinished-new"]


def test_a_damaged_register_is_told_in_words(competition: Competition) -> None:
    (competition.folder / "judge.sqlite").write_bytes(b"no register" * 999)
    with pytest.raises(CompetitionError, match=r"judge.sqlite: cannot be used: file is not a data"):
        open_competition(competition.folder)


def test_a_folder_may_move(competition: Competition, tmp_path: Path, files: Files) -> None:
    team = enter(competition)
    shutil.move(competition.folder, tmp_path / "moved")
    moved: Any = open_competition(tmp_path / "moved")
    assert moved.submit(files.answer("s.csv"), team).public == 1.0
