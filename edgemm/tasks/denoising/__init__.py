"""Denoising: speech without the noise around it, as sound for whatever hears it next."""

from edgemm.tasks.denoising.recipe import DenoisingRecipe

__all__ = ["DenoisingRecipe"]
