"""The card: what an artifact says about itself. Its schema, and what reads, checks and fits it."""

from edgemm.card.model_card import HistoryStep, InputCard, ModelCard, OutputCard, StateKind, StatePair
from edgemm.card.reader import MAX_CARD_BYTES, SCHEMA
from edgemm.card.recipes import AudioRecipe, ImageRecipe, LatentRecipe, PointsRecipe
from edgemm.card.text_recipe import TextRecipe

__all__ = [
    "MAX_CARD_BYTES", "SCHEMA", "AudioRecipe", "HistoryStep", "ImageRecipe", "InputCard", "LatentRecipe", "ModelCard",
    "OutputCard", "PointsRecipe", "StateKind", "StatePair", "TextRecipe",
]  # fmt: skip
