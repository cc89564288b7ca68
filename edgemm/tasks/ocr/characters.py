"""The alphabet, and scores of characters to text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError

MAX_BYTES = 4 << 20
LONGEST = 16
"""Characters in one line of an alphabet: a ligature, or one with its accents."""
_LINE_ENDS = ("\r\n", "\n")


class Read(NamedTuple):
    """What was read in a line."""

    text: str
    score: float
    """0..1: the mean probability of its characters; 0 where there are none."""


def read_alphabet(content: bytes) -> tuple[str, ...]:
    """The characters of an asset, in their order, without the blank.

    Args:
        content: UTF-8, a character on each line. An empty line at the end is none; a line that is a space is one.

    Raises:
        ArtifactError: not such a list.
    """
    if len(content) > MAX_BYTES:
        raise ArtifactError(f"alphabet: expected at most {MAX_BYTES} bytes, found {len(content)}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArtifactError(
            "alphabet: expected a character on each line in UTF-8, found other bytes"
        ) from error
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    for at, line in enumerate(lines, 1):
        if not line or len(line) > LONGEST:
            raise ArtifactError(
                f"alphabet: expected a character in line {at}, found "
                + (f"{len(line)} of them" if line else "an empty line")
            )
    return tuple(lines)


def fitted(
    alphabet: Sequence[str], scores: int, blank: Literal["first", "last"], origin: str
) -> tuple[str, ...]:
    """What each score of a step writes; "" for the blank.

    Args:
        alphabet: without the blank. A space is appended where the network has one score more, as PP-OCR's have.
        scores: of one step.
        origin: of the alphabet, for messages.

    Raises:
        CardError: they do not go together.
    """
    characters = [*alphabet, " "] if len(alphabet) + 2 == scores and " " not in alphabet else list(alphabet)
    if len(characters) + 1 != scores:
        raise CardError(
            f"{origin}: expected {scores - 1} characters, one for each score of the recogniser but for the blank (or "
            f"one less, where the last is a space), found {len(alphabet)}: it is the alphabet of another network"
        )
    return ("", *characters) if blank == "first" else (*characters, "")


class Reader:
    """Best character of each step, equal ones joined, blanks left out: greedy CTC."""

    def __init__(
        self, characters: Sequence[str], blank: int, decode: Literal["probabilities", "logits"]
    ) -> None:
        """Args:
        characters: what each score writes.
        blank: place of the blank.
        decode: what scores are.
        """
        self._characters, self._blank, self._decode = tuple(characters), blank, decode

    def __call__(self, rows: npt.NDArray[np.float32]) -> Read:
        """Of float32[steps, characters]."""
        best = rows.argmax(axis=1)
        kept = best != self._blank
        kept[1:] &= best[1:] != best[:-1]
        written = [self._characters[at] for at in best[kept]]
        if not written:
            return Read("", 0.0)
        sure = rows.max(axis=1)[kept]
        if self._decode == "logits":
            sure = 1.0 / np.exp(rows[kept] - sure[:, None]).sum(axis=1)
        return Read("".join(written).strip(), float(np.clip(sure.mean(), 0.0, 1.0)))

    def blanks(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[steps]: the score of the blank above that of the best character; where it is high nothing stands."""
        others = np.delete(rows, self._blank, axis=1).max(axis=1)
        return np.asarray(rows[:, self._blank] - others, np.float32)
