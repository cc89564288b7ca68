"""Texts to sentences, and sentences to phonemes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from edgemm.errors import InputError
from edgemm.tasks.voice.language import Language
from edgemm.tasks.voice.letters import Letters
from edgemm.tasks.voice.lexicon import Around, Lexicon
from edgemm.tasks.voice.program import Program

LONGEST_WORD = 64
"""Letters: no word has more, and what has is not spoken, as an address or a key that stands in a text would be."""
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]|\S")
_PAUSE = frozenset(".,;:!?…—")
_KEPT = _PAUSE | frozenset('"“”()')
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+|\n+")
_SAYABLE = re.compile(r"[aeiouy].|.[aeiouy]|[^\W\d_a-z]{2}", re.IGNORECASE)
"""Letters that make a word rather than initials: a vowel among them, or none of this alphabet."""
_HUMPS = re.compile(r"[A-Z]?[^A-Z']+|[A-Z]+(?![^A-Z'])|'\w+")


class Speller:
    """Gives the phonemes of sentences. Has one of: a lexicon (with a network for other words), a program, or nothing,
    where characters are the symbols."""

    def __init__(
        self,
        language: Language | None,
        lexicon: Lexicon | None = None,
        letters: Letters | None = None,
        program: Program | None = None,
    ) -> None:
        self._language, self._lexicon, self._letters, self._program = language, lexicon, letters, program
        self.unknown = 0
        """Characters that could not be spoken, so far."""

    def sentences(self, text: str) -> list[str]:
        """The sentences of a text, as they are written.

        Raises:
            InputError: there is no word in it, or most of its letters are of another script than the language's.
        """
        if self._language is None:
            found = [each.strip() for each in _SENTENCE.split(text)]
            found = [each for each in found if any(map(str.isalnum, each))]
        else:
            self._require_script(text, self._language.script)
            found = self._language.sentences(text)
        if not found:
            raise InputError("text: expected at least one word to speak, found none")
        return found

    def phonemes(self, sentence: str) -> str:
        """The phonemes of one sentence, words with a space between, its punctuation kept."""
        words = sentence if self._language is None else self._language.words(sentence)
        if self._program is not None:
            return self._program.phonemes(words)
        return words if self._lexicon is None else self._spelled(words, self._lexicon)

    def _spelled(self, words: str, lexicon: Lexicon) -> str:
        tokens = _TOKEN.findall(words)
        low = [each.lower() if each[0].isalpha() else "" for each in tokens]
        every = frozenset(low)
        said, before, open_quote = "", "", False
        for at, token in enumerate(tokens):
            if token[0].isalpha():
                after = low[at + 1] if at + 1 < len(tokens) else ""
                spoken = self._word(token, Around(before, after, every), lexicon)
                if not spoken:
                    self.unknown += len(token)
                    continue
                said += f"{'' if not said or said[-1] in '(“' else ' '}{spoken}"
                before = low[at]
            elif token in _KEPT:
                token, open_quote = _quote(token, open_quote)
                said += f" {token}" if token in "(“—" and said else token
                before = "" if token in _PAUSE else before
            else:
                self.unknown += 1
        return said.strip()

    def _word(self, word: str, around: Around, lexicon: Lexicon) -> str:
        """The phonemes of a word; "" where it cannot be spoken."""
        if len(word) > LONGEST_WORD:
            return ""
        plain = _without_accents(word)
        found = lexicon.find(word, around) or lexicon.find(plain, around)
        if found is not None:
            return found
        humps = _HUMPS.findall(word)
        if len(humps) > 1 and "".join(humps) == word and not word.isupper() and "'" not in word:
            return " ".join(self._word(each, around, lexicon) for each in humps)
        if self._letters is not None and _SAYABLE.search(plain):
            stem, ending = (word[:-2], "z") if word.endswith("'s") else (word, "")
            found = self._letters.find(stem) or self._letters.find(_without_accents(stem))
            if found:
                return f"{found}{ending}"
        names = [lexicon.find(each.upper()) for each in plain if each.isalpha()]
        return " ".join(filter(None, names))

    def _require_script(self, text: str, script: str) -> None:
        scripts = Counter(
            unicodedata.name(each, "UNKNOWN").split()[0] for each in text if each.isalpha() and each != "µ"
        )
        if scripts and scripts[script] * 2 < sum(scripts.values()):
            raise InputError(
                f"text: expected {script.capitalize()} letters, as the language of this voice is written; found mostly "
                f"{scripts.most_common(1)[0][0].capitalize()} ones"
            )


def _quote(token: str, is_open: bool) -> tuple[str, bool]:
    """A straight quotation mark as one that opens or closes."""
    return (token, is_open) if token != '"' else (("”", False) if is_open else ("“", True))


def _without_accents(word: str) -> str:
    """ "cafe" of "café"."""
    return "".join(each for each in unicodedata.normalize("NFKD", word) if not unicodedata.combining(each))
