"""What of a sentence goes into one run of a network: all of it, or where that is too long its clauses."""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"(?<=[,;:—…])\s+")


def divide(phonemes: str, longest: int) -> list[str]:
    """A sentence in pieces of at most `longest` characters, divided behind clauses where that is enough, else between
    words, else anywhere."""
    if len(phonemes) <= longest:
        return [phonemes] if phonemes.strip() else []
    for pattern in (_CLAUSE, re.compile(r"\s+")):
        parts = pattern.split(phonemes)
        if len(parts) > 1:
            return [piece for each in _gathered(parts, longest) for piece in divide(each, longest)]
    return [phonemes[at : at + longest] for at in range(0, len(phonemes), longest)]


def _gathered(parts: list[str], longest: int) -> list[str]:
    """Neighbours together as far as they fit: evenly, so that no short rest is left at the end."""
    total = sum(map(len, parts)) + len(parts) - 1
    aim = -(-total // -(-total // longest))
    found: list[str] = []
    for part in parts:
        if found and len(found[-1]) + 1 + len(part) <= longest and len(found[-1]) < aim:
            found[-1] += f" {part}"
        else:
            found.append(part)
    return found
