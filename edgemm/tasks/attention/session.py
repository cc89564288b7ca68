"""Running sound to utterances: what was understood so far while somebody speaks, and what was said when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.media import AudioBlock, Captured
from edgemm.results import Transcript
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.timestamps import pieces
from edgemm.tasks.attention.vocabulary import Vocabulary
from edgemm.tasks.attention.writing import Writer
from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.speech.agreement import Agreement
from edgemm.tasks.speech.endpoint import Endpoint, EndpointTimes, Span
from edgemm.tasks.speech.heard import Heard
from edgemm.tasks.speech.joining import heard_before
from edgemm.tasks.speech.part import Part
from edgemm.tasks.speech.voice import Voice
from edgemm.voice_level import level_db

WORDS_PER_S = 5.0
"""Most words in a second of speech."""
GROWN = 0.25
"""A partial result of a long utterance is due when it has grown by this share: each is written from the begin on."""


SHARE = 0.5
"""Of the time that sound takes, partial results may take."""
SETTLED_S = 5.0
"""Of an utterance that is longer, what was said up to a likely end is not written again for partial results."""


class _Known(NamedTuple):
    """What was written of an utterance that has not ended yet."""

    span: Span
    text: Hypothesis


class _Settled(NamedTuple):
    """The first words of an utterance that goes on."""

    begin: int
    """Of the utterance."""
    end: int
    """Sample in a silence, up to which they are said."""
    words: list[str]


class AttentionSession:
    """One stream of sound. See `edgemm.session.Session`.

    An utterance is written when it ends, anew every `partial_s` while it goes on, and once more when its end is likely
    and not certain: where nothing follows, that is what its final result says, without further work.
    """

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(
        self,
        recipe: AttentionRecipe,
        writer: Writer,
        vocabulary: Vocabulary,
        voice: Voice,
        parts: Mapping[str, Part],
        cancelled: Cancellation,
    ) -> None:
        """Use `AttentionDriver.session`."""
        self._recipe, self._writer, self._vocabulary, self._voice = recipe, writer, vocabulary, voice
        self._parts, self._cancelled = parts, cancelled
        self._heard = Heard(recipe.sample_rate)
        most_s = (
            writer.most_s - voice.hop / recipe.sample_rate
        )  # it is divided with the piece that is too much
        times = EndpointTimes(silence_s=recipe.endpoint_s, longest_s=min(recipe.longest_s, most_s))
        self._shared = round(times.overlap_s * WORDS_PER_S)
        self._spare_s = max(0.0, times.silence_s - times.after_s)
        self._now, self._pace = time.perf_counter, 0.0
        """A clock in seconds, and how many of them a second of sound took to be written lately."""
        self._likely_end = round(times.after_s * recipe.sample_rate)
        self._endpoint = Endpoint(times, recipe.sample_rate)
        self._begin_anew()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The results that a block completes.

        Raises:
            InputError: not an audio block, or its rate changed.
        """
        if not isinstance(item, AudioBlock):
            raise InputError(f"the model takes sound: expected an AudioBlock, found {type(item).__name__}")
        self._cancelled.renew()
        clock.start("preprocess")
        self._heard.push(item)
        yield from self._listen(clock)
        clock.stop()

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """What was said before it; then what was heard is forgotten."""
        yield from self.finish(clock)
        self.reset()

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """What was said since the last final result."""
        self._cancelled.renew()
        self._heard.finish()
        yield from self._listen(clock)
        self._take_rest()
        span = self._endpoint.finish()
        if span is not None:
            yield from self._final(span, clock)
        clock.stop()

    def whole(self, item: Captured) -> Transcript:
        """All that is said in a recording, as a stream of it says it.

        Raises:
            InputError: not an audio block.
        """
        self.reset()
        self._tells = False
        told = (*self.feed(item, NO_CLOCK), *self.finish(NO_CLOCK))
        finals = [each.value for each in told if each.final and isinstance(each.value, Transcript)]
        self.reset()
        said = [each for each in finals if each.text]
        if not said:
            return Transcript("")
        text = " ".join(each.text for each in said)
        weights = [len(each.text) for each in said]
        confidence = float(
            np.exp(np.average([np.log(max(each.confidence, 1e-9)) for each in said], weights=weights))
        )
        return Transcript(text, said[0].start_s, said[-1].end_s, confidence=confidence)

    def cancel(self) -> None:
        """What is written right now is given up after the token that it is at. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Forgets everything heard."""
        self._heard.reset()
        self._voice.reset()
        self._endpoint.reset()
        self._begin_anew()

    def close(self) -> None:
        """Closes the parts; may be called twice."""
        for part in self._parts.values():
            part.close()

    def _begin_anew(self) -> None:
        self._at = 0
        """Place up to which voice was looked for."""
        self._tells = True
        self._told = ""
        self._known: _Known | None = None
        self._settled: _Settled | None = None
        self._agreement = Agreement()
        self._last_words: list[str] = []

    def _listen(self, clock: StageClock) -> Iterator[Emission]:
        """Looks for voice in what is new, piece by piece."""
        hop = self._voice.hop
        while self._at + hop <= self._heard.end:
            clock.start("voice")
            span = self._take(hop, self._voice(self._heard.between(self._at, self._at + hop)))
            if span is not None:
                yield from self._final(span, clock)
            elif self._is_due():
                yield from self._partial(clock)
            if self._cancelled:
                return
            self._heard.forget(self._endpoint.begin)

    def _take(self, count: int, voice: bool) -> Span | None:
        begin, self._at = self._at, self._at + count
        return self._endpoint.push(begin, self._at, voice, level_db(self._heard.between(begin, self._at)))

    def _take_rest(self) -> None:
        """What is left is shorter than a piece, and is what the piece before it was."""
        rest = self._heard.end - self._at
        if rest > 0:
            self._take(rest, self._endpoint.speaks and self._endpoint.quiet_for == 0)

    def _is_due(self) -> bool:
        """Whether the utterance under way is to be written."""
        if not (self._recipe.partial and self._tells and self._endpoint.speaks):
            return False
        now, written = self._endpoint.now, self._known
        known = written.span if written is not None and written.span.voice_begin == now.voice_begin else None
        if known is not None and known.voice_end == now.voice_end and known.end == now.end:
            return False
        stretch, rate = self._stretch(now), self._recipe.sample_rate
        long = stretch.end - stretch.begin >= SETTLED_S * rate
        if self._quiet and (long or self._cost_s(stretch) <= self._spare_s):
            return True  # it may have ended, or is settled
        if known is not None and known.voice_end == now.voice_end:
            return False
        grown = self._at - (known.end if known is not None else now.begin)
        worth = self._cost_s(stretch) / SHARE * rate
        return grown >= max(self._recipe.partial_s * rate, GROWN * (stretch.end - stretch.begin), worth)

    @property
    def _quiet(self) -> bool:
        """Whether the utterance under way may have ended."""
        return self._endpoint.quiet_for >= self._likely_end

    def _cost_s(self, span: Span) -> float:
        """Seconds that it takes to write it, as far as is known."""
        return self._pace * (span.end - span.begin) / self._recipe.sample_rate

    def _stretch(self, span: Span) -> Span:
        """What of an utterance that goes on is written next: all of it, or what follows the words that are settled. Of
        one that may have ended it is all, where that is done before it is known."""
        settled = self._settled
        if (
            settled is None
            or settled.begin != span.begin
            or (self._quiet and self._cost_s(span) <= self._spare_s)
        ):
            return span
        return span._replace(begin=min(settled.end, span.end))

    def _partial(self, clock: StageClock) -> Iterator[Emission]:
        span = self._endpoint.now
        stretch = self._stretch(span)
        text = self._write(stretch, clock)
        if text is None:
            return
        self._known = _Known(stretch, text)
        written = self._vocabulary.text(text.tokens)
        if stretch.begin == span.begin:
            words = self._unheard(span, written.split())
        else:
            assert self._settled is not None
            words = [*self._settled.words, *written.split()]
        if self._quiet and span.end - span.begin >= SETTLED_S * self._recipe.sample_rate:
            self._settled = _Settled(span.begin, span.end, words)
        told = " ".join(self._agreement(words))
        if told and told != self._told:
            self._told = told
            yield self._emission(self._transcript(span, told, text.confidence, final=False), span)

    def _final(self, span: Span, clock: StageClock) -> Iterator[Emission]:
        known, told = self._known, self._told
        as_known = known is not None and known.span[:2] == span[:2]
        text = known.text if known is not None and as_known else self._write(span, clock)
        self._known, self._told, self._settled, self._agreement = None, "", None, Agreement()
        if text is None:
            return
        results = self._finals(span, text)
        if not results and told:
            results = [self._transcript(span, "", 0.0, final=True)]  # what was told is taken back
        for result in results:
            yield self._emission(result, span)

    def _finals(self, span: Span, text: Hypothesis) -> list[Transcript]:
        """One result, or one for each pair of times that the network writes."""
        if self._recipe.timestamps < 0:
            words = self._unheard(span, self._vocabulary.text(text.tokens).split())
            words = words[:-1] if span.goes_on else words
            self._remember(span, words)
            return [self._transcript(span, " ".join(words), text.confidence, final=True)] if words else []
        return self._pieces(span, text)

    def _remember(self, span: Span, words: Sequence[str]) -> None:
        """What the part after this one may have again: also of the part before, where this one says little."""
        before = self._last_words if span.continues else []
        self._last_words = [*before, *words][-self._shared :] if span.goes_on else []

    def _pieces(self, span: Span, text: Hypothesis) -> list[Transcript]:
        found: list[Transcript] = []
        written = [
            (each, self._vocabulary.text(each.tokens).split()) for each in pieces(text.tokens, self._recipe)
        ]
        last = max((at for at, (_, words) in enumerate(written) if words), default=-1)
        said: list[str] = []
        for at, (each, heard) in enumerate(written):
            words = heard if said else self._unheard(span, heard)
            if span.goes_on and at == last:
                words = words[:-1]
            if not words:
                continue
            said += words
            rate = self._recipe.sample_rate
            end = span.voice_end if each.end_s is None else span.begin + round(each.end_s * rate)
            begin = span.begin + round(each.begin_s * rate)
            times = (self._heard.seconds(min(begin, span.end)), self._heard.seconds(min(end, span.end)))
            found.append(Transcript(" ".join(words), *times, confidence=text.confidence))
        self._remember(span, said)
        return found

    def _unheard(self, span: Span, words: list[str]) -> list[str]:
        """Without those that the part before it has already."""
        if not (span.continues and self._last_words):
            return words
        return words[heard_before(self._last_words, words, self._shared) :]

    def _write(self, span: Span, clock: StageClock) -> Hypothesis | None:
        clock.start("infer")
        begun = self._now()
        text = self._writer.write(self._sound(span))
        self._pace = (self._now() - begun) / max(1.0, (span.end - span.begin) / self._recipe.sample_rate)
        clock.start("decode")
        return text

    def _sound(self, span: Span) -> npt.NDArray[np.float32]:
        return self._heard.between(span.begin, min(span.end, self._heard.end))

    def _transcript(self, span: Span, text: str, confidence: float, *, final: bool) -> Transcript:
        times = (self._heard.seconds(span.voice_begin), self._heard.seconds(span.voice_end))
        return Transcript(text, *times, final=final, confidence=confidence)

    def _emission(self, result: Transcript, span: Span) -> Emission:
        begin_ns, newest_ns = self._heard.captured_ns(span.begin), self._heard.captured_ns(self._at)
        return Emission(result, begin_ns, newest_ns, result.final)
