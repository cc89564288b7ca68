"""Speech to text by a streaming transducer (Graves 2012): an encoder of running sound, a decoder of what was said so
far, and a joiner that scores the next label from both.

recipe.py        the section `transducer` of a bundle
networks.py      the three networks, a step each
search.py        the best label of each step, or the most probable texts (modified beam search)
utterance.py     what was said between two silences
session.py       partial and final results
driver.py        the driver
"""

from edgemm.tasks.transducer.recipe import TransducerRecipe

__all__ = ["TransducerRecipe"]
