"""Classification: the best labels of one input."""

from edgemm.tasks.classification.recipe import ClassificationRecipe

__all__ = ["ClassificationRecipe"]
