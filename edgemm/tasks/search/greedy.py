"""The best token of each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.search.log_softmax import LogSoftmax
from edgemm.tasks.search.rules import Rules
from edgemm.tasks.search.scorer import Scorer

Stop = Callable[[Sequence[int]], bool]
"""Tokens -> whether the text ends with them: a stop word was written."""


class Greedy:
    """One text. See `edgemm.tasks.search.search.Search`."""

    def __init__(self, scorer: Scorer, rules: Rules, begin: Sequence[int], stop: Stop | None = None) -> None:
        """Args:
        scorer: at its beginning.
        begin: what it is given before anything is written; one token at least.
        stop: ends a text in its words.
        """
        self._scorer, self._rules, self._stop = scorer, rules, stop
        self._to_feed, self._log = list(begin), LogSoftmax()
        self._text = Hypothesis()

    def advance(self) -> bool:
        """See `Search`."""
        if self._text.ended or len(self._text.tokens) >= self._rules.most:
            return False
        while len(self._to_feed) > 1:
            self._scorer.step(self._to_feed.pop(0))
        logits = self._scorer.step(self._to_feed.pop())
        if not self._text.tokens:
            self._rules.check(len(logits))
        row = self._log(logits)
        self._rules.forbid(row, self._text.tokens)
        best = int(row.argmax())  # of equal ones the first
        if row[best] == float("-inf"):  # nothing may follow
            self._text = self._text.end()
        elif best in self._rules.end:
            self._text = self._text.end(float(row[best]))
        else:
            self._text = self._text.longer(best, float(row[best]))
            self._to_feed.append(best)
            if self._stop is not None and self._stop(self._text.tokens):
                self._text = self._text.end()
        return not self._text.ended and len(self._text.tokens) < self._rules.most

    def best(self, count: int = 1) -> list[Hypothesis]:
        """See `Search`."""
        return [self._text][:count]
