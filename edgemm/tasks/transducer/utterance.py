"""What was said between two silences: labels with the steps that gave them, as words with their times."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from edgemm.results import Transcript, Word
from edgemm.tasks.silence import ends_speech
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tasks.transcription.spelling import Spelling, Written
from edgemm.tasks.transcription.word_ends import to_the_end
from edgemm.tasks.transducer.networks import Row
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Label, Search

ROUNDING_S = 1e-6


class Utterances:
    """One after the other; the decoder goes on from each to the next, so that a silence changes no word behind it."""

    def __init__(
        self,
        recipe: TransducerRecipe,
        spelling: Spelling,
        search: Search,
        levels: SoundLevels | None = None,
    ) -> None:
        """Args:
        recipe: what ends one, and its times.
        spelling: of the words.
        search: finds the labels.
        levels: tell where words end; None: their labels do.
        """
        self._recipe, self._spelling, self._search, self._levels = recipe, spelling, search, levels
        self.told = ""
        """Text of the newest partial result of the utterance under way."""
        self._restart()

    def _restart(self) -> None:
        self._begins_s: list[float] = []
        self._step_s = 0.0
        self._voice_end_s: float | None = None
        """Where the voice ended, where the sound is silent since."""
        self.told = ""

    def push(self, row: Row, begin_s: float, step_s: float) -> bool:
        """Takes the next step of the encoder. True when an utterance ends with it: see `finished`."""
        self._begins_s.append(begin_s)
        self._step_s = step_s
        step = len(self._begins_s) - 1
        self._search.push(row, step)
        labels = self._search.best()
        length_s = (step + 1) * step_s
        if not labels:
            if length_s >= self._recipe.longest_s:  # of silence: what was hardly heard in it is forgotten
                self._search.cut()
                self._restart()
            return False
        last = labels[-1].step
        if last == step:
            self._voice_end_s = None
        silence_s = (step - last) * step_s
        ended = 0 < self._recipe.endpoint_s <= silence_s + ROUNDING_S
        spoken_s = (step + 1 - labels[0].step) * step_s
        return (
            ended
            or self._silent(begin_s + step_s)
            or spoken_s >= self._recipe.longest_s * (1 if last < step else 2)
        )

    def quiet(self, voice_end_s: float, now_s: float) -> bool:
        """The sound is silent since the voice ended, for as long as was asked for. True when the utterance ends with
        it; else a later step may say so."""
        self._voice_end_s = voice_end_s
        return self._silent(now_s)

    def _silent(self, now_s: float) -> bool:
        """Whether the sound is silent, and the steps heard all of the voice and have had no label since."""
        labels = self._search.best()
        if self._voice_end_s is None or not labels:
            return False
        heard_s, said_s = (
            self._begins_s[step] + self._step_s - self._recipe.delay_s for step in (-1, labels[-1].step)
        )
        return ends_speech(
            self._voice_end_s, now_s, heard_s=heard_s, said_s=said_s, silence_s=self._recipe.endpoint_s
        )

    def text(self) -> str:
        """What was understood so far."""
        return " ".join(each.text for each in self._words(self._search.best()))

    def transcript(self) -> Transcript:
        """The same, with the times of its words; a later result replaces it."""
        return self._transcript(self._search.best(), final=False)

    def finished(self) -> list[Transcript]:
        """The utterance as a final result, where it has words; the next one begins. A partial result that turned out
        to be nothing is taken back by an empty one."""
        found = self._transcript(self._search.best(final=True), final=True)
        told = self.told
        self._search.cut()
        self._restart()
        return [found] if found.words or told else []

    def _words(self, labels: Sequence[Label]) -> list[Written]:
        return self._spelling.words([each.label for each in labels])

    def _transcript(self, labels: Sequence[Label], *, final: bool) -> Transcript:
        spelt = [self._word(each, labels) for each in self._words(labels)]
        words = to_the_end(spelt, self._levels, self._begins_s[-1] + self._step_s) if spelt else ()
        text = " ".join(each.text for each in words)
        if not words:
            return Transcript(text, final=final)
        return Transcript(text, words[0].begin_s, words[-1].end_s, words, final)

    def _word(self, written: Written, labels: Sequence[Label]) -> Word:
        spelt = labels[written.first : written.last + 1]
        begin = self._begins_s[spelt[0].step]
        end = self._begins_s[spelt[-1].step] + self._step_s
        heard = [each.score for each in spelt if self._spelling.texts[each.label]]
        begin_s, end_s = (round(max(0.0, at - self._recipe.delay_s), 4) for at in (begin, end))
        return Word(written.text, begin_s, end_s, exp(sum(heard) / len(heard)))
