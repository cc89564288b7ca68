"""Where in the sound the windows of a model lie, and the steps of their outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgemm.card.model_card import ModelCard
from edgemm.card.recipes import AudioRecipe
from edgemm.card.rules import span
from edgemm.errors import CardError
from edgemm.tasks.context import Context


@dataclass(frozen=True, slots=True)
class Timing:
    """Of a model whose windows follow each other or overlap."""

    span_s: float
    """Seconds of sound that one window is made of."""
    covered_s: float
    """Seconds that its steps share among them."""
    stride_s: float
    """Seconds between two windows."""
    lead_s: float
    """Seconds of silence before the first sample."""
    rest_s: float
    """Seconds of silence that complete the window in which a sound ends, wherever it does: a stride, but for less than
    two samples, so that no window holds silence alone."""

    @staticmethod
    def of(card: ModelCard) -> Timing:
        """By the card's audio recipe.

        Raises:
            CardError: it has none; or its windows leave sound out.
        """
        recipe = next((each.audio for each in card.inputs if each.audio is not None), None)
        if recipe is None:
            raise CardError(f"inputs: {card.task} needs an input made from sound, with `audio`, found none")
        covered = _covered(recipe)
        if recipe.stride > covered:
            raise CardError(
                f"audio.stride: expected at most {covered} samples, which one window covers, so that no sound is left "
                f"out; found {recipe.stride}"
            )
        samples = (span(recipe), covered, recipe.stride, recipe.lead, max(0.0, recipe.stride - 1.5))
        return Timing(*(each / recipe.sample_rate for each in samples))

    @property
    def overlap_s(self) -> float:
        """Seconds that two windows share."""
        return self.covered_s - self.stride_s

    def middle(self, context: Context) -> tuple[float, float]:
        """Where the stride in the middle of a window begins and ends, seconds since the stream began."""
        at_s = context.end_s - self.span_s / 2
        return max(context.begin_s, at_s - self.stride_s / 2), at_s + self.stride_s / 2

    def steps(self, count: int, context: Context) -> tuple[list[float], float]:
        """Seconds since the stream began at which each step of a window begins, and their length."""
        step_s = self.covered_s / count
        begin_s = context.end_s - self.span_s
        return [begin_s + at * step_s for at in range(count)], step_s

    def of_window(self, number: int, most_s: float = math.inf) -> Context:
        """Place of a window of a recording, the first of which has number 0.

        Args:
            most_s: where it ends at the latest: that of the recording, where the last window ends there.
        """
        end_s = min(most_s, self.span_s - self.lead_s + number * self.stride_s)
        return Context(begin_s=max(0.0, end_s - self.span_s), end_s=end_s)


def _covered(recipe: AudioRecipe) -> int:
    if recipe.feature == "waveform" or recipe.padding != "none":
        return span(recipe)
    return recipe.frames * recipe.hop
