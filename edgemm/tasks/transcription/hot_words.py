"""Words that are expected: a bonus for each in a text, in proportion while it is half said."""

from __future__ import annotations

from typing import Protocol

from edgemm.errors import CardError
from edgemm.tasks.transcription.spelling import Spelling, Writing


class Expecting(Writing, Protocol):
    """What a recipe says of words that are expected."""

    @property
    def hot_words(self) -> tuple[str, ...]:
        """The words."""

    @property
    def hot_bonus(self) -> float:
        """Added to the logarithm of a text's probability for each."""


class HotWords:
    """The hot words of a recipe.

    Raises:
        CardError: the labels cannot write one of them.
    """

    def __init__(self, recipe: Expecting, spelling: Spelling) -> None:
        self._bonus, self._words = recipe.hot_bonus, frozenset(recipe.hot_words)
        self._begun: dict[str, float] = {}
        for word in recipe.hot_words:
            reached = spelling.spells(word)
            if reached < len(word):
                raise CardError(
                    f"hot_words: {word[:80]!r} cannot be written with the labels of the model: "
                    + (
                        f"it is none of the words {_few(spelling)}"
                        if recipe.units == "words"
                        else f"none of them goes on with {word[reached:][:20]!r} after {word[:reached][:20]!r}"
                    )
                )
            for length in range(1, len(word) + 1):
                share = self._bonus * length / len(word)
                self._begun[word[:length]] = max(share, self._begun.get(word[:length], 0.0))

    def begun(self, word: str) -> float:
        """Bonus for a word that may go on: the share of a hot word's letters that it has."""
        return self._begun.get(word, 0.0)

    def whole(self, word: str) -> float:
        """Bonus for a word that is complete."""
        return self._bonus if word in self._words else 0.0


def _few(spelling: Spelling) -> str:
    words = [each for each in spelling.texts if each]
    return ", ".join(words[:10]) + (", ..." if len(words) > 10 else "")
