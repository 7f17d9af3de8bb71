"""Étalage: pictures of products in, categories out.

Every command is a function of the same name; artefacts are paths::

    import etalage

    etalage.index([Path("train.bson")], Path("index"), taxonomy=Path("category_names.csv"))
    etalage.split(Path("index"), Path("split.parquet"))
    etalage.train(Path("index"), Path("model"), split=Path("split.parquet"), recipe="quick")
    etalage.predict(Path("model"), Path("index"), Path("predictions"))
    etalage.submit(Path("predictions"), Path("submission.csv"))
    etalage.score(Path("predictions"), Path("truth.csv"))

Names are loaded when first used: importing ``etalage`` loads neither torch nor pyarrow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etalage.blending.fit import fit_blend
    from etalage.blending.memory.fit import memory
    from etalage.blending.memory.remember import remember
    from etalage.blending.targets import distill
    from etalage.blending.write import blend
    from etalage.calibration.apply import apply
    from etalage.calibration.calibrate import calibrate
    from etalage.calibration.set_file import sets
    from etalage.catalogue.build import index
    from etalage.catalogue.index import Index, open_index
    from etalage.catalogue.ledger.folder import duplicates
    from etalage.catalogue.selections.filter import Rule, filter
    from etalage.catalogue.selections.merge import merge
    from etalage.catalogue.selections.sample import sample
    from etalage.catalogue.split import Split, read_split, split
    from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
    from etalage.competition.competition import open_competition
    from etalage.competition.folder import create_competition
    from etalage.dataset import ProductDataset
    from etalage.embedding.folder import Embeddings, read_embeddings
    from etalage.embedding.write import embed
    from etalage.errors import EtalageError
    from etalage.exchange.exporter import export
    from etalage.exchange.importer import import_catalogue
    from etalage.generator import synth
    from etalage.growth import update
    from etalage.inference.classify import classify
    from etalage.inference.predict import predict
    from etalage.models.checkpoint import Model, Specialists, open_model
    from etalage.models.onnx_export import onnx
    from etalage.predictions.folder import read_predictions
    from etalage.predictions.submission import submit
    from etalage.predictions.table import Predictions
    from etalage.reports import report
    from etalage.scoring.score import score
    from etalage.selective.accept import accept
    from etalage.selective.plan import plan
    from etalage.selective.thresholds import thresholds
    from etalage.training import train
    from etalage.training.folds import folds

_HOMES = {
    "Embeddings": "etalage.embedding.folder",
    "EtalageError": "etalage.errors",
    "Index": "etalage.catalogue.index",
    "Model": "etalage.models.checkpoint",
    "Predictions": "etalage.predictions.table",
    "ProductDataset": "etalage.dataset",
    "Rule": "etalage.catalogue.selections.filter",
    "Specialists": "etalage.models.checkpoint",
    "Split": "etalage.catalogue.split",
    "Taxonomy": "etalage.catalogue.taxonomy",
    "accept": "etalage.selective.accept",
    "apply": "etalage.calibration.apply",
    "blend": "etalage.blending.write",
    "calibrate": "etalage.calibration.calibrate",
    "classify": "etalage.inference.classify",
    "create_competition": "etalage.competition.folder",
    "distill": "etalage.blending.targets",
    "duplicates": "etalage.catalogue.ledger.folder",
    "embed": "etalage.embedding.write",
    "export": "etalage.exchange.exporter",
    "filter": "etalage.catalogue.selections.filter",
    "fit_blend": "etalage.blending.fit",
    "folds": "etalage.training.folds",
    "import_catalogue": "etalage.exchange.importer",
    "index": "etalage.catalogue.build",
    "memory": "etalage.blending.memory.fit",
    "merge": "etalage.catalogue.selections.merge",
    "onnx": "etalage.models.onnx_export",
    "open_competition": "etalage.competition.competition",
    "open_index": "etalage.catalogue.index",
    "open_model": "etalage.models.checkpoint",
    "plan": "etalage.selective.plan",
    "predict": "etalage.inference.predict",
    "read_embeddings": "etalage.embedding.folder",
    "read_predictions": "etalage.predictions.folder",
    "read_split": "etalage.catalogue.split",
    "read_taxonomy": "etalage.catalogue.taxonomy",
    "remember": "etalage.blending.memory.remember",
    "report": "etalage.reports",
    "sample": "etalage.catalogue.selections.sample",
    "score": "etalage.scoring.score",
    "sets": "etalage.calibration.set_file",
    "split": "etalage.catalogue.split",
    "submit": "etalage.predictions.submission",
    "synth": "etalage.generator",
    "thresholds": "etalage.selective.thresholds",
    "train": "etalage.training",
    "update": "etalage.growth",
}

__all__ = [
    "Embeddings",
    "EtalageError",
    "Index",
    "Model",
    "Predictions",
    "ProductDataset",
    "Rule",
    "Specialists",
    "Split",
    "Taxonomy",
    "accept",
    "apply",
    "blend",
    "calibrate",
    "classify",
    "create_competition",
    "distill",
    "duplicates",
    "embed",
    "export",
    "filter",
    "fit_blend",
    "folds",
    "import_catalogue",
    "index",
    "memory",
    "merge",
    "onnx",
    "open_competition",
    "open_index",
    "open_model",
    "plan",
    "predict",
    "read_embeddings",
    "read_predictions",
    "read_split",
    "read_taxonomy",
    "remember",
    "report",
    "sample",
    "score",
    "sets",
    "split",
    "submit",
    "synth",
    "thresholds",
    "train",
    "update",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'etalage' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
