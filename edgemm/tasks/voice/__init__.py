"""Speech made from text: words, phonemes, an acoustic network, sound."""

from edgemm.tasks.voice.recipe import VoiceRecipe

__all__ = ["VoiceRecipe"]
