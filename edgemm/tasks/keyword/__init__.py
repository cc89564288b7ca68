"""Keyword spotting: from scores of overlapping windows to words, each found once."""

from edgemm.tasks.keyword.recipe import KeywordRecipe

__all__ = ["KeywordRecipe"]
