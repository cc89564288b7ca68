"""Parts of an output that mean different things, each compared on its own scale: boxes in pixels and scores in 0..1.

What the graph joined are parts. Channels of one layer are parts where their sizes lie far apart, with nothing between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.converters.fidelity.decibels import snr_db
from edgemm.converters.fidelity.role import Role

Array = npt.NDArray[Any]

UNLIKE = 16.0
"""Sorted by size, a channel that is larger than the one before by this factor begins another part."""
STEP = 1.0 / 256.0
"""Scores in 0..1 are stored in steps of this size: a smaller error is none, or scores of what never occurs would be all
noise."""
QUIET = 1e-3
"""A part that varies by less than this share of itself has no scale of its own, and is not judged apart."""
MAX_CHANNELS = 4096
"""Of a layer; more are not looked at one by one."""
MIN_SAMPLES_SIZES = 2
"""Values of each channel, at least, that its size is taken from."""


@dataclass(frozen=True, slots=True)
class PartFidelity:
    """One part of an output against the source."""

    axis: int | None
    """Of the output, the batch counted; None for an output judged whole."""
    indices: str
    """Along that axis: "0-3", "5,7,9"; empty for an output judged whole."""
    snr_db: float
    """Errors below a step of 1/256 left out for scores in 0..1."""

    def __str__(self) -> str:
        return f"{self.indices} of axis {self.axis}" if self.indices else "the whole output"


def judge_parts(expected: Array, found: Array, role: Role) -> tuple[PartFidelity, ...]:
    """The parts of an output, all finite, [samples, ...]; none for one that is judged whole and plainly."""
    if not expected.size:
        return ()
    rank = expected.ndim - 1
    parts = [
        PartFidelity(
            axis % rank if rank else 0,
            ranges_in_words(indices),
            _judged(expected, found, axis, indices, bounded),
        )
        for axis, indices, bounded in _parts(expected, role)
    ]
    if len(parts) > 1:
        return tuple(parts)
    return (PartFidelity(None, "", snr_db(expected, found, step=STEP)),) if role.bounded else ()


def _judged(expected: Array, found: Array, axis: int, indices: Sequence[int], bounded: bool) -> float:
    truth, other = (np.take(array, indices, axis=axis) for array in (expected, found))
    return snr_db(truth, other, step=STEP if bounded else 0.0)


def _parts(expected: Array, role: Role) -> Iterator[tuple[int, Sequence[int], bool]]:
    """(axis, indices, bounded) of what has a scale of its own."""
    if role.part_axis is None or expected.ndim + role.part_axis < 1:
        if role.channel_axis is not None and not role.bounded and expected.ndim + role.channel_axis >= 1:
            size = expected.shape[role.channel_axis]
            yield from (
                (role.channel_axis, each, False) for each in unlike(expected, role.channel_axis, range(size))
            )
        return
    axis = role.part_axis
    for part in role.parts:
        if part.bounded:
            yield axis, part.indices, True
        elif axis == role.channel_axis:
            yield from ((axis, each, False) for each in unlike(expected, axis, part.indices))
        elif _varies(expected, axis, part.indices):
            yield axis, part.indices, False


def unlike(expected: Array, axis: int, indices: Sequence[int]) -> list[tuple[int, ...]]:
    """The channels, those together between whose sizes there is no gap of UNLIKE; what never varies is left out.

    Args:
        expected: [samples, ...], finite.
        axis: negative.
    """
    if len(indices) > MAX_CHANNELS or expected.size < MIN_SAMPLES_SIZES * expected.shape[axis]:
        return [tuple(indices)] if _varies(expected, axis, indices) else []
    rows = np.moveaxis(expected, axis, 0)
    others = tuple(range(1, expected.ndim))
    highest, lowest = (pick(axis=others)[list(indices)].astype(np.float64) for pick in (rows.max, rows.min))
    sizes = np.maximum(np.abs(highest), np.abs(lowest))
    alive = np.flatnonzero(highest - lowest > QUIET * sizes)
    order = alive[np.argsort(sizes[alive], kind="stable")]
    cuts = np.flatnonzero(sizes[order][1:] > UNLIKE * sizes[order][:-1]) + 1
    return [tuple(sorted(indices[index] for index in group)) for group in np.split(order, cuts) if len(group)]


def _varies(expected: Array, axis: int, indices: Sequence[int]) -> bool:
    values = np.take(expected, indices, axis=axis)
    return float(np.ptp(values)) > QUIET * float(np.abs(values).max())


def ranges_in_words(indices: Sequence[int], most: int = 6) -> str:
    """ "0-3,7,9": runs of ascending numbers; after `most` runs, how many are left."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    told = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]]
    left = sum(last - first + 1 for first, last in runs[most:])
    return ",".join(told) + (f" and {left} more" if left else "")
