"""Speech to text by an encoder and a decoder that attends to it, as in Whisper and Moonshine.

recipe.py        the section `attention` of a bundle
sound.py         what the encoder takes: the samples, or a window of log-mel frames
vocabulary.py    tokens to text
timestamps.py    the rules of tokens that stand for times, and what they say
writing.py       token by token: what was said in one utterance
session.py       running sound to utterances, partial and final results
driver.py        the parts and what they must have
"""

from edgemm.tasks.attention.recipe import AttentionRecipe

__all__ = ["AttentionRecipe"]
