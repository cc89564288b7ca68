"""Labels to words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from edgemm.errors import CardError


class Writing(Protocol):
    """What a recipe says of labels. Exists so that every way to find labels spells them alike."""

    @property
    def blank(self) -> int:
        """Place of the label that stands for none."""

    @property
    def units(self) -> Literal["pieces", "words"]:
        """What labels are."""

    @property
    def separator(self) -> str:
        """What stands between words, or begins one."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """Labels that write nothing."""


class Written(NamedTuple):
    """One word of a sequence of labels."""

    text: str
    first: int
    """Place in the sequence of the label that it begins with, its mark counted in."""
    last: int
    """Of the label that it ends with."""


class Spelling:
    """How the labels of a model spell words.

    Raises:
        CardError: the blank, the separator or an ignored label is none of the labels, or a label occurs twice.
    """

    def __init__(self, labels: Sequence[str], recipe: Writing) -> None:
        if recipe.blank >= len(labels):
            raise CardError(
                f"transcription.blank: expected 0 to {len(labels) - 1}, a place among the card's {len(labels)} labels, "
                f"found {recipe.blank}"
            )
        twice = sorted({each for each in labels if labels.count(each) > 1})
        if twice:
            raise CardError(f"labels: expected each once, found {twice[0]!r} several times")
        unknown = [each for each in recipe.ignored if each not in labels]
        if unknown:
            raise CardError(f"transcription.ignored: {unknown[0]!r} is none of the card's labels")
        mark, self._words = recipe.separator, recipe.units == "words"
        silent = {labels[recipe.blank], *recipe.ignored}
        plain = labels if self._words or not mark else [each.removeprefix(mark) for each in labels]
        self.texts = tuple(
            "" if each in silent or (mark and each == mark) else text
            for each, text in zip(labels, plain, strict=True)
        )
        """What each label writes."""
        self.begins = tuple(
            each not in silent and (self._words or (mark != "" and each.startswith(mark))) for each in labels
        )
        """Whether a word begins with the label."""
        self.mark = labels.index(mark) if self._words and mark in labels else -1
        """Place of the label that says that a word begins, and of whose own it has none; -1: there is none."""

    def words(self, labels: Sequence[int]) -> list[Written]:
        """What a sequence of labels, blanks and repetitions left out, says."""
        found: list[Written] = []
        text, first, last = "", 0, 0
        for at, label in enumerate(labels):
            written = self.texts[label]
            if self.begins[label] and text:
                found.append(Written(text, first, last))
                text = ""
            if (self.begins[label] and not (self._words and self._marked(labels, at))) or (
                not text and not self.begins[label]
            ):
                first = at
            if written:
                text, last = text + written, at
        if text:
            found.append(Written(text, first, last))
        return found

    def may_follow(self, label: int, before: int) -> bool:
        """Whether a label may come right after another (-1: after none): a word follows its mark, if there is one."""
        return self.mark < 0 or before == self.mark or not self.texts[label]

    def _marked(self, labels: Sequence[int], at: int) -> bool:
        """The label before is the mark of this word."""
        return at > 0 and labels[at] != self.mark == labels[at - 1]

    def spells(self, word: str) -> int:
        """How many letters of the word the labels can write, from its first on: all of them where they spell it."""
        if self._words:
            return len(word) if word in self.texts else 0
        reached = {0}
        for at in range(len(word)):
            if at in reached:
                reached |= {at + len(text) for text in self.texts if text and word.startswith(text, at)}
        return max(reached)
