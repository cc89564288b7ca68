"""Voice activity: speech as segments, told when it has begun and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from edgemm.card.model_card import ModelCard
from edgemm.choices import hint
from edgemm.errors import CardError
from edgemm.results import Segment, Segments
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.scores import Scores
from edgemm.tasks.timing import Timing
from edgemm.tasks.voice_activity.recipe import VoiceActivityRecipe
from edgemm.tasks.voice_activity.segmenter import Segmenter
from edgemm.tensors import TensorSpec


class VoiceActivityTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "voice_activity"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = VoiceActivityRecipe

    def open(self, card: ModelCard, recipe: VoiceActivityRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `VoiceActivityDecoder`."""
        return VoiceActivityDecoder(card, recipe, outputs)


class Listening:
    """What one stream remembers."""

    def __init__(self, recipe: VoiceActivityRecipe) -> None:
        self.segmenter = Segmenter(recipe)
        self.told = False
        """Of the speech that goes on it is told that it has begun."""


class VoiceActivityDecoder:
    """Segments out of windows that follow each other: the probability of a window speaks for its newest stride.

    Raises:
        CardError: see `Scores`; no input is made from sound; or `speech` is none of the labels, or is not said where
            there are several.
    """

    def __init__(self, card: ModelCard, recipe: VoiceActivityRecipe, outputs: Sequence[TensorSpec]) -> None:
        self._scores, self._recipe = Scores(card, outputs), recipe
        self._timing = Timing.of(card)
        self._place = _place(self._scores.labels, recipe.speech)
        self.tail_s = self._timing.rest_s + recipe.delay_s
        """See `edgemm.tasks.decoder.HearsOut`."""

    def begin(self) -> Listening:
        """Nobody spoke."""
        return Listening(self._recipe)

    def decode(self, outputs: Outputs, context: Context, state: Listening) -> list[Segments]:
        """What the next window, which ends at `context.end_s`, completes; then speech that has begun."""
        found = [Segments((each,)) for each in self._hear(outputs, context.end_s, state)]
        now = state.segmenter.under_way
        if now is not None and not state.told:
            found.append(Segments((now,), final=False))
        state.told = now is not None
        return found

    def end(self, context: Context, state: Listening) -> list[Segments]:
        """Speech that the sound ends in."""
        return [Segments((each,)) for each in state.segmenter.end(context.end_s)]

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Segments:
        """All speech of a recording."""
        state, found = self.begin(), list[Segment]()
        places = [self._timing.of_window(number) for number in range(len(windows))]
        for outputs, place in zip(windows, places, strict=True):
            found += self._hear(outputs, place.end_s, state)
        found += state.segmenter.end(context.end_s or places[-1].end_s)
        return Segments(tuple(found))

    def _hear(self, outputs: Outputs, end_s: float, state: Listening) -> list[Segment]:
        end_s -= self._recipe.delay_s
        probability = float(self._scores(outputs)[self._place])
        return state.segmenter.push(probability, end_s - self._timing.stride_s, end_s)


def _place(labels: Sequence[str], speech: str) -> int:
    """Of the score of speech."""
    if speech in labels:
        return labels.index(speech)
    if not speech and len(labels) == 1:
        return 0
    if not speech:
        raise CardError(
            f"speech: expected the label of the score of speech, of {', '.join(labels[:5])}, found none"
        )
    raise CardError(f"speech: {speech!r} is none of the model's labels{hint(speech, labels)}")
