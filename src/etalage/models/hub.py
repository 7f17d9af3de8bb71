"""Where timm's pretrained weights come from: its cache, else its hub, and what if neither has them.

The hub's own client retries for most of a minute before it gives up. So the cache is looked at
first, and the hub is asked once, with a short patience, before the client is let loose.
"""

import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from huggingface_hub.constants import ENDPOINT

from etalage.errors import ModelError

PATIENCE = 5.0
"""Seconds the hub has to answer anything at all."""
_FILES = ("model.safetensors", "pytorch_model.bin")
_TRUE = {"1", "on", "yes", "true"}


def cached_weights(repository: str | None, filename: str | None) -> Path | None:
    """Return the weight file of a hub repository where it was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    if repository is None:
        return None
    name, _, revision = repository.partition("@")
    for candidate in (filename,) if filename else _FILES:
        found = try_to_load_from_cache(name, candidate, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def require_hub(backbone: str, address: str | None = None) -> None:
    """Check that the hub (or another address) answers.

    Raises:
        ModelError: it does not, or the environment forbids to ask.
    """
    if address is None and os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise unreachable(backbone, "HF_HUB_OFFLINE forbids it")
    place = address or os.environ.get("HF_ENDPOINT", ENDPOINT)
    try:
        with urllib.request.urlopen(urllib.request.Request(place, method="HEAD"), timeout=PATIENCE):
            pass
    except urllib.error.HTTPError:
        pass  # it answers
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ssl.SSLError):  # the client may know other certificates
            raise unreachable(backbone, str(reason)) from error


def unreachable(backbone: str, reason: str) -> ModelError:
    """Return the error that tells what else to do."""
    message = f"the pretrained weights of {backbone} cannot be had from the hub ({reason})"
    return ModelError(
        f"{message}: give a local file with --weights FILE, or start from nothing with "
        "--weights none",
        hint="docs/weights.md: weights without a network",
    )
