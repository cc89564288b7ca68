"""A text set: in which of ten languages is a name written? Names of countries, regions, currencies and scripts.

From the translations of the iso-codes project (LGPL 2.1 or later), which the package pycountry carries:

    pip download --no-deps pycountry==26.2.16
"""

from __future__ import annotations

import gettext
import io
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

LANGUAGES = ("da", "de", "fr", "hu", "it", "nl", "pl", "ro", "sv", "tr")
DOMAINS = ("iso3166-1", "iso3166-2", "iso3166-3", "iso4217", "iso15924", "iso639-3", "iso639-5")
LENGTH = 32
"""Characters of a name; the rest is cut off."""
VOCABULARY = 96
"""Characters that have a number; 0 is none, 1 any other."""
MOST = 2000
"""Names of each language, so that none is much more frequent."""


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names as numbers of characters, and their language."""

    tokens: npt.NDArray[np.int64]
    """int64[n, LENGTH]"""
    labels: npt.NDArray[np.int64]
    """int64[n], index in LANGUAGES"""


def read_names(wheel: Path) -> tuple[Names, Names]:
    """Training and test names; what is named (the English text) is in one of the two, in no language in both."""
    found: dict[bool, list[tuple[str, int]]] = {False: [], True: []}
    with zipfile.ZipFile(wheel) as archive:
        for label, language in enumerate(LANGUAGES):
            for english, name in sorted(_translations(archive, language).items())[
                :: _step(archive, language)
            ]:
                tests = zlib.crc32(english.encode()) % 5 == 0
                found[tests].append((name, label))
    characters = Counter("".join(name for name, _ in found[False])).most_common(VOCABULARY - 2)
    numbers = {character: number for number, (character, _) in enumerate(characters, 2)}
    return _encoded(found[False], numbers), _encoded(found[True], numbers)


def _step(archive: zipfile.ZipFile, language: str) -> int:
    return max(len(_translations(archive, language)) // MOST, 1)


def _translations(archive: zipfile.ZipFile, language: str) -> dict[str, str]:
    """English -> the name, where they differ."""
    found: dict[str, str] = {}
    for domain in DOMAINS:
        path = f"pycountry/locales/{language}/LC_MESSAGES/{domain}.mo"
        if path not in archive.namelist():
            continue
        table = gettext.GNUTranslations(io.BytesIO(archive.read(path)))
        for english, name in vars(table)["_catalog"].items():
            if isinstance(english, str) and english and name and name != english:
                found[english] = str(name)
    return found


def _encoded(names: list[tuple[str, int]], numbers: dict[str, int]) -> Names:
    tokens = np.zeros((len(names), LENGTH), np.int64)
    for row, (name, _) in enumerate(names):
        for column, character in enumerate(name[:LENGTH]):
            tokens[row, column] = numbers.get(character, 1)
    return Names(tokens, np.array([label for _, label in names], np.int64))
