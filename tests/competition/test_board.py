"""The leaderboard ranks as competitions did, and reveals the private part at the end only."""

from etalage.competition.board import Standing, finals, make_board
from etalage.competition.folder import About
from etalage.competition.records import Entry, Team

ABOUT = About("Small", 100, 30, 70, 5, 2, 12)
TEAMS = [Team(1, "Ada"), Team(2, "Bob"), Team(3, "Cy")]


def entry(number: int, team: int, public: float, private: float, *, chosen: bool = False) -> Entry:
    time = f"2026-11-20T10:00:{number:02d}.000Z"
    return Entry(number, team, time, "", 1, "", "", public, private, chosen)


def standings(entries: list[Entry], closed: str | None = None) -> list[Standing]:
    return make_board(ABOUT, TEAMS, entries, closed).standings


def test_teams_rank_by_their_best_public_score_and_the_earlier_of_equals_comes_first() -> None:
    sent = [entry(1, 1, 0.5, 0.9), entry(2, 2, 0.6, 0.1), entry(3, 1, 0.6, 0.2)]
    assert [(line.rank, line.team, line.public) for line in standings(sent)] == [
        (1, "Bob", 0.6),
        (2, "Ada", 0.6),
    ]


def test_while_it_is_open_nothing_private_is_shown() -> None:
    sent = [entry(1, 1, 0.5, 0.12345), entry(2, 2, 0.6, 0.54321)]
    shown = str(make_board(ABOUT, TEAMS, sent, None).to_json())
    assert "12345" not in shown
    assert "54321" not in shown


def test_at_the_end_the_best_private_score_of_the_final_submissions_decides() -> None:
    sent = [
        entry(1, 1, 0.3, 0.99),  # the third by public score: not among the final two
        entry(2, 1, 0.5, 0.40),
        entry(3, 1, 0.6, 0.50),
        entry(4, 2, 0.4, 0.60),
    ]
    closed = standings(sent, "2026-12-14T00:00:00.000Z")
    assert [(line.team, line.private, line.public_rank) for line in closed] == [
        ("Bob", 0.60, 2),
        ("Ada", 0.50, 1),
    ]


def test_chosen_submissions_count_and_the_best_fill_the_places_left_free() -> None:
    sent = [
        entry(1, 1, 0.3, 0.1, chosen=True),
        entry(2, 1, 0.5, 0.1),
        entry(3, 1, 0.6, 0.1),
    ]
    assert [final.id for final in finals(sent, 2)] == [1, 3]


def test_the_history_tells_each_rise_of_the_best_score() -> None:
    sent = [entry(1, 2, 0.4, 0), entry(2, 1, 0.4, 0), entry(3, 1, 0.3, 0), entry(4, 1, 0.7, 0)]
    leads = make_board(ABOUT, TEAMS, sent, None).leads
    assert [(lead.team, lead.public) for lead in leads] == [("Bob", 0.4), ("Ada", 0.7)]


def test_who_sent_nothing_is_counted_but_does_not_rank() -> None:
    board = make_board(ABOUT, TEAMS, [entry(1, 3, 0.4, 0)], None)
    assert (board.teams, [line.team for line in board.standings]) == (3, ["Cy"])
