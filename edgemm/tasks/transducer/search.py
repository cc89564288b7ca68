"""From rows of the encoder to labels: the best of each step, or the most probable texts."""

from __future__ import annotations

from math import exp, log1p
from typing import NamedTuple, Protocol

import numpy as np

from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.networks import Joiner, Predictor, Row, Said


class Label(NamedTuple):
    """One that was said."""

    label: int
    """Its place among the labels."""
    step: int
    """Of the encoder, in which it was given."""
    score: float
    """Natural logarithm of its probability there."""


class Search(Protocol):
    """Finds a text, one row of the encoder at a time."""

    def push(self, row: Row, step: int) -> None:
        """Takes the row of the next step."""

    def best(self, *, final: bool = False) -> tuple[Label, ...]:
        """Labels of the best text since `cut`."""

    def cut(self) -> None:
        """The best text is final: the next one goes on behind it."""


class Greedy:
    """The best label of each step; up to `per_step` of them until it is the blank."""

    def __init__(self, predictor: Predictor, joiner: Joiner, blank: int, per_step: int) -> None:
        self._predictor, self._joiner, self._blank, self._most = predictor, joiner, blank, per_step
        self._said = predictor.begin()
        self._labels: list[Label] = []

    def push(self, row: Row, step: int) -> None:
        for _ in range(self._most):
            scores = self._joiner(row, self._said.row)
            label = int(scores.argmax())
            if label == self._blank:
                return
            self._labels.append(Label(label, step, float(scores[label])))
            self._said = self._predictor.after(self._said, label)

    def best(self, *, final: bool = False) -> tuple[Label, ...]:
        return tuple(self._labels)

    def cut(self) -> None:
        self._labels = []


class Text(NamedTuple):
    """One that is followed."""

    labels: tuple[Label, ...]
    said: Said
    """The decoder after `told` of the labels."""
    told: int
    score: float
    """Natural logarithm of its probability, of all alignments that were followed."""
    word: str
    """What is written of the last word."""
    earned: float
    """Bonus for the hot words before it."""


class Beam:
    """Modified beam search: each step gives one label or the blank to each text, and equal texts are one, their
    probabilities added (Kang et al. 2022, "Fast and parallel decoding for transducer")."""

    def __init__(
        self, predictor: Predictor, joiner: Joiner, blank: int, beam: int, spelling: Spelling, hot: HotWords
    ) -> None:
        self._predictor, self._joiner, self._blank, self._beam = predictor, joiner, blank, beam
        self._spelling, self._hot = spelling, hot
        self._texts = [Text((), predictor.begin(), 0, 0.0, "", 0.0)]

    def push(self, row: Row, step: int) -> None:
        joined = np.stack([self._joiner(row, each.said.row) for each in self._texts])
        found: dict[tuple[int, ...], Text] = {}
        for at, label in self._candidates(joined):
            longer = self._longer(self._texts[at], label, step, float(joined[at, label]))
            key = tuple(each.label for each in longer.labels)
            known = found.get(key)
            if known is None:
                found[key] = longer
            else:
                likelier = known if known.score >= longer.score else longer
                found[key] = likelier._replace(score=_sum(known.score, longer.score))
        kept = sorted(found.values(), key=lambda each: -self._rank(each, final=False))[: self._beam]
        self._texts = [self._told(each) for each in kept]

    def best(self, *, final: bool = False) -> tuple[Label, ...]:
        return self._best(final=final).labels

    def cut(self) -> None:
        self._texts = [self._best(final=True)._replace(labels=(), told=0, score=0.0, word="", earned=0.0)]

    def _best(self, *, final: bool) -> Text:
        return max(self._texts, key=lambda each: self._rank(each, final=final))

    def _candidates(self, joined: Row) -> list[tuple[int, int]]:
        """Text and label of what may be kept: of each text its best labels, and the blank, by which equal
        texts meet."""
        count = min(self._beam + 1, joined.shape[1])
        best = np.argpartition(joined, -count, axis=1)[:, -count:]
        return [(at, label) for at, row in enumerate(best) for label in sorted({self._blank, *row.tolist()})]

    def _longer(self, text: Text, label: int, step: int, score: float) -> Text:
        if label == self._blank:
            return text._replace(score=text.score + score)
        begins, written = self._spelling.begins[label], self._spelling.texts[label]
        word = written if begins else text.word + written
        earned = text.earned + (self._hot.whole(text.word) if begins else 0.0)
        labels = (*text.labels, Label(label, step, score))
        return Text(labels, text.said, text.told, text.score + score, word, earned)

    def _told(self, text: Text) -> Text:
        """With the decoder's answer to all labels; asked for what is kept, not for what might have been."""
        if text.told == len(text.labels):
            return text
        said = self._predictor.after(text.said, text.labels[-1].label)
        return text._replace(said=said, told=len(text.labels))

    def _rank(self, text: Text, *, final: bool) -> float:
        word = self._hot.whole(text.word) if final else self._hot.begun(text.word)
        return text.score + text.earned + word


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a + log1p(exp(b - a))
