"""English: where its sentences end, and how what is written in them is spoken."""

from __future__ import annotations

import re
import unicodedata

from edgemm.tasks.voice.english import (
    addresses,
    clock,
    counts,
    dates,
    measures,
    money,
    names,
    sentences,
    symbols,
)
from edgemm.tasks.voice.english.rule import HALVES, Style

RULES = (
    *addresses.RULES,
    *dates.FIRST_RULES,
    *clock.RULES,
    *money.RULES,
    *measures.RULES,
    *dates.RULES,
    *names.RULES[:-2],
    *counts.RULES,
    *names.RULES[-2:],
    *symbols.RULES,
)
"""In the order in which they are tried."""
_NUMERALS = frozenset("²³").union(HALVES)
_WORD = re.compile(r"[^\W\d_²³¹]+(?:'[^\W\d_²³¹]+)*")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " "})
_THOUSANDS = re.compile(r"(?<=\d)(?:[\u00a0\u202f\u2009](?=\d{3}(?!\d))| (?=000(?!\d)))")
"""A space between the thousands of one number."""
_PAUSES = {"–": "—", "―": "—", "，": ",", "。": ".", "！": "!", "？": "?"}


class English:
    """See `edgemm.tasks.voice.language.Language`."""

    script = "LATIN"

    def __init__(self, style: Style) -> None:
        self._style = style

    def sentences(self, text: str) -> list[str]:
        """See `edgemm.tasks.voice.english.sentences.split`."""
        return sentences.split(text.translate(_PLAIN))

    def words(self, sentence: str) -> str:
        """The sentence as it is spoken: words with one space between, letters of initials as single capitals, and the
        punctuation . , ; : ! ? … — " “ ” ( ) at the words that it follows.

        Characters that are neither a word's nor a sign that is known stay as they are.
        """
        text = _THOUSANDS.sub(",", unicodedata.normalize("NFC", sentence)).translate(_PLAIN)
        text = "".join(map(_digit, text))
        said, at = [], 0
        while at < len(text):
            length, words = self._next(text, at)
            said.append(words)
            at += length
        return _joined(said)

    def _next(self, text: str, at: int) -> tuple[int, str]:
        """How many characters come next, and what they are spoken as."""
        before = text[at - 1 : at] if at else ""
        inside = (text[at].isalpha() and before.isalpha()) or (text[at].isdecimal() and before.isdecimal())
        for rule in RULES if not (inside or text[at].isspace()) else ():
            matched = rule.pattern.match(text, at)
            if matched is not None and matched[0]:
                words = rule.say(matched, self._style)
                if words is not None:
                    return len(matched[0]), f" {words} "
        word = _WORD.match(text, at)
        if word is not None:
            return len(word[0]), _word(word[0], at, text)
        if text[at] == "-":
            inside = before.isalnum() and text[at + 1 : at + 2].isalnum()
            joint = inside or not text[:at].strip() or (not before.strip() and text[at + 1 : at + 2].strip())
            return 1, " " if joint else " — "
        return 1, _PAUSES.get(text[at], text[at])


def _digit(character: str) -> str:
    """Digits of other scripts, in circles and so on, as plain ones."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    numeral = unicodedata.category(character) in ("No", "Nl") and character not in _NUMERALS
    return unicodedata.normalize("NFKC", character) if numeral else character


_NO_ARTICLE = re.compile(r" (?:is|was|and|or|to|has|for|in|stands|means)\b| [A-Z]\b| ?[&+/]|[^ ]| $|$")


def _word(word: str, at: int, text: str) -> str:
    """ "A" that begins a sentence is the article, not the letter."""
    before = text[:at].rstrip()[-1:]
    begins = before in ("", *':—"“(')
    return "a" if word == "A" and begins and not _NO_ARTICLE.match(text, at + 1) else word


def _joined(said: list[str]) -> str:
    text = " ".join("".join(said).split())
    text = re.sub(r"(?<!\w)'+(?!\w)", "", text)
    text = re.sub(r"\.{2,}", "…", text)
    text = re.sub(r"([!?])[!?]+", r"\1", text)
    text = re.sub(r" ([.,;:!?…”)])", r"\1", text)
    text = re.sub(r"([(“]) ", r"\1", text)
    text = re.sub(r"([,;:])(?=[.,;:!?…])", "", text)
    text = text.strip()
    if text and text.rstrip('"”)')[-1:] not in (".", "!", "?", "…"):
        text = f"{text.rstrip(',;:— ')}."
    return text


ENGLISH = English(Style())
BRITISH = English(Style(link=True, day_first=True))
