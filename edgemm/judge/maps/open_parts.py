"""Which kind of parts an input has."""

from __future__ import annotations

from edgemm.choices import expected_one_of
from edgemm.errors import InputError
from edgemm.judge.maps.parts import Parts
from edgemm.judge.maps.picture import PictureParts
from edgemm.judge.maps.sound import SoundParts
from edgemm.judge.maps.words import WordParts
from edgemm.media import AudioBlock, Captured, Frame, Text


def parts_of(item: Captured, baseline: str = "") -> Parts:
    """An input of which parts can be hidden.

    Args:
        baseline: what stands where it is hidden; "" for what is usual: of pictures "mean", their mean colour, or
            "blur"; of sound "mean", the mean level of each frequency, or "silence"; of texts "drop", or the word that
            is put there, such as "[MASK]".

    Raises:
        InputError: no such baseline; a recording of no sample, or a text of one word.
    """
    if isinstance(item, Frame):
        return PictureParts(item, _known(baseline or "mean", ("mean", "blur")))
    if isinstance(item, AudioBlock):
        return SoundParts(item, _known(baseline or "mean", ("mean", "silence")))
    assert isinstance(item, Text)
    return WordParts(item, baseline or "drop")


def _known(baseline: str, allowed: tuple[str, ...]) -> str:
    if baseline not in allowed:
        raise InputError(f"baseline: {expected_one_of(allowed, baseline)}")
    return baseline
