"""COCO's run lengths: masks as the lengths of runs down the columns, plain or packed into text."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def read_rle(entry: Any, size_wh: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """bool[height, width] of a `segmentation` of the form {"size": [height, width], "counts": list or text}.

    Raises:
        ValueError: it is no such thing, or not of this size.
    """
    width, height = size_wh
    if entry.get("size") != [height, width]:
        raise ValueError(
            f"expected size [{height}, {width}], as the picture's, found {entry.get('size')!r}"[:200]
        )
    counts = entry.get("counts")
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(each) is int and each >= 0 for each in runs):
        raise ValueError("expected counts: whole numbers from 0, or the same packed into text")
    if sum(runs) != width * height:
        raise ValueError(f"expected runs of {width * height} pixels together, found {sum(runs)}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _unpacked(text: str) -> list[int]:
    """Five bits in each character from "0" on, the lowest first; the sixth says that more follow. From the fourth run
    on, the difference to the run before the last."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 50:
            raise ValueError(f"expected packed counts, found the character {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the packed counts end within a number")
    return runs
