"""A stream of sound through a transducer: partial and final results."""

from __future__ import annotations

from collections.abc import Mapping

from edgemm.model.part import Part
from edgemm.results import Transcript
from edgemm.session import StageClock
from edgemm.tasks.context import Context
from edgemm.tasks.silence import Quiet
from edgemm.tasks.speech.found import FoundVoice
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.networks import Encoder, Joiner, Predictor
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Beam, Greedy, Search
from edgemm.tasks.transducer.utterance import Utterances
from edgemm.tasks.window_session import WindowSession


class TransducerSession(WindowSession):
    """One stream's private state. See `edgemm.session.Session`."""

    def __init__(
        self,
        recipe: TransducerRecipe,
        encoder: Encoder,
        predictor: Predictor,
        joiner: Joiner,
        spelling: Spelling,
        voice: FoundVoice | None,
        parts: Mapping[str, Part],
    ) -> None:
        """Use `TransducerDriver.session`."""
        self._recipe, self._spelling = recipe, spelling
        self._encoder, self._predictor, self._joiner = encoder, predictor, joiner
        self._hot = HotWords(recipe, spelling)
        by_level = recipe.endpoint_by == "sound"
        super().__init__(
            recipe.audio,
            encoder.spec,
            tuple(parts.values()),
            mirrored=recipe.mirrored,
            tail_s=recipe.tail_s + recipe.delay_s,
            silence_s=recipe.endpoint_s if by_level else 0.0,
            by_level=by_level,
            voice=voice,
        )

    def _heard(self, context: Context, clock: StageClock) -> list[Transcript]:
        """Final results of what ended in the window, then a partial one where more was understood."""
        clock.start("infer")
        rows = self._encoder(self._frames)
        found: list[Transcript] = []
        step_s = self._stride_s / max(1, len(rows))
        for at, row in enumerate(rows):
            if self._cancelled:
                return found
            if self._utterances.push(row, context.begin_s + at * step_s, step_s):
                found += self._utterances.finished()
        clock.start("decode")
        return found + self._partial()

    def _partial(self) -> list[Transcript]:
        utterances = self._utterances
        if not self._recipe.partial:
            return []
        text = utterances.text()
        if text == utterances.told:
            return []
        utterances.told = text
        return [utterances.transcript()]

    def _quiet(self, quiet: Quiet) -> list[Transcript]:
        utterances = self._utterances
        return utterances.finished() if utterances.quiet(quiet.since_s, quiet.now_s) else []

    def _ended(self, context: Context) -> list[Transcript]:
        return self._utterances.finished()

    def _forget(self) -> None:
        self._encoder.part.reset()
        self._utterances = Utterances(self._recipe, self._spelling, self._search(), self._levels)

    def _search(self) -> Search:
        recipe = self._recipe
        if recipe.search == "greedy":
            return Greedy(self._predictor, self._joiner, recipe.blank, recipe.per_step)
        return Beam(self._predictor, self._joiner, recipe.blank, recipe.beam, self._spelling, self._hot)
