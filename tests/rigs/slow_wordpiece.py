"""BERT's tokenizer as its authors published it (google-research/bert, tokenization.py), character by character.

Slow, and written from the description alone: what fast tokenizers are held against.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

LONGEST_WORD = 100
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
"""2B920 is what fast tokenizers have where the paper's code has 2B820."""


def tokens(text: str, vocabulary: Mapping[str, int], *, lowercase: bool) -> list[int]:
    """Ids of a text, without special tokens."""
    found: list[int] = []
    for word in words(text, lowercase=lowercase):
        found += _pieces(word, vocabulary)
    return found


def words(text: str, *, lowercase: bool) -> list[str]:
    """Words and signs of punctuation."""
    spaced = "".join(_clean(each) for each in text)
    found: list[str] = []
    for word in spaced.split():
        if lowercase:
            marked = unicodedata.normalize("NFD", word.lower())
            word = "".join(each for each in marked if unicodedata.category(each) != "Mn")
        found += _divided(word)
    return found


def _clean(character: str) -> str:
    code = ord(character)
    if code in (0, 0xFFFD) or (
        unicodedata.category(character) in ("Cc", "Cf", "Co") and character not in "\t\n\r"
    ):
        return ""
    if character in "\t\n\r " or unicodedata.category(character) == "Zs":
        return " "
    return f" {character} " if any(low <= code <= high for low, high in _CJK) else character


def _divided(word: str) -> list[str]:
    found: list[str] = []
    begun = False
    for each in word:
        sign = unicodedata.category(each).startswith("P") or (each.isascii() and not each.isalnum())
        if sign or not begun:
            found.append("")
        found[-1] += each
        begun = not sign
    return [each for each in found if each]


def _pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The longest piece first, then the longest of the rest."""
    unknown = [vocabulary["[UNK]"]]
    if len(word) > LONGEST_WORD:
        return unknown
    found: list[int] = []
    begin = 0
    while begin < len(word):
        mark = "##" if begin else ""
        end = next((at for at in range(len(word), begin, -1) if mark + word[begin:at] in vocabulary), 0)
        if not end:
            return unknown
        found.append(vocabulary[mark + word[begin:end]])
        begin = end
    return found
