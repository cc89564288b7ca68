"""Patterns of whole texts: regular expressions without whatever makes matching slow.

    Pattern("[0-9]{1,2}:[0-5][0-9]").matches("7:30")      -> True

A character stands for itself, `.` for any, `[a-z]` and `[^a-z]` for one of a set, `\\d` for 0 to 9, `\\` before any
other sign for that sign; `( )` groups, `|` divides, and `?`, `*`, `+`, `{2}`, `{2,4}` repeat. Nothing looks back or
ahead. All ways are followed at once (Thompson 1968), so that the time grows with the length of the text alone, whatever
the pattern: those of foreign bundles may be tried on foreign texts, as `re` may not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgemm.errors import InputError

MOST_STATES = 1024
"""Of one pattern, repetitions written out."""
MOST_CHARACTERS = 4096
"""Of a pattern, and of a text that can match."""
MOST_DEPTH = 16
"""Of groups in groups."""
_SIGNS = "()[]{}|?*+.\\"


@dataclass(frozen=True, slots=True)
class _Signs:
    """Some characters."""

    ranges: tuple[tuple[str, str], ...]
    others: bool = False
    """All but these."""

    def has(self, sign: str) -> bool:
        return any(low <= sign <= high for low, high in self.ranges) != self.others


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One after the other."""

    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """Any of these."""

    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """So many times."""

    node: _Node
    least: int
    most: int
    """-1: any number."""


_Node = _Signs | _Sequence | _Choice | _Repeat
_ANY = _Signs((), others=True)
_DIGIT = _Signs((("0", "9"),))


class Pattern:
    """A pattern that is compiled.

    Raises:
        InputError: it is none, or too large; says where.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        node = _Reader(text).pattern()
        self._signs: list[_Signs | None] = []
        """Of each state: what leads to the next one; None where it leads on by itself."""
        self._next: list[list[int]] = []
        end = self._state(None)
        self._first, self._end = self._compiled(node, end), end

    def matches(self, text: str) -> bool:
        """Whether it is the whole text."""
        if len(text) > MOST_CHARACTERS:
            return False
        states = self._reached([self._first])
        for sign in text:
            following = [
                at
                for state in states
                if (signs := self._signs[state]) is not None and signs.has(sign)
                for at in self._next[state]
            ]
            states = self._reached(following)
            if not states:
                return False
        return self._end in states

    def _reached(self, states: Iterable[int]) -> set[int]:
        """These, and those to which they lead by themselves."""
        found, waiting = set[int](), list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                if self._signs[state] is None:
                    waiting += self._next[state]
        return found

    def _state(self, signs: _Signs | None, *following: int) -> int:
        if len(self._signs) >= MOST_STATES:
            raise InputError(
                f"a pattern: expected at most {MOST_STATES} characters with its repetitions written out, found more"
            )
        self._signs.append(signs)
        self._next.append(list(following))
        return len(self._signs) - 1

    def _compiled(self, node: _Node, after: int) -> int:
        """The state that begins a node, behind which `after` comes."""
        if isinstance(node, _Signs):
            return self._state(node, after)
        if isinstance(node, _Sequence):
            for each in reversed(node.nodes):
                after = self._compiled(each, after)
            return after
        if isinstance(node, _Choice):
            return self._state(None, *(self._compiled(each, after) for each in node.nodes))
        if node.most < 0:
            loop = self._state(None, after)
            self._next[loop].append(self._compiled(node.node, loop))
            after = loop
        for _ in range(max(0, node.most - node.least)):
            after = self._state(None, self._compiled(node.node, after), after)
        for _ in range(node.least):
            after = self._compiled(node.node, after)
        return after


class _Reader:
    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARACTERS:
            raise InputError(f"a pattern: expected a text of 1 to {MOST_CHARACTERS} characters")
        self._text, self._at, self._depth = text, 0, 0

    def pattern(self) -> _Node:
        found = self._choice()
        if self._at < len(self._text):
            raise self._wrong("the end, or what repeats or follows")
        return found

    def _choice(self) -> _Node:
        found = [self._sequence()]
        while self._taken("|"):
            found.append(self._sequence())
        return found[0] if len(found) == 1 else _Choice(tuple(found))

    def _sequence(self) -> _Node:
        found = list[_Node]()
        while self._peek() and self._peek() not in "|)":
            found.append(self._repeated(self._one()))
        return _Sequence(tuple(found))

    def _one(self) -> _Node:
        sign = self._take()
        if sign == "(":
            self._depth += 1
            if self._depth > MOST_DEPTH:
                raise self._wrong(f"at most {MOST_DEPTH} groups in each other")
            found = self._choice()
            self._expect(")")
            self._depth -= 1
            return found
        if sign == "[":
            return self._set()
        if sign == ".":
            return _ANY
        if sign == "\\":
            return self._escaped()
        if sign in _SIGNS:
            raise self._wrong(f"a character before {sign!r}, or \\{sign}")
        return _Signs(((sign, sign),))

    def _escaped(self) -> _Signs:
        sign = self._take()
        if sign == "d":
            return _DIGIT
        if not sign or sign.isalnum():
            raise self._wrong("d or a sign behind \\")
        return _Signs(((sign, sign),))

    def _set(self) -> _Signs:
        others, ranges = self._taken("^"), list[tuple[str, str]]()
        while not ranges or self._peek() != "]":
            low = self._take()
            if low == "\\":
                escaped = self._escaped()
                ranges += escaped.ranges
                if escaped is _DIGIT:
                    continue
                ranges, low = ranges[:-1], escaped.ranges[0][0]
            high = low
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in (
                "]",
                "",
            ):
                self._take()
                high = self._take()
                high = self._escaped().ranges[0][0] if high == "\\" else high
            if not low or not high or high < low or low in "[" or high in "[":
                raise self._wrong("characters or ranges such as a-z, and ]")
            ranges.append((low, high))
        self._expect("]")
        return _Signs(tuple(ranges), others)

    def _repeated(self, node: _Node) -> _Node:
        for sign, least, most in (("?", 0, 1), ("*", 0, -1), ("+", 1, -1)):
            if self._taken(sign):
                return _Repeat(node, least, most)
        if not self._taken("{"):
            return node
        least = self._number()
        most = self._number() if self._taken(",") else least
        self._expect("}")
        if most < least or most == 0:
            raise self._wrong("a repetition such as {2} or {2,4}")
        return _Repeat(node, least, most)

    def _number(self) -> int:
        digits = ""
        while self._peek() and self._peek() in "0123456789" and len(digits) < 5:
            digits += self._take()
        if not digits:
            raise self._wrong("a number")
        if int(digits) > MOST_STATES:
            raise self._wrong(f"at most {MOST_STATES} repetitions")
        return int(digits)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        sign = self._peek()
        self._at += 1
        return sign

    def _taken(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._taken(sign):
            raise self._wrong(repr(sign))

    def _wrong(self, expected: str) -> InputError:
        return InputError(
            f"the pattern {self._text[:80]!r}: expected {expected} at character {min(self._at, len(self._text))}"
        )
