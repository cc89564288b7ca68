"""Where words end: not with their last label, which a network gives as soon as it is sure, but where the sound does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from edgemm.results import Word
from edgemm.tasks.sound_levels import SoundLevels


def to_the_end(words: Sequence[Word], levels: SoundLevels | None, heard_s: float) -> tuple[Word, ...]:
    """The words, each as long as its sound goes on behind its last label, up to the next one.

    Args:
        words: in their order.
        levels: of the sound; None: the words stay as they are.
        heard_s: up to which it was heard.
    """
    if levels is None:
        return tuple(words)
    nexts_s = [*(each.begin_s for each in words[1:]), inf]
    return tuple(
        replace(word, end_s=round(levels.word_end(word.begin_s, word.end_s, min(next_s, heard_s)), 4))
        for word, next_s in zip(words, nexts_s, strict=True)
    )
