"""Voice activity: where somebody speaks, as segments with a beginning and an end."""

from edgemm.tasks.voice_activity.recipe import VoiceActivityRecipe

__all__ = ["VoiceActivityRecipe"]
