"""The table of languages: name in a recipe -> what makes words of a text. Loaded when a recipe asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from edgemm.choices import hint
from edgemm.errors import CardError


class Language(Protocol):
    """How texts of a language are read aloud. Exists so that a further language is one more folder and line here."""

    script: str
    """As the names of its letters in Unicode begin: "LATIN"."""

    def sentences(self, text: str) -> list[str]:
        """The sentences of a text, in order; none where it has no word."""

    def words(self, sentence: str) -> str:
        """The sentence in words and punctuation: no digits, no abbreviations; single capitals are names of letters."""


LANGUAGES: Mapping[str, str] = {
    "en": "edgemm.tasks.voice.english:ENGLISH",
    "en-us": "edgemm.tasks.voice.english:ENGLISH",
    "en-gb": "edgemm.tasks.voice.english:BRITISH",
}
"""Name -> module and object."""


def find_language(name: str) -> Language:
    """The language of this name.

    Raises:
        CardError: this version has none.
    """
    if name not in LANGUAGES:
        raise CardError(
            f'language: expected one of {", ".join(LANGUAGES)}, or "" for texts that are words already; found '
            f"{name!r}{hint(name, LANGUAGES)}"
        )
    module, _, attribute = LANGUAGES[name].partition(":")
    return cast(Language, getattr(import_module(module), attribute))
