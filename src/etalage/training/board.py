"""Shows a training in TensorBoard: the numbers of ``metrics.jsonl``, as scalars."""

from pathlib import Path
from typing import Any

from etalage.errors import ConfigError

_FIXED = ("step", "epoch")


class Board:
    """Event files of TensorBoard.

    Args:
        folder: where they go.
        step: of a resumed training: what was written of later steps is purged.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        require_tensorboard(folder)
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, step: int, **values: Any) -> None:  # noqa: ANN401  any JSON value
        """Write one line of ``metrics.jsonl``."""
        for name, value in _scalars(values).items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the files."""
        self._writer.close()


def require_tensorboard(folder: Path | None) -> None:
    """Check that TensorBoard is there, where there is something to write.

    Raises:
        ConfigError: it is not installed.
    """
    if folder is None:
        return
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        hint = "pip install 'etalage[tensorboard]'"
        raise ConfigError("TensorBoard is not installed", hint=hint) from error


def _scalars(values: dict[str, Any]) -> dict[str, float]:
    checked = values.get("validation", {})
    learned = {f"train/{name}": each for name, each in values.items() if name not in _FIXED}
    learned.pop("train/validation", None)
    return learned | {f"validation/{name}": each for name, each in checked.items()}
