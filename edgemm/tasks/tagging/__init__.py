"""Tagging: any number of labels over running sound, with their beginnings and ends."""

from edgemm.tasks.tagging.recipe import TaggingRecipe

__all__ = ["TaggingRecipe"]
