"""Serving until a signal stops it: what is being judged is finished first."""

import logging
import signal
import socket
from types import FrameType

import uvicorn

from etalage.competition.competition import Competition
from etalage.errors import ConfigError
from etalage.serve.judge.app import make_app

_log = logging.getLogger(__name__)
_GRACE = 120
_CONNECTIONS = 512


def run(competition: Competition, *, host: str, port: int, at_once: int) -> None:
    """Serve a competition until the process is told to stop (SIGTERM or SIGINT).

    Raises:
        ConfigError: the address cannot be listened on, or an option is out of its range.
    """
    if at_once < 1:
        raise ConfigError(f"{at_once} submissions at once: expected 1 or more")
    competition.sweep()
    config = uvicorn.Config(
        make_app(competition, at_once=at_once),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # The server raises the signal once more when it has stopped: then there is nothing to do.
        server.should_exit = True

    with _listen(host, port) as listening:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        shown = f"[{host}]" if ":" in host else host
        _log.info("http://%s:%d: %s", shown, listening.getsockname()[1], competition.about.name)
        server.run(sockets=[listening])
    _log.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
    except (OSError, OverflowError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        message = f"{host}, port {port}: cannot be listened on: {reason}"
        raise ConfigError(message, hint="choose another --port") from cause
