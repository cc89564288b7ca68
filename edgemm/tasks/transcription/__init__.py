"""Speech to text by CTC: from scores of labels over running sound to words with their times.

recipe.py        the section `transcription` of a card
scores.py        the output of a model as logarithms of probabilities, a row for each step
spelling.py      labels to words
greedy.py        the best label of each step
prefix_beam.py   the most probable texts, all their alignments counted
hot_words.py     words that are expected
alignment.py     when each label of a text was said
utterance.py     what was heard between two silences
task.py          windows and streams, partial and final results
"""

from edgemm.tasks.transcription.recipe import TranscriptionRecipe

__all__ = ["TranscriptionRecipe"]
