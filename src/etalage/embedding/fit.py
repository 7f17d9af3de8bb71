"""Whether embeddings are those of an encoder and an index, and have all that is asked of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.embedding.distinct import images_of
from etalage.embedding.encoder import Encoder
from etalage.embedding.folder import Embeddings
from etalage.errors import EmbeddingsError

_NAMED = 4


def require_fit(
    embeddings: Embeddings,
    encoder: Encoder,
    index: Index,
    rows: NDArray[np.int64],
    max_images: int | None = None,
) -> None:
    """Check that embeddings may stand for the images of some products.

    Args:
        embeddings: the vectors.
        encoder: what would have to make them now.
        index: the index whose images they are to be of.
        rows: product rows, (P,).
        max_images: only the first so many images of a product; None for all.

    Raises:
        EmbeddingsError: they were made otherwise, of another index, or not of all these images.
    """
    source = embeddings.manifest.source
    then = {**source["encoder"], "index": source["index"]}
    now: dict[str, Any] = {**encoder.identity(), "index": index.fingerprint}
    differing = [key for key in now if then.get(key) != now[key]]
    if differing:
        told = ", ".join(f"{key} ({then.get(key)}, not {now[key]})" for key in differing[:_NAMED])
        raise EmbeddingsError(
            f"{embeddings.folder}: was made with another {told}",
            hint="choose another folder, or embed again with what is asked for now",
        )
    images = images_of(index, rows, max_images)[0]
    missing = int((~embeddings.asked(images)).sum())
    if missing:
        raise EmbeddingsError(
            f"{embeddings.folder}: has no vectors of {missing:,} of the {len(images):,} images "
            "that are needed",
            hint="embed the whole index, without --part and --max-images",
        )
