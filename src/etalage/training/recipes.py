"""The named recipes: roads for every day, the winners of 2017, one for each architecture."""

from etalage.training.architectures import ARCHITECTURES
from etalage.training.recipe import Recipe
from etalage.training.winners import WINNERS

ROADS = {
    "demo": Recipe(
        name="demo",
        backbone="resnet10t",
        backbone_args={"channels": [32, 64, 128, 256], "stem_width": 16},
        image_size=64,
        load_size=72,
        epochs=7,
        batch_products=32,
        learning_rate=6e-3,
        distinct=False,  # of so few products every step counts: with it 0.69 instead of 0.76
        threads=1,
    ),
    "frozen": Recipe(
        name="frozen",
        backbone="mobilenetv2_100",
        image_size=160,
        load_size=180,
        fusion="whitened",
        epochs=15,
        least_steps=200,
        batch_products=128,
        learning_rate=1e-3,
        weight_decay=0.0,
        head_penalty=0.01,
        mirror=True,
        freeze_backbone=True,
    ),
    "quick": Recipe(
        name="quick",
        backbone="mobilenetv2_100",
        image_size=128,
        load_size=144,
        epochs=4,
        batch_products=64,
        learning_rate=1e-3,
        head_learning_rate=3.0,
    ),
    "standard": Recipe(
        name="standard",
        backbone="resnet50",
        image_size=160,
        load_size=180,
        epochs=12,
        batch_products=256,
        learning_rate=3e-4,
        head_learning_rate=3.0,
    ),
    "best": Recipe(
        name="best",
        backbone="convnext_small.in12k_ft_in1k",
        backbone_args={"drop_path_rate": 0.1},
        image_size=192,
        load_size=208,
        first_image_size=160,
        fusion="attention",
        image_dropout=0.1,
        epochs=10,
        batch_products=256,
        learning_rate=1e-4,
        head_learning_rate=5.0,
        warmup=0.05,
        level_loss=0.2,
        ema=0.9998,
        mirror=True,
    ),
}

RECIPES = ROADS | WINNERS | ARCHITECTURES
