"""The methods: which parts are hidden, and what is made of the scores.

occlusion   a patch is moved over the input, and what the score loses is laid on what it hides (Zeiler and Fergus, 2014)
masks       many random, smooth masks; each place gets the slope of the score over how much is shown there (RISE,
            Petsiuk and others, 2018, as a regression, so that masks that show more by chance weigh no more)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.judge.maps.parts import Parts
from edgemm.judge.maps.question import Question

Values = npt.NDArray[np.float32]
_KEPT = 0.5
"""Probability that a cell of a mask shows the input."""


class Effort(NamedTuple):
    """How finely is asked."""

    cells: int
    """Patches, or cells of a mask, along each axis of a picture or a sound; of a text each word is one."""
    runs: int
    """Masks; not used by occlusion."""
    seed: int


Method = Callable[[Parts, Question, Effort, Callable[[], None]], tuple[Values, int]]


def occlusion(
    parts: Parts, question: Question, effort: Effort, look: Callable[[], None]
) -> tuple[Values, int]:
    """Returns:
    float32[shape]: what the score loses, the mean over the patches that hide a place; and the number of runs.
    """
    lost, hidden, runs = np.zeros(parts.shape), np.zeros(parts.shape), 0
    for place in patches(parts.shape, effort.cells):
        look()
        mask = np.ones(parts.shape, np.float32)
        mask[place] = 0.0
        lost[place] += question.score - question.ask(parts.shown(mask))
        hidden[place] += 1
        runs += 1
    return (lost / np.maximum(hidden, 1)).astype(np.float32), runs


def patches(shape: Sequence[int], cells: int) -> Iterator[tuple[slice, ...]]:
    """Patches that overlap by half, or single words."""
    yield from product(*(_stretches(size, cells if len(shape) > 1 else size) for size in shape))


def _stretches(size: int, cells: int) -> list[slice]:
    long = max(1, -(-size // cells))
    begins = list(range(0, size - long + 1, max(1, long // 2)))
    if begins[-1] + long < size:
        begins.append(size - long)
    return [slice(begin, begin + long) for begin in begins]


def random_masks(
    parts: Parts, question: Question, effort: Effort, look: Callable[[], None]
) -> tuple[Values, int]:
    """Returns:
    float32[shape]: by how much the score is higher where the place is shown; and the number of runs.
    """
    generator = np.random.default_rng(effort.seed)
    shown, squared, together = (np.zeros(parts.shape) for _ in range(3))
    total = 0.0
    for _ in range(effort.runs):
        look()
        mask = smooth(generator, parts.shape, effort.cells, lambda size: generator.random(size) < _KEPT)
        score = question.ask(parts.shown(mask))
        shown += mask
        squared += np.square(mask)
        together += score * mask
        total += score
    spread = squared / effort.runs - np.square(shown / effort.runs)
    slope = together / effort.runs - shown / effort.runs * (total / effort.runs)
    values = np.divide(slope, spread, out=np.zeros(parts.shape), where=spread > 1e-6)
    return values.astype(np.float32), effort.runs


def smooth(
    generator: np.random.Generator,
    shape: Sequence[int],
    cells: int,
    draw: Callable[[tuple[int, ...]], npt.NDArray[np.generic]],
) -> npt.NDArray[np.float32]:
    """float32[shape]: a coarse random grid, interpolated, its cells shifted at random; of a text one for each word.

    Args:
        draw: the grid of a size.
    """
    if len(shape) == 1:
        return np.asarray(draw(tuple(shape)), np.float32)
    sides = [min(cells, size) for size in shape]
    shifts = generator.random(len(shape))
    grid = np.asarray(draw(tuple(side + 2 for side in sides)), np.float32)
    ways = [_between(*each) for each in zip(shape, sides, shifts.tolist(), strict=True)]
    return np.asarray(ways[0] @ grid @ ways[1].T, np.float32)


def _between(size: int, cells: int, shift: float) -> npt.NDArray[np.float32]:
    """float32[size, cells + 2]: linear interpolation between the points of a grid."""
    places = (np.arange(size) + 0.5) * cells / size + shift
    first = np.floor(places).astype(int)
    weights = np.zeros((size, cells + 2), np.float32)
    rows = np.arange(size)
    weights[rows, first] = 1 - (places - first)
    weights[rows, first + 1] = places - first
    return weights


METHODS: Mapping[str, Method] = {"occlusion": occlusion, "masks": random_masks}
