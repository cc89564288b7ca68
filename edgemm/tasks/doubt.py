"""Numbers of a model that can hardly be what its card says: a warning, once, and the result all the same."""

from __future__ import annotations

from edgemm.log import LOG

SLACK = 0.02
"""How far outside of 0..1 a probability may lie: the rounding of an int8 output."""

TOTAL_SLACK = 0.05
"""How far from 1 the sum of probabilities may lie: the rounding of an int8 output."""


class Doubt:
    """Warns once for each kind of doubt about one model."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, kind: str, text: str, *values: object) -> None:
        """Logs the warning, unless one of this kind was logged before."""
        if kind not in self._said:
            self._said.add(kind)
            LOG.warning(text, *values)

    def probabilities(self, low: float, high: float, what: str, key: str) -> None:
        """What is said to be a probability.

        Args:
            low, high: least and largest.
            what: whose, for the message: "output 'scores'".
            key: what the card has to say instead.
        """
        if not -SLACK <= low <= high <= 1 + SLACK:
            self.say(
                what, "%s: expected probabilities, 0 to 1, the model gave %g to %g. Are they logits? Then say %s in "
                "the card", what, low, high, key,
            )  # fmt: skip

    def logits(self, low: float, high: float, total: float, what: str, key: str) -> None:
        """What is said to be a logit, whose softmax is to be taken.

        Args:
            low, high: least and largest.
            total: their sum.
            what: whose, for the message: "output 'scores'".
            key: what the card has to say instead.
        """
        if -SLACK <= low <= high <= 1 + SLACK and abs(total - 1) <= TOTAL_SLACK:
            self.say(
                what, "%s: expected logits, the model gave numbers of 0 to 1 whose sum is 1. Are they probabilities? "
                "Then say %s in the card", what, key,
            )  # fmt: skip
