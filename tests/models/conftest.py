"""A small model folder, and backbones small enough for a test."""

from pathlib import Path

import numpy as np
import pytest
import torch

from etalage.catalogue.taxonomy import Taxonomy
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import Architecture, save_model
from etalage.models.network import ProductModel

TAXONOMY = Taxonomy(
    np.array([3, 7, 9]), (("A", "B", "C"), ("A", "B", "C"), ("A", "Œuvres d'art ", "D, e"))
)
ARCHITECTURE = Architecture(
    backbone="test_byobnet",
    backbone_args={},
    fusion="mean",
    image_size=32,
    load_size=36,
    max_images=None,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    precision="none",
    mirror=False,
)
PRIOR = np.array([0.5, 0.25, 0.25], np.float32)


@pytest.fixture
def network() -> ProductModel:
    """Return a network over three categories whose answers differ from image to image."""
    torch.manual_seed(1)
    made = ARCHITECTURE.assemble(create_backbone("test_byobnet", {}, size=32), 3)
    torch.nn.init.normal_(made.head.weight, std=1.0)
    return made.eval()


@pytest.fixture
def folder(network: ProductModel, tmp_path: Path) -> Path:
    """Return a finished MODEL folder."""
    place = tmp_path / "model"
    place.mkdir()
    save_model(place, network, ARCHITECTURE, TAXONOMY, temperature=1.5, prior=PRIOR)
    return place
