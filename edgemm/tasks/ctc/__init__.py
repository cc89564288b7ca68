"""Speech to text by a streaming CTC network that is a bundle with its list of tokens: what a model with the task
`transcription` in its card does, for files whose card stands elsewhere.

recipe.py   the section `ctc` of a bundle
driver.py   the driver and its session
"""

from edgemm.tasks.ctc.recipe import CtcRecipe

__all__ = ["CtcRecipe"]
