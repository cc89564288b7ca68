"""Words and their phonemes, from a table.

The asset `lexicon` is JSON, plain or gzip: word -> phonemes, or for a word that is said in several ways an object, case
-> phonemes: DEFAULT; NOUN, VERB, ADJ; PAST ("read"); VOWEL (before a vowel); PAUSE (before a pause). A single capital
is the name of a letter.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from edgemm.errors import CardError
from edgemm.strict_json import parse
from edgemm.tasks.voice.english.tables import words

MAX_BYTES = 64 << 20
CASES = ("DEFAULT", "NOUN", "VERB", "ADJ", "PAST", "VOWEL", "PAUSE")
_NOUN_BEHIND = words(
    "the a an this that these those my your his her its our their of some any no each every another in on with for "
    "new old good first second last next"
)
_VERB_BEHIND = words(
    "to will would can could may might must shall should i you we they not do don't does doesn't did didn't please "
    "let's cannot can't won't who"
)
_PAST_BEHIND = words("have has had having i've you've we've they've was were been he she it")
_PAST_NEAR = frozenset(words("yesterday ago last earlier"))
_VOWELS = frozenset("AIOQWYaeiouæɑɐɒɔəɚɛɜɨɪɯøœʊʌɤᵻᵊ")
_HISSING = tuple("szʃʒʧʤ")
_VOICELESS = tuple("ptkfθ")


class Around(NamedTuple):
    """What stands around a word."""

    before: str = ""
    """The word before, in small letters; "" at the beginning."""
    after: str = ""
    """The word behind, in small letters; "" before a pause."""
    sentence: frozenset[str] = frozenset()
    """All words of the sentence, in small letters."""


class Lexicon:
    """Raises:
    CardError: the content is no such table.
    """

    def __init__(self, content: bytes) -> None:
        try:
            found = parse(_plain(content), MAX_BYTES)
        except ValueError as error:
            raise CardError(f"asset lexicon: expected JSON, word -> phonemes: {error}") from error
        if not isinstance(found, dict) or not found:
            raise CardError(
                "asset lexicon: expected an object, word -> phonemes, found none, or an empty one"
            )
        for word, said in found.items():
            if isinstance(said, dict) and "DEFAULT" in said and all(map(_is_case, said.items())):
                continue
            if not isinstance(said, str):
                raise CardError(
                    f"asset lexicon: {word[:40]!r}: expected phonemes, or an object with DEFAULT and some of "
                    f"{', '.join(CASES[1:])}; found {str(said)[:60]!r}"
                )
        self._words: Mapping[str, str | dict[str, str]] = found

    @classmethod
    def of(cls, content: bytes) -> Lexicon:
        """The lexicon of this content, which all sessions share while one of them holds it.

        Raises:
            CardError: the content is no such table.
        """
        found = _HELD.get(content)
        if found is None:
            found = _HELD[content] = cls(content)
        return found

    def find(self, word: str, around: Around = Around()) -> str | None:  # noqa: B008
        """The phonemes of a word; None where neither it nor the word that it is made of stands in the table.

        Plurals, possessives, and forms with -ed and -ing are made of their stems.
        """
        for form in dict.fromkeys((word, word.lower(), word.capitalize(), word.upper())):
            if len(word) == 1 and form != word:
                continue
            if form in self._words:
                return self._said(self._words[form], around)
        return self._made(word, around)

    def begins_with_vowel(self, word: str) -> bool:
        """Whether a word is known, and begins with a vowel."""
        said = self.find(word) or ""
        return said.lstrip("ˈˌ")[:1] in _VOWELS if said else word[:1].lower() in ("a", "e", "i", "o", "u")

    def _said(self, said: str | dict[str, str], around: Around) -> str:
        if isinstance(said, str):
            return said
        if "PAUSE" in said and not around.after:
            return said["PAUSE"]
        if "VOWEL" in said and around.after and self.begins_with_vowel(around.after):
            return said["VOWEL"]
        if "PAST" in said and (around.before in _PAST_BEHIND or _PAST_NEAR & around.sentence):
            return said["PAST"]
        if around.before in _VERB_BEHIND or (not around.before and around.after in _NOUN_BEHIND):
            return said.get("VERB", said["DEFAULT"])
        if around.before in _NOUN_BEHIND:
            return said.get("NOUN", said["DEFAULT"])
        return said["DEFAULT"]

    def _made(self, word: str, around: Around) -> str | None:
        low = word.lower()
        if low.endswith(("'s", "s'")):
            return self._plural(self._stem(word[:-2]))
        if low.endswith("s") and not low.endswith("ss") and len(low) > 2:
            stems = [low[:-1]]
            stems += [low[:-2]] if low.endswith(("ses", "xes", "zes", "ches", "shes", "oes")) else []
            stems += [f"{low[:-3]}y"] if low.endswith("ies") else []
            return next(filter(None, (self._plural(self._stem(each)) for each in stems)), None)
        for ending, make in (("ed", _past), ("ing", _going)):
            if low.endswith(ending) and len(low) > len(ending) + 2:
                bare = low[: -len(ending)]
                stems = [bare, f"{bare}e", *([bare[:-1]] if bare[-1] == bare[-2] else [])]
                stems += [f"{bare[:-1]}y"] if bare[-1] == "i" else []
                for stem in stems:
                    said = self._stem(stem)
                    if said is not None:
                        return make(said)
        return None

    def _stem(self, word: str) -> str | None:
        for form in (word, word.lower(), word.capitalize()) if len(word) > 1 else (word,):
            if form in self._words:
                said = self._words[form]
                return said if isinstance(said, str) else said["DEFAULT"]
        return None

    def _plural(self, stem: str | None) -> str | None:
        if not stem:
            return stem
        if stem.endswith(_HISSING):
            return f"{stem}ɪz"
        return f"{stem}s" if stem.endswith(_VOICELESS) else f"{stem}z"


_HELD: WeakValueDictionary[bytes, Lexicon] = WeakValueDictionary()


def _past(stem: str) -> str:
    if stem.endswith(("t", "d", "ɾ", "T")):
        return f"{stem}ɪd"
    return f"{stem}t" if stem.endswith((*_VOICELESS, "s", "ʃ", "ʧ")) else f"{stem}d"


def _going(stem: str) -> str:
    return f"{stem}ɪŋ"


def _is_case(item: tuple[str, Any]) -> bool:
    return item[0] in CASES and isinstance(item[1], str)


def _plain(content: bytes) -> bytes:
    """Unpacked where it is gzip, as far as a lexicon may be long.

    Raises:
        ValueError: it is damaged, or too long.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    unpacking = zlib.decompressobj(31)
    try:
        plain = unpacking.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"the gzip is damaged ({error})") from error
    if not unpacking.eof:
        raise ValueError(f"the gzip is cut off, or holds more than {MAX_BYTES} bytes")
    return plain
