"""A text so far, as tokens."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a search has written."""

    tokens: tuple[int, ...] = ()
    """Without those that it began with, and without the end token."""
    log_probability: float = 0.0
    """Natural logarithm: the sum over the tokens, the end token included."""
    ended: bool = False
    """The end token was written, or the caller said that the text ends here."""
    counted: int = 0
    """How many tokens are in `log_probability`: one more than `tokens` where there was an end token."""

    @property
    def confidence(self) -> float:
        """0..1: the geometric mean of the tokens' probabilities."""
        return exp(self.log_probability / self.counted) if self.counted else 0.0

    def normalized(self, length_penalty: float) -> float:
        """What beam search ranks by: the logarithm over tokens ** length_penalty (0: long texts lose; 1: the mean)."""
        return float(self.log_probability / max(self.counted, 1) ** length_penalty)

    def longer(self, token: int, log_probability: float) -> Hypothesis:
        """With one token more."""
        return Hypothesis(
            (*self.tokens, token), self.log_probability + log_probability, False, self.counted + 1
        )

    def end(self, log_probability: float | None = None) -> Hypothesis:
        """Ended: by an end token of this probability, or where it stands."""
        if log_probability is None:
            return Hypothesis(self.tokens, self.log_probability, True, self.counted)
        return Hypothesis(self.tokens, self.log_probability + log_probability, True, self.counted + 1)
