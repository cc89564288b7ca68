"""A text for a text: an encoder reads it, a decoder with a cache writes the other a token at a time.

driver.py    the driver: recipe, parts and assets held to each other, sessions
recipe.py    the section of a bundle: vocabularies, names of tensors, how is searched
ways.py      the lengths that the files have: which signature is run
feeds.py     tokens as the parts take them
session.py   texts in, what is written out: partial results, stop words, cancellation
"""

from edgemm.tasks.sequence.driver import SequenceDriver
from edgemm.tasks.sequence.recipe import SequenceRecipe

__all__ = ["SequenceDriver", "SequenceRecipe"]
