"""A catalogue that grows every day: everything that was made from it follows, in one go.

What is new is indexed, and answered by a model; what is known stays as it is. Run twice, the second
run finds nothing to do; killed, the next one goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etalage.catalogue.build import index as build_index
from etalage.catalogue.index import open_index
from etalage.errors import ConfigError
from etalage.files import replace_folder, restore
from etalage.inference.predict import predict
from etalage.models.checkpoint import open_model
from etalage.models.runtimes import RUNTIMES
from etalage.predictions import manifest as manifests
from etalage.predictions.table import TOP


@dataclass(frozen=True)
class UpdateReport:
    """What an update did.

    Attributes:
        products: in the index now.
        new_products: of these, added by this update.
        predicted: products answered by this update; -1 where there was nothing to answer with.
    """

    products: int
    new_products: int
    predicted: int


def update(
    index: Path,
    catalogues: Sequence[Path] = (),
    *,
    taxonomy: Path | None = None,
    text: Path | None = None,
    model: Path | None = None,
    predictions: Path | None = None,
    device: str = "auto",
) -> UpdateReport:
    """Bring an index, and a model's predictions for it, up to date with a catalogue that grew.

    Args:
        index: the INDEX; its files may have grown.
        catalogues: files or folders, of which those that the index does not know are added.
        taxonomy: a new ``category_names.csv``; without one that of the index stays.
        text: a ``products.csv``, whose values go before those of the index.
        model: the MODEL that answers new products.
        predictions: the PREDICTIONS folder of this model; made when it is not there.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        CatalogueError: a file changed otherwise than by growing.
        ConfigError: a model without a place for its predictions, or the other way round.
        PredictionsError: the predictions are not those of this model.
    """
    if (model is None) != (predictions is None):
        raise ConfigError(
            "a model and its predictions go together", hint="add --model M --predictions P"
        )
    restore(index)
    before = len(open_index(index, check=False))
    build_index(catalogues, index, taxonomy=taxonomy, text=text, append=True)
    products = len(open_index(index))
    predicted = -1
    if model is not None and predictions is not None:
        predicted = _predict(model, index, predictions, products, device)
    return UpdateReport(products, products - before, predicted)


def _predict(model: Path, index: Path, predictions: Path, products: int, device: str) -> int:
    """Answer what is not answered; the folder is replaced when all is there."""
    restore(predictions)
    if not predictions.exists():
        return predict(model, index, predictions, device=device).products
    earlier, now = manifests.read_manifest(predictions), open_index(index).fingerprint
    made = (earlier.source.get("index"), earlier.source.get("model"))
    if made == (now, open_model(model, device="cpu").fingerprint):
        return 0
    runtime = earlier.source.get("runtime")  # the same again; of embeddings it is none
    grown = predictions.with_name(f".{predictions.name}.grown")
    if not _is_of(grown, now):
        predict(
            model,
            index,
            grown,
            max_images=earlier.source.get("max_images"),
            top=int(earlier.source.get("top", TOP)),
            logit_adjustment=float(earlier.source.get("logit_adjustment", 0)),
            flip=bool(earlier.source.get("flip", False)),
            sizes=earlier.source.get("sizes"),
            carry=predictions,
            device=device,
            runtime=runtime if runtime in RUNTIMES else "auto",
            overwrite=True,
        )
    replace_folder(grown, predictions)
    return products - earlier.products


def _is_of(predictions: Path, index: str) -> bool:
    """Whether a killed update left finished predictions of the index as it is now."""
    if not (predictions / manifests.NAME).is_file():
        return False
    return manifests.read_manifest(predictions).source.get("index") == index
