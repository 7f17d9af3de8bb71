"""Everything a user can cause or meet, in one tree.

    EtalageError
    ├── CatalogueError      a BSON file, or the index made from it
    │   └── TaxonomyError   category_names.csv
    ├── SplitError          a split, or what was asked of it
    ├── ImageFormatError    bytes that are no image we can decode
    ├── ModelError          weights, a backbone, a model folder, a checkpoint
    ├── EmbeddingsError     a folder of embeddings
    ├── PredictionsError    a predictions folder, a truth to score against
    │   └── SubmissionError a submission file
    ├── CompetitionError    a competition's folder, or what was asked of it
    │   ├── TokenError      who asks is no team of it
    │   ├── ClosedError     it is over, or not over yet
    │   └── LimitError      all of today's submissions are used up
    ├── EngineError         a process of a bulk job that died
    ├── ConfigError         an option or a recipe value (also a ValueError)
    └── OutputError         where we write: it exists, the disk is full, no permission

The command line prints ``message`` and ``hint`` and exits with status 1; anything outside this tree
is a bug and shows its traceback.
"""


class EtalageError(Exception):
    """An error the user can mend.

    Attributes:
        message: names the file or product, what is wrong, and what was expected.
        hint: what to do about it, or an empty string.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class CatalogueError(EtalageError):
    """A BSON file or an index that cannot be used."""


class TaxonomyError(CatalogueError):
    """A category file that cannot be used."""


class SplitError(EtalageError):
    """A split that cannot be made or does not fit its index."""


class ImageFormatError(EtalageError):
    """Bytes that cannot be decoded to an image."""


class ModelError(EtalageError):
    """Weights, a backbone, a model folder or a checkpoint that cannot be used."""


class EmbeddingsError(EtalageError):
    """A folder of embeddings that cannot be used."""


class PredictionsError(EtalageError):
    """A predictions folder or a truth that cannot be used.

    Attributes:
        line: the line of the file that is wrong, counted from 1, where there is one.
    """

    def __init__(self, message: str, *, hint: str = "", line: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class SubmissionError(PredictionsError):
    """A submission file that cannot be written or read."""


class CompetitionError(EtalageError):
    """A competition that cannot be made or used."""


class TokenError(CompetitionError):
    """A token that no team has."""


class ClosedError(CompetitionError):
    """A competition that is over, or is not over yet."""


class LimitError(CompetitionError):
    """A team that has used up its submissions of the day."""


class EngineError(EtalageError):
    """A bulk job that lost one of its processes."""


class ConfigError(EtalageError, ValueError):
    """An option or a recipe value out of its range."""


class OutputError(EtalageError):
    """A place that cannot be written to."""
