"""Which pictures are really drawn, and which drawing each picture of the catalogue shows."""

import numpy as np
from numpy.typing import NDArray

from etalage.generator.plan import Plan
from etalage.generator.pool import DRAWING
from etalage.generator.series import BOILERPLATES, IMAGE_COUNTS


def choose_drawings(plan: Plan, most: int) -> tuple[NDArray[np.void], NDArray[np.int32] | None]:
    """Choose what to draw (dtype ``DRAWING``), ``most`` pictures or fewer where leaves allow.

    Returns:
        The drawings, and for each picture the row of its drawing, or None: each has its own.
    """
    if plan.pictures <= most:
        return _own_drawings(plan), None
    return _borrowed_drawings(plan, most)


def _boilerplate_rows() -> NDArray[np.void]:
    rows = np.zeros(BOILERPLATES, DRAWING)
    rows["series"] = np.arange(BOILERPLATES)
    rows["rank"] = -1
    return rows


def _slots(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    product = np.repeat(np.arange(len(plan)), np.diff(plan.start))
    return product, np.arange(len(product)) - plan.start[product]


def _own_drawings(plan: Plan) -> NDArray[np.void]:
    product, rank = _slots(plan)
    rows = np.zeros(plan.pictures, DRAWING)
    series = plan.series[product]
    own = ((plan.shared[series] >> rank) & 1) == 0
    rows["leaf"][plan.picture] = plan.leaf[product]
    rows["series"][plan.picture] = series
    # A product's own picture shows a variant of what its series shares: another colour.
    rows["variant"][plan.picture] = np.where(own, product + 1, 0)
    rows["rank"][plan.picture] = rank
    rows[:BOILERPLATES] = _boilerplate_rows()
    return rows


def _borrowed_drawings(plan: Plan, most: int) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Draw a few objects of each leaf; every product borrows one that has as many views.

    The objects of a leaf lie side by side, those with the most views first.
    """
    sizes = np.bincount(plan.leaf)
    mean = float(np.dot(IMAGE_COUNTS, (1, 2, 3, 4))) / sum(IMAGE_COUNTS)
    objects = np.maximum(most / mean * sizes / sizes.sum(), 1).astype(np.int64)
    richer = np.cumsum(IMAGE_COUNTS[::-1]) / sum(IMAGE_COUNTS)
    have = np.ceil(objects[:, None] * richer[None, :]).astype(np.int64)[:, ::-1]
    have[:, 0] = objects
    rank_start = np.cumsum(have.ravel()) - have.ravel() + BOILERPLATES
    rank_start = rank_start.reshape(have.shape)
    rows = np.zeros(BOILERPLATES + int(have.sum()), DRAWING)
    rows[:BOILERPLATES] = _boilerplate_rows()
    cell = np.repeat(np.arange(have.size), have.ravel())
    rows["leaf"][BOILERPLATES:] = cell // 4
    rows["rank"][BOILERPLATES:] = cell % 4
    place = np.arange(len(cell)) + BOILERPLATES - rank_start.ravel()[cell]
    first = np.cumsum(objects) - objects
    rows["series"][BOILERPLATES:] = first[cell // 4] + place
    return rows, _borrow(plan, have, rank_start)


def _borrow(plan: Plan, have: NDArray[np.int64], start: NDArray[np.int64]) -> NDArray[np.int32]:
    product, rank = _slots(plan)
    count = np.diff(plan.start)
    series, leaf = plan.series[product].astype(np.int64), plan.leaf[product]
    own = ((plan.shared[series] >> rank) & 1) == 0
    spread = (series * 7919 + np.where(own, product * 104_729, 0)) >> 1
    chosen = start[leaf, rank] + spread % have[leaf, count[product] - 1]
    drawing = np.zeros(plan.pictures, np.int32)
    drawing[plan.picture] = chosen
    drawing[:BOILERPLATES] = np.arange(BOILERPLATES)
    return drawing
