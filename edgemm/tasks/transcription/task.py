"""Speech to text by CTC: partial results while speech goes on, a final one at each silence and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import ModelCard
from edgemm.results import Transcript
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tasks.timing import Timing
from edgemm.tasks.transcription.greedy import Greedy
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.prefix_beam import PrefixBeam
from edgemm.tasks.transcription.recipe import TranscriptionRecipe
from edgemm.tasks.transcription.scores import StepScores
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transcription.utterance import Search, Utterance
from edgemm.tensors import TensorSpec

Step = tuple[npt.NDArray[np.float32], float, float]
"""Scores, begin and length in seconds."""


class TranscriptionTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "transcription"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = TranscriptionRecipe

    def open(self, card: ModelCard, recipe: TranscriptionRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `TranscriptionDecoder`."""
        return TranscriptionDecoder(card, recipe, outputs)


class Listening:
    """What one stream remembers: the utterance under way, and the steps that the next window may see better."""

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.levels: SoundLevels | None = None
        self.held: list[Step] = []
        self.next_s = -np.inf
        """Where the next step begins."""


class TranscriptionDecoder:
    """Words out of running windows, whether the model keeps a state from one to the next or not.

    Of windows that overlap, the steps in the middle count: half of what two share is left to each.

    Raises:
        CardError: labels, blank, separator, hot words and the output do not fit each other.
    """

    def __init__(self, card: ModelCard, recipe: TranscriptionRecipe, outputs: Sequence[TensorSpec]) -> None:
        recipe.check()
        self.scores, self.recipe = StepScores(card, outputs), recipe
        self._timing = Timing.of(card)
        self._spelling = Spelling(card.labels, recipe)
        self._hot = HotWords(recipe, self._spelling)
        self.tail_s = self._timing.span_s + recipe.delay_s
        """See `edgemm.tasks.decoder.HearsOut`."""
        self.silence_s = recipe.endpoint_s if recipe.endpoint_by == "sound" else 0.0
        """See `edgemm.tasks.decoder.HearsSilence`."""
        self.by_level = recipe.endpoint_by == "sound"
        """See `edgemm.tasks.decoder.HearsLevels`."""

    def begin(self) -> Listening:
        """Nothing was heard."""
        return Listening(self._utterance())

    def _utterance(self) -> Utterance:
        return Utterance(self.recipe, self._spelling, self._search)

    def _search(self) -> Search:
        recipe = self.recipe
        if recipe.search == "greedy":
            return Greedy(recipe.blank, self._spelling)
        return PrefixBeam(recipe.blank, recipe.beam, self._spelling, self._hot)

    def decode(self, outputs: Outputs, context: Context, state: Listening) -> list[Transcript]:
        """The next window, which ends at `context.end_s`: final results of what ended in it, then a partial one where
        more was understood."""
        state.levels = context.levels
        found = self._hear(self._new(self.scores(outputs), context, state), state)
        utterance = state.utterance
        text = utterance.text() if self.recipe.partial else utterance.told
        if text != utterance.told:
            utterance.told = text
            found.append(utterance.transcript(state.levels, final=False))
        return found

    def quiet(self, context: Context, state: Listening) -> list[Transcript]:
        """The final result, where a silence from `context.begin_s` to `context.end_s` ends an utterance."""
        return self._finished(state) if state.utterance.quiet(context.begin_s, context.end_s) else []

    def end(self, context: Context, state: Listening) -> list[Transcript]:
        """What was said since the last final result."""
        found = self._hear(state.held, state)
        state.held = []
        return found + self._finished(state)

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Transcript:
        """All that was said in a recording, as a stream of it would give it."""
        state, found = self.begin(), []
        for number, outputs in enumerate(windows):
            steps = self._new(self.scores(outputs), self._timing.of_window(number), state)
            found += self._hear(steps, state)
        return self.joined(found + self.end(context, state))

    def joined(self, results: Sequence[Transcript]) -> Transcript:
        """Of the final results of a whole recording, one."""
        words = tuple(word for each in results if each.final for word in each.words)
        text = " ".join(word.text for word in words)
        return Transcript(text, words[0].begin_s, words[-1].end_s, words) if words else Transcript(text)

    def _hear(self, steps: Sequence[Step], state: Listening) -> list[Transcript]:
        """Final results of the utterances that end in these steps."""
        found: list[Transcript] = []
        for row, begin_s, step_s in steps:
            if state.utterance.push(row, begin_s, step_s):
                found += self._finished(state)
        return found

    def _finished(self, state: Listening) -> list[Transcript]:
        """The utterance as a final result, where it has words; the next one begins. A partial result that turned out
        to be nothing is taken back by an empty one."""
        ended = state.utterance
        state.utterance = Utterance(self.recipe, self._spelling, self._search, ended.still_heard)
        found = ended.transcript(state.levels, final=True)
        return [found] if found.words or ended.told else []

    def _new(self, rows: npt.NDArray[np.float32], context: Context, state: Listening) -> list[Step]:
        """The steps of a window that no window before it has given; those near its end are held back where the next
        one sees them again, with more sound behind them."""
        begins_s, step_s = self._timing.steps(len(rows), context)
        steps = [
            (row, begin_s, step_s)
            for row, begin_s in zip(rows, begins_s, strict=True)
            if begin_s >= state.next_s - step_s / 2
        ]
        back = round(self._timing.overlap_s / 2 / step_s)
        taken, state.held = (steps[:-back], steps[-back:]) if back else (steps, [])
        if taken:
            state.next_s = taken[-1][1] + step_s
        return taken
