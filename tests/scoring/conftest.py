"""The small predictions and the taxonomy of the predictions' tests."""

from predictions.conftest import predict, slices, taxonomy, write

__all__ = ["predict", "slices", "taxonomy", "write"]
