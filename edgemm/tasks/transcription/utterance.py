"""What was heard between two silences: the scores of its steps, and the search through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.results import Transcript, Word
from edgemm.tasks.silence import ends_speech
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tasks.transcription.alignment import Place, align
from edgemm.tasks.transcription.recipe import TranscriptionRecipe
from edgemm.tasks.transcription.spelling import Spelling, Written
from edgemm.tasks.transcription.word_ends import to_the_end

WORD_S = 1.0
"""Seconds that a word may take from the mark that it begins to its label: no silence ends an utterance in it."""
IDLE_S = 1.0
"""Seconds without a word after which nothing of them is kept."""
ROUNDING_S = 1e-6


class Search(Protocol):
    """Finds a text in the scores of steps, one step at a time."""

    def push(self, row: npt.NDArray[Any]) -> None:
        """Takes float32[labels], natural logarithms of probabilities."""

    def best(self, *, final: bool = False) -> tuple[int, ...]:
        """Labels of the best text so far, blanks and repetitions left out."""


class Utterance:
    """Steps from the end of the last utterance on."""

    def __init__(
        self,
        recipe: TranscriptionRecipe,
        spelling: Spelling,
        search: Callable[[], Search],
        held: int | None = None,
    ) -> None:
        """Args:
        held: the label in which the utterance before was divided: as long as it goes on it is not written again.
        """
        self._recipe, self._spelling, self._make, self._held = recipe, spelling, search, held
        self.told = ""
        """Text of the newest partial result."""
        self._restart()

    def _restart(self) -> None:
        self._search = self._make()
        self._rows: list[npt.NDArray[np.float32]] = []
        self._begins_s: list[float] = []
        self._step_s = 0.0
        self._spoken_s: float | None = None
        self._marked = False
        self._voice_end_s: float | None = None
        """Where the voice ended, where the sound is silent since."""

    def push(self, row: npt.NDArray[np.float32], begin_s: float, step_s: float) -> bool:
        """Takes the next step. True when the utterance ends with it."""
        row = self._without_held(row)
        self._search.push(row)
        self._rows.append(row)
        self._begins_s.append(begin_s)
        self._step_s = step_s
        best, end_s = int(row.argmax()), begin_s + step_s
        if best != self._recipe.blank:
            self._spoken_s, self._marked = end_s, best == self._spelling.mark
            self._voice_end_s = None
        length_s = end_s - self._begins_s[0]
        if self._spoken_s is None:
            self._forget_silence(length_s, end_s)
            return False
        return (
            self._ended(end_s - self._spoken_s + self._recipe.delay_s)
            or self._silent(end_s)
            or self._too_long(length_s, best == self._recipe.blank)
        )

    def quiet(self, voice_end_s: float, now_s: float) -> bool:
        """The sound is silent since the voice ended, for as long as was asked for. True when the utterance ends with
        it; else a later step may say so."""
        self._voice_end_s = voice_end_s
        return self._silent(now_s)

    def _silent(self, now_s: float) -> bool:
        """Whether the sound is silent, and the steps heard all of the voice and have had no label since."""
        if self._voice_end_s is None or self._spoken_s is None:
            return False
        heard_s, said_s = (
            end_s - self._recipe.delay_s for end_s in (self._begins_s[-1] + self._step_s, self._spoken_s)
        )
        return ends_speech(
            self._voice_end_s, now_s, heard_s=heard_s, said_s=said_s, silence_s=self._recipe.endpoint_s
        )

    @property
    def still_heard(self) -> int | None:
        """The label of the newest step; None where that has none."""
        best = int(self._rows[-1].argmax()) if self._rows else self._recipe.blank
        return None if best == self._recipe.blank else best

    def _without_held(self, row: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The scores, with blank and held label exchanged as long as that one is the best."""
        if self._held is None or int(row.argmax()) != self._held:
            self._held = None
            return row
        changed, blank = row.copy(), self._recipe.blank
        changed[[self._held, blank]] = row[[blank, self._held]]
        return changed

    def _forget_silence(self, length_s: float, end_s: float) -> None:
        if length_s >= IDLE_S:
            if self._search.best():  # what no single step says, and all of them together do
                self._spoken_s = end_s
            else:
                self._restart()

    def _ended(self, silence_s: float) -> bool:
        needed_s = self._recipe.endpoint_s
        if self._marked:
            needed_s = max(needed_s, WORD_S) if needed_s > 0 else 0.0
        return needed_s > 0 and silence_s + ROUNDING_S >= needed_s

    def _too_long(self, length_s: float, between: bool) -> bool:
        return length_s >= self._recipe.longest_s * (1 if between else 2)

    def text(self) -> str:
        """What was understood so far, as the search has it."""
        return _joined(self._spelling.words(self._search.best()))

    def transcript(self, levels: SoundLevels | None = None, *, final: bool) -> Transcript:
        """What was understood so far, with the times of its words.

        Args:
            levels: tell where they end; None: their labels do.
            final: nothing follows.
        """
        labels = self._search.best(final=final)
        places = align(np.stack(self._rows), labels, self._recipe.blank) if labels else []
        found = [self._word(each, labels, places) for each in self._spelling.words(labels)]
        words = to_the_end(found, levels, self._begins_s[-1] + self._step_s) if found else ()
        text = " ".join(each.text for each in words)
        if not words:
            return Transcript(text, final=final)
        return Transcript(text, words[0].begin_s, words[-1].end_s, words, final)

    def _word(self, written: Written, labels: Sequence[int], places: Sequence[Place]) -> Word:
        begin = self._begins_s[places[written.first].first]
        end = self._begins_s[places[written.last].last] + self._step_s
        heard = [
            place.best
            for place, label in list(zip(places, labels, strict=True))[written.first : written.last + 1]
            if self._spelling.texts[label]
        ]
        begin_s, end_s = (round(max(0.0, at - self._recipe.delay_s), 4) for at in (begin, end))
        return Word(written.text, begin_s, end_s, exp(sum(heard) / len(heard)))


def _joined(words: Sequence[Written]) -> str:
    return " ".join(each.text for each in words)
