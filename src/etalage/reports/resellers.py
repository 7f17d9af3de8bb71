"""Who sells what, and whose images others use too: for catalogues with a column ``reseller``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.reports.copies import Frequency
from etalage.reports.numbers import share


@dataclass(frozen=True)
class Reseller:
    """One reseller.

    Attributes:
        name: as the catalogue has it.
        products: number of its products.
        images: number of their images.
        distinct: number of different ones.
        copied_share: share of its images of which the catalogue has a copy.
        shared_share: share of its images that another reseller has too.
    """

    name: str
    products: int
    images: int
    distinct: int
    copied_share: float
    shared_share: float


@dataclass(frozen=True)
class Resellers:
    """All resellers.

    Attributes:
        resellers: number of them.
        without: products that name none.
        largest_tenth: share of the products that the largest 10 % of the resellers sell.
        shared: different images that more than one reseller has.
        frequencies: how many different images (``images``) how many resellers (``copies``) have.
        largest: those with the most products.
    """

    resellers: int
    without: int
    largest_tenth: float
    shared: int
    frequencies: list[Frequency]
    largest: list[Reseller]


def resellers_of(
    names: list[str],
    seller: NDArray[np.int32],
    image_product: NDArray[np.int32],
    image_number: NDArray[np.int32],
    number: int,
) -> Resellers:
    """Count products, images and shared images of resellers.

    Args:
        names: name of each reseller, (R,).
        seller: reseller of each product, -1 without one, (P,).
        image_product: product row of each image, (I,).
        image_number: number of the different image of each image row, from 0, (I,).
        number: how many resellers to return.
    """
    by_image = seller[image_product]
    known = by_image >= 0
    images, sellers = image_number[known], by_image[known]
    copied = np.bincount(image_number)[images] > 1
    pairs = np.unique(images.astype(np.int64) * max(len(names), 1) + sellers)
    sellers_of = np.bincount(pairs // max(len(names), 1))
    shared = sellers_of[images] > 1 if len(images) else copied
    counts = {
        "products": np.bincount(seller[seller >= 0], minlength=len(names)),
        "images": np.bincount(sellers, minlength=len(names)),
        "distinct": np.bincount(pairs % max(len(names), 1), minlength=len(names)),
        "copied": np.bincount(sellers[copied], minlength=len(names)),
        "shared": np.bincount(sellers[shared], minlength=len(names)),
    }
    frequencies = np.bincount(sellers_of[sellers_of > 0])
    sizes = np.sort(counts["products"])[::-1]
    return Resellers(
        resellers=len(names),
        without=int((seller < 0).sum()),
        largest_tenth=share(sizes[: max(1, round(len(names) / 10))].sum(), sizes.sum()),
        shared=int((sellers_of > 1).sum()),
        frequencies=[
            Frequency(copies, int(frequencies[copies]))
            for copies in np.flatnonzero(frequencies).tolist()
        ],
        largest=_largest(names, counts, number),
    )


def _largest(names: list[str], counts: dict[str, NDArray[np.int64]], number: int) -> list[Reseller]:
    order = np.argsort(-counts["products"], kind="stable")[:number]
    return [
        Reseller(
            name=names[row],
            products=int(counts["products"][row]),
            images=int(counts["images"][row]),
            distinct=int(counts["distinct"][row]),
            copied_share=share(counts["copied"][row], counts["images"][row]),
            shared_share=share(counts["shared"][row], counts["images"][row]),
        )
        for row in order.tolist()
    ]
