"""Training: recipes, the loop, checkpoints and resuming."""

from etalage.training.finish import TrainReport
from etalage.training.part import Part
from etalage.training.progress import Progress
from etalage.training.recipe import Recipe
from etalage.training.recipes import RECIPES
from etalage.training.run import train

__all__ = ["RECIPES", "Part", "Progress", "Recipe", "TrainReport", "train"]
