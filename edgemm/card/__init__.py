"""The card: what an artifact says about itself. Its schema, and what reads, checks and fits it."""

from edgemm.card.model_card import (
    MAX_CARD_BYTES,
    SCHEMA,
    TASKS,
    AudioRecipe,
    ImageRecipe,
    InputCard,
    KeywordRecipe,
    ModelCard,
    OutputCard,
    StatePair,
    Task,
)

__all__ = [
    "MAX_CARD_BYTES", "SCHEMA", "TASKS", "AudioRecipe", "ImageRecipe", "InputCard", "KeywordRecipe", "ModelCard",
    "OutputCard", "StatePair", "Task",
]  # fmt: skip
