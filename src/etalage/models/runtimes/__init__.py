"""Runtimes: what computes the features of images when a model answers.

A runtime takes the place of the backbone, from uint8 images to features; the fusion of a product's
images and the head stay PyTorch's. ``use_runtime`` is the one thing the rest needs.
"""

from etalage.models.runtimes.choice import RUNTIMES, Runtime
from etalage.models.runtimes.use import use_runtime

__all__ = ["RUNTIMES", "Runtime", "use_runtime"]
