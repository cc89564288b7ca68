"""Where sentences of English end."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english import names
from edgemm.tasks.voice.english.tables import words

LONGEST = 1000
"""Characters of a sentence; what never ends is cut."""
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d{1,3}[.)])\s)")
_END = re.compile(r"[.!?…]+[\"”’')\]]*(?=\s|$)|[。！？]+")
_GOES_ON = frozenset([*names.TITLES, *names.WITHIN, "No", "no", "pp", "p", "Nr"])
_MAY_END = frozenset(
    [*names.ENDING, *names.BEHIND, *words("U.S U.K E.U U.N D.C B.C A.D Sept Oct Nov Dec Jan Feb")]
)
_GOING_ON = frozenset(
    words("Jan Feb Mar Apr May Jun Jul Aug Sept Sep Oct Nov Dec Mon Tues Tue Wed Thurs Thur Thu Fri Sat Sun")
)
"""With a number behind it, a date or a time: "On Mar. 4 we met"."""
_BEGINS = frozenset(
    words(
        "The A An It He She We They You I This That These Those There Here But And So Then When Where What "
        "Who Why How If "
        "In On At As For After Before Now Please Yes No My His Her Our Their Its Is Are Was Were Do Does Did "
        "Not All "
        "Some Most One Two"
    )
)
"""Words that begin a sentence where something short stands before."""


def split(text: str) -> list[str]:
    """The sentences of a text, in order and without white space around them; none of a blank text.

    A blank line ends one, and so does a line that begins an entry of a list. No sentence ends at a title ("Dr."), at an
    initial ("J. Smith"), within a number, or before a small letter.
    """
    found = []
    for paragraph in _PARAGRAPH.split(text):
        line = " ".join(paragraph.split())
        begin = 0
        for end in _END.finditer(line):
            if _ends(line, end):
                found.append(line[begin : end.end()].strip())
                begin = end.end()
        found.append(line[begin:].strip())
    parts = [part for each in found for part in _cut(each)]
    return [each for each in parts if any(map(str.isalnum, each))]


def _cut(sentence: str) -> list[str]:
    """A sentence of more than `LONGEST` characters in several, between words where there are any."""
    parts = []
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", 1, LONGEST)
        at = LONGEST if at < 0 else at
        parts.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*parts, sentence]


def _ends(line: str, end: re.Match[str]) -> bool:
    behind = line[end.end() :].lstrip(" \"“‘'([")
    if not behind:
        return True
    if behind[0].islower():
        return False
    if end[0] != ".":
        return True
    word = line[: end.start()].rpartition(" ")[2].lstrip("(\"“‘'[")
    if re.split("[-–—]", word)[-1] in _GOING_ON and behind[0].isdigit():
        return False
    if word in _MAY_END:
        return behind.split()[0].strip(",'’") in _BEGINS
    if word in _GOES_ON:
        return word in ("No", "no") and not behind[0].isdigit()
    initial = re.fullmatch(r"(?:[A-Z]\.)*[A-Z]", word) and word != "I"
    return not initial or behind.split()[0] in _BEGINS
