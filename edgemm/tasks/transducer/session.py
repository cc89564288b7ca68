"""A stream of sound through a transducer: windows, partial and final results, the tail."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from edgemm.card.model_card import InputCard
from edgemm.errors import CardError, InputError
from edgemm.media import AudioBlock, Captured
from edgemm.preprocess.audio import compile_audio
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.mirror import Mirror
from edgemm.tasks.transducer.networks import Encoder, Joiner, Predictor, closed
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Beam, Greedy, Search
from edgemm.tasks.transducer.utterance import Utterances


class TransducerSession:
    """One stream's private state. See `edgemm.session.Session`."""

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(
        self,
        recipe: TransducerRecipe,
        encoder: Encoder,
        predictor: Predictor,
        joiner: Joiner,
        spelling: Spelling,
    ) -> None:
        self._recipe, self._spelling = recipe, spelling
        self._encoder, self._predictor, self._joiner = encoder, predictor, joiner
        self._hot = HotWords(recipe, spelling)
        spec = replace(encoder.spec, shape=closed(encoder.spec.shape))
        lead = recipe.audio.lead if recipe.mirrored else 0
        self._mirror = Mirror(lead / recipe.audio.sample_rate)
        audio = replace(recipe.audio, lead=recipe.audio.lead - lead)
        self._window = compile_audio(InputCard(spec.name, "audio", spec.shape, "NTF", audio=audio), spec)
        self._frames = np.zeros(spec.shape, spec.dtype)
        rate = recipe.audio.sample_rate
        if self._window.stride > recipe.audio.frames * recipe.audio.hop:
            raise CardError(
                f"audio.stride: expected at most {recipe.audio.frames * recipe.audio.hop} samples, which one window "
                f"covers, so that no sound is left out; found {self._window.stride}"
            )
        self._span_s, self._stride_s = self._window.span / rate, self._window.stride / rate
        self._tail_s = self._span_s + recipe.tail_s + recipe.delay_s
        self._cancelled = Cancellation()
        self._began_s: float | None = None
        self._newest: AudioBlock | None = None
        self.reset()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The results of the windows that a block of sound completes.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(item, AudioBlock):
            raise InputError(f"a transducer takes sound: expected an AudioBlock, found {type(item).__name__}")
        self._cancelled.renew()
        self._newest = item
        heard = self._mirror(item)
        if heard is not None:
            yield from self._hear(heard, clock)

    def _hear(self, item: AudioBlock, clock: StageClock) -> Iterator[Emission]:
        if self._began_s is None:
            self._began_s = item.position / item.sample_rate
        clock.start("preprocess")
        for end in self._window.push(item.samples, item.sample_rate):
            self._window.write(self._frames)
            end_s = (self._began_s or 0.0) + end / self._recipe.audio.sample_rate
            found = self._step(end_s - self._span_s, clock)
            clock.stop()
            end_ns = item.captured_ns + self._behind_ns(end_s, item)
            self._begin_ns, self._end_ns = end_ns - round(self._span_s * 1e9), end_ns
            for each in found:
                yield Emission(each, self._begin_ns, self._end_ns, each.final)
            if self._cancelled:
                return
            clock.start("preprocess")
        clock.stop()

    @staticmethod
    def _behind_ns(end_s: float, block: AudioBlock) -> int:
        """From the block's first sample to the end of a window, which lies within the block."""
        samples = min(float(len(block.samples)), end_s * block.sample_rate - block.position)
        return round(samples * 1e9 / block.sample_rate)

    def _step(self, begin_s: float, clock: StageClock) -> list[Transcript]:
        """One window: final results of what ended in it, then a partial one where more was understood."""
        clock.start("infer")
        rows = self._encoder(self._frames)
        found: list[Transcript] = []
        step_s = self._stride_s / max(1, len(rows))
        for at, row in enumerate(rows):
            if self._cancelled:
                return found
            if self._utterances.push(row, begin_s + at * step_s, step_s):
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

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What is still to be said; then what was heard is forgotten."""
        yield from self.finish(clock)
        self.reset()

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What was said up to the end: silence follows it, until the last sample was looked at with all that the
        encoder looks ahead."""
        self._cancelled.renew()
        last, self._newest = self._newest, None
        if last is None:
            return
        heard_ns = last.captured_ns + round(len(last.samples) * 1e9 / last.sample_rate)
        silence = self._mirror(_silence(last, heard_ns, self._tail_s), last=True)
        assert silence is not None
        for each in self._hear(silence, clock):
            newest_ns = min(each.newest_ns, heard_ns)  # what is heard of the silence is no younger
            yield each._replace(begin_ns=min(each.begin_ns, newest_ns), newest_ns=newest_ns)
        if self._cancelled:
            return
        for result in self._utterances.finished():
            newest_ns = min(self._end_ns, heard_ns)
            yield Emission(result, min(self._begin_ns, newest_ns), newest_ns, result.final)

    def whole(self, item: Captured) -> Transcript:
        """All that is said in a recording, as a stream of it would give it; the state of a stream is not kept.

        Raises:
            InputError: not an audio block.
        """
        self.reset()
        found = [each.value for each in self.feed(item, NO_CLOCK) if each.final]
        found += [each.value for each in self.finish(NO_CLOCK) if each.final]
        self.reset()
        words = tuple(word for each in found if isinstance(each, Transcript) for word in each.words)
        text = " ".join(word.text for word in words)
        return Transcript(text, words[0].begin_s, words[-1].end_s, words) if words else Transcript(text)

    def cancel(self) -> None:
        """The item that is fed right now ends after the step that it is in. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Nothing was heard."""
        self._window.reset()
        self._mirror.reset()
        self._encoder.part.reset()
        self._utterances = Utterances(self._recipe, self._spelling, self._search())
        self._began_s, self._newest = None, None
        self._begin_ns = self._end_ns = 0

    def _search(self) -> Search:
        recipe = self._recipe
        if recipe.search == "greedy":
            return Greedy(self._predictor, self._joiner, recipe.blank, recipe.per_step)
        return Beam(self._predictor, self._joiner, recipe.blank, recipe.beam, self._spelling, self._hot)

    def close(self) -> None:
        """Frees the networks' own state; may be called twice."""
        for part in (self._encoder.part, self._predictor.part, self._joiner.part):
            part.close()


def _silence(last: AudioBlock, begin_ns: int, seconds: float) -> AudioBlock:
    """What follows a block when nothing does."""
    samples: Any = np.zeros(math.ceil(seconds * last.sample_rate), np.float32)
    position = last.position + len(last.samples)
    return replace(last, samples=samples, captured_ns=begin_ns, position=position, gap_samples=0)
