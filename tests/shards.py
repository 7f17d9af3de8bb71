"""Functions that worker processes can import."""

import os
import signal

from etalage.errors import CatalogueError


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


def fail_at_three(number: int) -> int:
    """Refuse one shard."""
    if number == 3:
        raise CatalogueError(f"shard {number} is bad", hint="leave it out")
    return number


def die_at_three(number: int) -> int:
    """Be killed, as the system does for memory."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
