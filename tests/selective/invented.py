"""Predictions that know the branch better than the leaf, and a truth drawn from them."""

import numpy as np
import pyarrow as pa

from calibration.simulated import Simulated, tree
from etalage.predictions.table import Predictions, top_k


def invent(products: int, *, leaves: int = 60, k: int = 20, seed: int = 0) -> Simulated:
    """Return calibrated predictions: leaf, level 2 and level 1 ever surer; some products easy."""
    random, taxonomy = np.random.default_rng(seed), tree(leaves)
    logits = random.normal(size=(products, leaves)) * 1.5
    for level, strength in ((2, 2.5), (1, 4.0)):
        nodes = taxonomy.nodes(level)
        of_node = random.normal(size=(products, int(nodes.max()) + 1)) * strength
        logits += of_node[:, nodes]
    logits *= random.gamma(2.0, 0.7, products)[:, None]
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    images = np.ones(products, np.int16)
    ids = pa.array(range(500, 500 + products))
    return Simulated(Predictions(ids, *top_k(shares, k), images), truth, taxonomy)
