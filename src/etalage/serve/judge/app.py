"""The application: which path does what."""

from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp

from etalage.competition.competition import Competition, Receipt, unfinished
from etalage.competition.records import Team
from etalage.errors import EtalageError, TokenError
from etalage.serve.judge.bounds import Body, SafeHeaders, Slots
from etalage.serve.judge.faults import add_faults
from etalage.serve.judge.page import render, stylesheet

# Each holds a whole submission in memory.
_JUDGES = 2
_SEEN = ["GET", "HEAD"]


def make_app(competition: Competition, *, at_once: int) -> ASGIApp:
    """Return the application that serves a competition.

    Args:
        competition: what is served; it is kept open.
        at_once: how many submissions are taken at the same time.
    """
    app = FastAPI(title=competition.about.name, docs_url=None, redoc_url=None)
    add_faults(app)
    _add_pages(app, competition)
    _add_interface(app, competition, Slots(at_once))
    return SafeHeaders(app)


def _add_pages(app: FastAPI, competition: Competition) -> None:
    style = stylesheet()
    # A board is the same object until something has changed.
    rendered = lru_cache(1)(render)

    @app.api_route("/", methods=_SEEN, response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(rendered(competition.board()))

    @app.api_route("/style.css", methods=_SEEN)
    def style_css() -> Response:
        return Response(style, media_type="text/css")

    @app.api_route("/sample_submission.csv.zip", methods=_SEEN)
    def sample() -> FileResponse:
        return FileResponse(competition.sample, media_type="application/zip")

    @app.api_route("/healthz", methods=_SEEN)
    def healthz() -> dict[str, str]:
        competition.register.closed()
        return {"status": "ok"}


def _add_interface(app: FastAPI, competition: Competition, slots: Slots) -> None:
    def who(request: Request) -> Team:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            hint = "send the header Authorization: Bearer TOKEN"
            raise TokenError("there is no token", hint=hint)
        return competition.register.team_of_token(token.strip())

    judges = CapacityLimiter(_JUDGES)

    @app.get("/api/leaderboard")
    def leaderboard() -> dict[str, Any]:
        return competition.board().to_json()

    @app.get("/api/submissions")
    def history(team: Annotated[Team, Depends(who)]) -> list[dict[str, Any]]:
        return [asdict(receipt) for receipt in competition.history(team)]

    @app.put("/api/chosen")
    def choose(
        team: Annotated[Team, Depends(who)], submission: Annotated[list[int] | None, Query()] = None
    ) -> list[dict[str, Any]]:
        return [asdict(receipt) for receipt in competition.choose(team, submission or [])]

    @app.post("/api/submissions", status_code=201)
    async def submit(
        request: Request, team: Annotated[Team, Depends(who)], note: str = ""
    ) -> dict[str, Any]:
        body = Body(request, competition.max_bytes)
        try:
            with slots.taken(team):
                return asdict(await _judged(competition, body, team, note, judges))
        except EtalageError:
            await body.drain()
            raise


async def _judged(
    competition: Competition, body: Body, team: Team, note: str, judges: CapacityLimiter
) -> Receipt:
    await run_sync(competition.check, team, note)
    with unfinished(competition.sent) as file:
        await body.save(file)
        judge = partial(competition.submit, Path(file.name), team, note=note, name="submission")
        return await run_sync(judge, limiter=judges)
