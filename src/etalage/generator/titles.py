"""Titles, descriptions, brands and prices, in French; they tell of the true leaf, not always much.

About one title in eight names no product at all ("Lot de 2 - réf. KX-4821"), and the attributes
that tell siblings apart are left out of every third.
"""

from typing import NamedTuple

import numpy as np

from etalage.generator.looks import Look
from etalage.generator.nouns import BRANDS, COLOURS, PARTS, PATTERNS
from etalage.generator.plan import Plan

_SILENT, _TERSE = 0.12, 0.33
_EXTRAS = ("", "", "", " - Livraison gratuite", " - NEUF", " (lot de 2)", " - Qualité supérieure")


class Text(NamedTuple):
    """What a product says about itself."""

    title: str
    brand: str
    price: float
    description: str


def texts(plan: Plan, looks: tuple[Look, ...], seed: int, first: int, last: int) -> list[Text]:
    """Return the texts of the products from row ``first`` up to ``last``.

    ``first`` must be the same multiple of the chunk size for equal texts.
    """
    rng = np.random.default_rng((seed, 21, first))
    count = last - first
    series = plan.series[first:last]
    draws = rng.random((count, 3))
    brands = ((series.astype(np.int64) * 7919 + plan.reseller[first:last]) % 997) % len(BRANDS)
    numbers = rng.integers(0, 1 << 30, count)
    level = 2.3 + 2.2 * ((plan.leaf[first:last].astype(np.int64) * 2654435761 % 1000) / 1000)
    prices = np.round(np.exp(level + 0.5 * rng.normal(size=count)), 2)
    return [
        _text(looks[leaf], BRANDS[brand], int(number), (silent, terse, branded), price)
        for leaf, brand, number, (silent, terse, branded), price in zip(
            plan.leaf[first:last].tolist(), brands.tolist(), numbers.tolist(), draws.tolist(),
            prices.tolist(), strict=True,
        )
    ]  # fmt: skip


def _text(
    look: Look, brand: str, number: int, draws: tuple[float, float, float], price: float
) -> Text:
    silent, terse, branded = draws
    reference = f"{chr(65 + number % 26)}{chr(65 + number // 26 % 26)}-{number % 10_000:04d}"
    extra = _EXTRAS[number % len(_EXTRAS)]
    colour = COLOURS[number // 7 % len(COLOURS)][0]
    if silent < _SILENT:
        title = f"{brand} réf. {reference}{extra}"
    else:
        words = [look.noun]
        if terse >= _TERSE:
            words += [PATTERNS[look.pattern][1], PARTS[look.part][1]]
        words.append(colour)
        name = " ".join(word for word in words if word)
        title = f"{brand} {name}{extra}" if branded < 0.7 else f"{name} {reference}{extra}"
    brand = brand if branded < 0.85 else ""
    return Text(title, brand, price, f"{title}. Couleur : {colour}. Référence {reference}.")
