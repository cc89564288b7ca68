"""Embedding: a vector that stands for the input."""

from edgemm.tasks.embedding.recipe import EmbeddingRecipe

__all__ = ["EmbeddingRecipe"]
