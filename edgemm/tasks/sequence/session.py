"""The session of a stream of texts: each is read, and another is written for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from edgemm.errors import InputError
from edgemm.media import Captured, Text
from edgemm.preprocess.text import Joined, Pattern, TextPreprocessor
from edgemm.results import Alternative, Written
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.search import Hypothesis, PartScorer, Search, make_search
from edgemm.tasks.search.greedy import Stop
from edgemm.tasks.sequence.recipe import SequenceRecipe
from edgemm.tasks.sequence.ways import Way


class Writer:
    """The two parts: an encoder that reads, and a decoder that begins to write."""

    def __init__(self, encoder: Any, decoder: Any, ways: Sequence[Way]) -> None:
        """Args:
        encoder: a `Part`.
        decoder: likewise, with states.
        ways: the lengths that they have, the shortest first.
        """
        self.encoder, self.decoder, self._ways = encoder, decoder, ways

    def read(self, ids: Sequence[int]) -> Way:
        """A new text, no longer than the longest way takes: the encoder's answer is held in the decoder, whose cache
        is empty."""
        way = next((each for each in self._ways if len(ids) <= each.source.most), self._ways[-1])
        feeds, held = way.source.fill(ids)
        found = self.encoder.step(feeds, way.encoder)
        self.decoder.reset()
        self.decoder.hold(held | {into: found.real(name) for name, into in way.memory.items()})
        return way

    def search(self, way: Way, recipe: SequenceRecipe, stop: Stop | None) -> Search:
        """What is written for it."""
        return make_search(
            PartScorer(self.decoder, way.feeds, recipe.scores, way.signature), way.rules, recipe.begin,
            beams=recipe.beams, length_penalty=recipe.length_penalty, stop=stop,
        )  # fmt: skip

    def reset(self) -> None:
        """Forgets the text."""
        self.decoder.reset()

    def close(self) -> None:
        """Frees both."""
        self.encoder.close()
        self.decoder.close()


class SequenceSession:
    """See `edgemm.session.Session`. `feed` gives results as they come: partial ones, if asked for, and a final one."""

    modality: Literal["image", "audio", "text"] = "text"

    def __init__(
        self,
        recipe: SequenceRecipe,
        prepare: TextPreprocessor,
        writer: Writer,
        joined: Joined,
    ) -> None:
        self._recipe, self._prepare = recipe, prepare
        self._writer, self._joined = writer, joined
        self._accepts = tuple(map(Pattern, recipe.accepts))
        self._cancelled = Cancellation()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """What is written for a text.

        Raises:
            InputError: no text, one that is empty, or that the vocabulary has nothing of where it refuses that.
        """
        self._cancelled.renew()
        for value in self._write(_text(item), clock, self._cancelled, partial=self._recipe.partial):
            yield Emission(value, item.captured_ns, item.captured_ns, value.final)

    def whole(self, item: Captured) -> Written:
        """What is written for one text."""
        (found,) = self._write(_text(item), NO_CLOCK, Cancellation(), partial=False)
        return found

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        """Texts do not depend on each other."""
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        """Nothing is left to say."""
        return ()

    def cancel(self) -> None:
        """What is being written ends after the step that it is in."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Forgets the text."""
        self._writer.reset()

    def close(self) -> None:
        """Frees the parts; may be called twice."""
        self._writer.close()

    def _write(
        self, item: Text, clock: StageClock, cancelled: Cancellation, *, partial: bool
    ) -> Iterator[Written]:
        clock.start("preprocess")
        text, pair = item.text.strip(), None if item.pair is None else item.pair.strip()
        for each in (text,) if pair is None else (text, pair):
            self._require_accepted(each)
        tokens = self._prepare.tokens(text, pair)
        clock.start("infer")
        way = self._writer.read(tokens.ids)
        search = self._writer.search(way, self._recipe, self._stops if self._recipe.stop else None)
        told = ""
        while not cancelled and search.advance():
            if not partial:
                continue
            clock.start("decode")
            (best,) = search.best()
            so_far = self._told(best, cut=tokens.cut, final=False)
            clock.stop()
            if so_far.text != told:
                told = so_far.text
                yield so_far
            clock.start("infer")
        clock.start("decode")
        texts = search.best(self._recipe.n_best)
        found = self._told(texts[0], texts[1:], cut=tokens.cut)
        clock.stop()
        if not cancelled:
            yield found

    def _require_accepted(self, text: str) -> None:
        """Raises:
        InputError: the model was not made for such a text. It is not shown: what was typed stands in no log.
        """
        if text and self._accepts and not any(each.matches(text) for each in self._accepts):
            raise InputError(
                f"text: expected {self._recipe.accepted or 'one that the bundle accepts (sequence.accepts)'}; found "
                f"another one, of {len(text)} characters"
            )

    def _told(
        self, text: Hypothesis, others: Sequence[Hypothesis] = (), *, cut: bool, final: bool = True
    ) -> Written:
        more = tuple(Alternative(self._join(each.tokens), each.confidence) for each in others)
        return Written(self._join(text.tokens), text.confidence, more, text.ended, cut, final)

    def _join(self, tokens: Sequence[int]) -> str:
        """As a text, which ends before a stop word."""
        text = self._joined(tokens)
        ends = [at for at in map(text.find, self._recipe.stop) if at >= 0]
        return text[: min(ends)].rstrip() if ends else text

    def _stops(self, tokens: Sequence[int]) -> bool:
        text = self._joined(tokens)
        return any(word in text for word in self._recipe.stop)


def _text(item: Captured) -> Text:
    if not isinstance(item, Text):
        raise InputError(f"the model takes text: expected a Text, found {type(item).__name__}")
    return item
