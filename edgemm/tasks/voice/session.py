"""Texts in, sound out, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.lifecycle import Lifecycle
from edgemm.log import RateLimitedLog
from edgemm.media import Captured, Text
from edgemm.model.part import Part
from edgemm.results import Audio
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.voice import runs
from edgemm.tasks.voice.acoustic import Acoustic
from edgemm.tasks.voice.inventory import Inventory
from edgemm.tasks.voice.recipe import VoiceRecipe
from edgemm.tasks.voice.speller import Speller


class _Run(NamedTuple):
    """What goes through the networks at once."""

    ids: list[int]
    pause: bool
    """Whether a sentence ends with it."""


class VoiceSession:
    """See `edgemm.session.Session`. Each text gives an `Audio` for each sentence (for each piece of a long one), as
    soon as it is made; `final` is False for all but the last. The age of each counts from when the text was read.
    """

    modality: Literal["image", "audio", "text"] = "text"

    def __init__(
        self,
        recipe: VoiceRecipe,
        parts: Mapping[str, Part],
        speller: Speller,
        inventory: Inventory,
        acoustic: Acoustic,
    ) -> None:
        self._recipe, self._parts = recipe, parts
        self._speller, self._inventory, self._acoustic = speller, inventory, acoustic
        self._most = acoustic.most
        self._pause = np.zeros(round(recipe.pause_s * recipe.sample_rate), np.float32)
        self._cancelled = Cancellation()
        self._life = Lifecycle("the session of a voice", "open another one")
        self._log = RateLimitedLog()
        self.unknown = 0
        """Characters and phonemes so far that this voice has no sound for. They are left out."""

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The sound of one text.

        Raises:
            InputError: no text, one without a word, one that is too long, or one of another script.
        """
        self._cancelled.renew()
        for samples, last in self._sounds(item, clock):
            sound = Audio(samples, self._recipe.sample_rate, final=last)
            yield Emission(sound, item.captured_ns, item.captured_ns, last)
            if self._cancelled:
                return

    def whole(self, item: Captured) -> Audio:
        """The sound of one text, all its sentences in one.

        Raises:
            InputError: see `feed`.
        """
        self._cancelled.renew()
        pieces = [samples for samples, _ in self._sounds(item, NO_CLOCK)]
        if self._cancelled:
            raise InputError("the text was given up while it was spoken")
        return Audio(np.concatenate(pieces), self._recipe.sample_rate)

    def phonemes(self, text: str) -> list[str]:
        """The phonemes of each sentence, as they would be spoken: to see how a name or a number is read.

        Raises:
            InputError: see `feed`.
        """
        self._life.check()
        return [self._speller.phonemes(each) for each in self._speller.sentences(text)]

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """Nothing: each text is spoken by itself."""
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """Nothing: each text is spoken whole."""
        return ()

    def cancel(self) -> None:
        """What is under way ends after the run that it is in. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Nothing is remembered between two texts."""

    def close(self) -> None:
        """Closes the parts; may be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        for part in self._parts.values():
            part.close()

    def _sounds(self, item: Captured, clock: StageClock) -> Iterator[tuple[npt.NDArray[np.float32], bool]]:
        """The sound of each run, and whether it is the last."""
        self._life.check()
        random = np.random.default_rng(self._recipe.seed)
        clock.start("preprocess")
        runs = self._runs(self._text(item))
        run = next(runs, None)
        if run is None:
            raise InputError("text: expected at least one word that this voice can speak, found none")
        while run is not None and not self._cancelled:
            following = next(runs, None)
            clock.start("infer")
            samples = self._acoustic(run.ids, random)
            clock.stop()
            if self._cancelled:
                return
            if run.pause and following is not None:
                samples = np.concatenate((samples, self._pause))
            yield samples, following is None
            run = following
            clock.start("preprocess")
        clock.stop()

    def _text(self, item: Captured) -> str:
        if not isinstance(item, Text):
            raise InputError(f"the voice takes text: expected a Text, found {type(item).__name__}")
        if item.pair is not None:
            raise InputError("text: expected one text to speak, found two. Give them one after the other")
        most = self._recipe.most_characters
        if len(item.text) > most:
            raise InputError(
                f"text: expected at most {most} characters, found {len(item.text)}. Give it in several parts"
            )
        return item.text

    def _runs(self, text: str) -> Iterator[_Run]:
        """Of a text, made when they are asked for."""
        recipe = self._recipe
        for sentence in self._speller.sentences(text):
            before = self._speller.unknown
            pieces = runs.divide(self._speller.phonemes(sentence), recipe.longest)
            self._tell(self._speller.unknown - before)
            for at, piece in enumerate(pieces):
                *parts, last = self._fitting(piece) or ([],)
                yield from (_Run(ids, pause=False) for ids in parts)
                if last:
                    yield _Run(last, at == len(pieces) - 1)

    def _fitting(self, piece: str) -> list[list[int]]:
        """The ids of a piece of a sentence, in as many runs as the network has room for."""
        recipe, most = self._recipe, self._most
        symbols, unknown = self._inventory.ids(piece)
        within = [each for ids in symbols for each in (*ids, *recipe.behind_each)]
        found = [*recipe.begin, *within, *recipe.end]
        if most and len(found) > most and len(piece) > 1:
            return [ids for part in runs.divide(piece, -(-len(piece) // 2)) for ids in self._fitting(part)]
        self._tell(unknown)
        if most and len(found) > most:
            raise InputError(f"text: expected symbols of at most {most} ids, found one of {len(found)}")
        return [found] if symbols else []

    def _tell(self, unknown: int) -> None:
        """Counts what is left out; the text itself stands in no log."""
        if unknown:
            self.unknown += unknown
            self._log.warning(
                "unknown",
                f"{unknown} characters of a text are not spoken, since this voice has no sound for them",
            )
