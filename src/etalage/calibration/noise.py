"""Wrong labels: what agreement with them says about agreement with the real categories.

With 10 % of the labels wrong, a perfect model agrees with 0.90 of them. Agreement is therefore not
accuracy, and becomes an estimate of it only by a noise rate, whose own uncertainty must be carried
along. The model of noise is the plainest there is, and errs on no known side only where it holds:

* a wrong label never equals a wrong answer. Where the model has learned the catalogue's own
  mistakes it does, and precision is then overestimated;
* labels are wrong as often among the products in question as among those the rate was counted on.

Then agreement = precision * (1 - rate). A promise needs decisions of a person instead.
"""

from dataclasses import dataclass

from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.intervals import clopper_pearson
from etalage.predictions.product_ids import positions
from etalage.predictions.truth import Truth


@dataclass(frozen=True)
class Noise:
    """The share of given labels that are wrong, and between what it lies.

    Raises:
        ConfigError: not 0 <= low <= rate <= high < 1.
    """

    rate: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.rate <= self.high < 1:
            raise ConfigError(
                f"a noise rate of {self.rate:g} in {self.low:g} to {self.high:g}: expected "
                "0 <= low <= rate <= high < 1",
                hint="for one without an interval: --noise 0.1 --noise-interval 0.1 0.1",
            )


def corrected(
    agreement: float, low: float, high: float, noise: Noise
) -> tuple[float, float, float]:
    """Return precision against the real categories, from agreement with noisy given labels.

    ``agreement / (1 - rate)``, at most 1. The interval goes from the worst ends of both: with two
    intervals of 95 % it holds with 90 % at least.

    Args:
        agreement: share of answers equal to the given label.
        low: lower end of its interval.
        high: upper end.
        noise: of these labels.

    Returns:
        Precision, its lower and its upper end.
    """
    ends = (agreement, noise.rate), (low, noise.low), (high, noise.high)
    precision, least, most = (min(1.0, share / (1 - rate)) for share, rate in ends)
    return precision, least, most


def estimate_noise(given: Truth, audited: Truth, confidence: float = 0.95) -> Noise:
    """Return how often given labels are wrong, from the products that a person decided too.

    Args:
        given: the labels as the catalogue gives them.
        audited: blind decisions on a random sample of the same products.
        confidence: of the exact interval.

    Raises:
        PredictionsError: no product has both, or every label of those that have is wrong.
    """
    rows = positions(audited.product_ids, given.product_ids)
    both = rows >= 0
    wrong = int((given.categories[rows[both]] != audited.categories[both]).sum())
    products = int(both.sum())
    if wrong == products:
        raise PredictionsError(
            f"no noise rate: {products:,} products have a given and an audited label"
            + (", and none of them agree" if products else ""),
            hint="audit a random sample of the labelled products, or give --noise",
        )
    low, high = clopper_pearson(wrong, products, confidence)
    return Noise(wrong / products, float(low), min(float(high), _MOST))


_MOST = 1 - 1e-9
