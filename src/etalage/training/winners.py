"""The recipes of the first three of Cdiscount's challenge of 2017, each as one model.

docs/training.md says what is as they published it and what differs.
"""

from etalage.training.part import Part
from etalage.training.recipe import Recipe

_GENERAL = "all"

WINNERS = {
    "winner-2017": Recipe(
        name="winner-2017",
        backbone="inception_resnet_v2.tf_in1k",
        image_size=180,
        load_size=180,
        fusion="collage",
        epochs=12,
        batch_products=128,
        learning_rate=3e-4,
        warmup=0.0,
        rate_drops={"7": 1 / 3, "9": 1 / 6, "11": 1 / 30},
        weight_decay=0.0,
        label_smoothing=0.0,
        distinct=False,
        parts=(
            Part(name="one", count="1"),
            Part(name="two", count="2"),
            Part(name="three", count="3"),
            Part(name="four", count="4+"),
        ),
    ),
    "second-2017": Recipe(
        name="second-2017",
        backbone="inception_resnet_v2.tf_in1k",
        image_size=171,
        load_size=187,
        fusion="logits",
        epochs=11,
        batch_products=70,
        optimiser="sgd",
        learning_rate=1e-2,
        warmup=0.0,
        rate_drops={"3": 10**-0.5, "8": 0.1, "10": 10**-1.5},
        weight_decay=0.0,
        label_smoothing=0.0,
        distinct=False,
        parts=(
            Part(
                name=_GENERAL,
                weight=0.1,
                settings={
                    "epochs": 18,
                    "rate_drops": {"10": 10**-0.5, "15": 0.1, "17": 10**-1.5},
                },
            ),
            Part(name="first", images="first", start=_GENERAL),
            Part(name="later", images="later", start=_GENERAL),
            Part(name="one", count="1", start=_GENERAL),
            Part(name="two", count="2", start=_GENERAL),
            Part(name="three", count="3", start=_GENERAL),
            Part(name="four", count="4+", start=_GENERAL),
            Part(
                name="gated",
                count="2+",
                start=_GENERAL,
                settings={
                    "fusion": "attention",
                    "freeze_backbone": True,
                    "mirror": True,
                    "epochs": 4,
                    "rate_drops": {},
                    "optimiser": "adamw",
                    "learning_rate": 1e-3,
                },
            ),
        ),
    ),
    "third-2017": Recipe(
        name="third-2017",
        backbone="dpn107.mx_in1k",
        image_size=180,
        load_size=180,
        fusion="logits",
        epochs=20,
        batch_products=256,
        optimiser="nadam",
        learning_rate=1e-4,
        warmup=0.0,
        rate_drops={"12": 0.2, "17": 0.04},
        weight_decay=0.0,
        label_smoothing=0.1,
        distinct=False,
        mirror=True,
    ),
}
