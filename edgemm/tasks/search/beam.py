"""Beam search: several texts at a time, ranked by their length-normalized probability (Wu et al. 2016, section 7).

A text that has ended competes by log P / tokens ** length_penalty, as in Marian and transformers, and one that goes on
as if it ended now: the search is over once as many have ended as there are beams, and none that goes on is better than
the worst of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgemm.errors import InputError
from edgemm.tasks.search.greedy import Stop
from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.search.log_softmax import LogSoftmax
from edgemm.tasks.search.rules import Rules
from edgemm.tasks.search.scorer import Scorer


@dataclass(slots=True, eq=False)
class _Live:
    """A text that goes on."""

    text: Hypothesis
    feed: int
    """The token that the decoder has not taken yet."""
    state: Any
    """Of the decoder before it takes that token."""


class Beam:
    """See `edgemm.tasks.search.search.Search`. Of equal texts the one that was found first wins, then the one with the
    lower token."""

    def __init__(
        self,
        scorer: Scorer,
        rules: Rules,
        begin: Sequence[int],
        *,
        beams: int,
        length_penalty: float = 1.0,
        stop: Stop | None = None,
    ) -> None:
        """Args:
            scorer: at its beginning.
            begin: what it is given before anything is written; one token at least.
            beams: texts that are followed.
            length_penalty: see `Hypothesis.normalized`.
            stop: ends a text in its words.

        Raises:
            InputError: fewer than one beam, or a negative penalty.
        """
        if beams < 1 or not 0 <= length_penalty <= 10:
            raise InputError(
                f"beam search: expected 1 beam or more and a length penalty from 0 to 10, found {beams} and "
                f"{length_penalty}"
            )
        self._scorer, self._rules, self._stop = scorer, rules, stop
        self._beams, self._penalty, self._log = beams, length_penalty, LogSoftmax()
        self._begin = list(begin)
        self._live: list[_Live] = []
        self._stands: Any = None
        """The state that the decoder is in now."""
        self._ended: list[Hypothesis] = []
        self._over = self._begun = False

    def advance(self) -> bool:
        """See `Search`."""
        if self._over:
            return False
        if not self._begun:
            self._start()
        self._keep(self._candidates())
        if self._settled():
            self._live.clear()
        self._over = not self._live or len(self._live[0].text.tokens) >= self._rules.most
        return not self._over

    def best(self, count: int = 1) -> list[Hypothesis]:
        """See `Search`."""
        ranked = sorted((*self._ended, *(each.text for each in self._live)), key=self._rank)
        return ranked[:count] or [Hypothesis()]

    def _start(self) -> None:
        self._begun = True
        for token in self._begin[:-1]:
            self._scorer.step(token)
        self._live = [_Live(Hypothesis(), self._begin[-1], None)]

    def _candidates(self) -> list[tuple[float, int, int, Any]]:
        """(log P, place of the text, token, state after the text), best first: twice as many as beams, since half of
        them may end."""
        found: list[tuple[float, int, int, Any]] = []
        for place, live in enumerate(self._live):
            if live.state is not self._stands:
                self._scorer.restore(live.state)
            logits = self._scorer.step(live.feed)
            if not live.text.tokens:
                self._rules.check(len(logits))
            state = self._stands = self._scorer.snapshot()
            row = self._log(logits)
            self._rules.forbid(row, live.text.tokens)
            found += [
                (live.text.log_probability + float(row[token]), place, token, state)
                for token in self._log.best(row, 2 * self._beams)
            ]
        return sorted(found, key=lambda each: (-each[0], each[1], each[2]))[: 2 * self._beams]

    def _keep(self, found: list[tuple[float, int, int, Any]]) -> None:
        """The best go on; those among them that end have ended."""
        live: list[_Live] = []
        for rank, (score, place, token, state) in enumerate(found):
            text = self._live[place].text
            gained = score - text.log_probability
            if token in self._rules.end:
                if rank < self._beams:
                    self._ended.append(text.end(gained))
                continue
            longer = text.longer(token, gained)
            if self._stop is not None and self._stop(longer.tokens):
                if rank < self._beams:
                    self._ended.append(longer.end())
                continue
            live.append(_Live(longer, token, state))
            if len(live) == self._beams:
                break
        if not found:  # nothing may follow any of them
            self._ended += [each.text.end() for each in self._live]
        self._live = live
        self._ended.sort(key=self._rank)
        del self._ended[self._beams :]

    def _settled(self) -> bool:
        if len(self._ended) < self._beams or not self._live:
            return False
        return min(self._rank(each.text) for each in self._live) >= self._rank(self._ended[-1])

    def _rank(self, text: Hypothesis) -> float:
        return -text.normalized(self._penalty)
