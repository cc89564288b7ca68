"""Pictures made by a model: of a picture (larger, sharper, in another style), or of noise."""

from edgemm.tasks.picture.recipe import PictureRecipe

__all__ = ["PictureRecipe"]
