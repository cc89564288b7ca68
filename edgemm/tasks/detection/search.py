"""The candidates whose score reaches the threshold, found in the outputs as the file stores them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError
from edgemm.tasks.detection.activations import activation, softmax
from edgemm.tasks.detection.blocks import Block, Table
from edgemm.tasks.detection.head import Found, nothing
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.thresholds import stored_threshold

Array = npt.NDArray[Any]
_NONE = np.zeros(0, np.int64)
_FLOAT32 = np.dtype(np.float32)
_GROUP = 12
"""Candidates that are looked at as one first, where the scores of a candidate lie side by side."""
_ROOM = 0.999
"""Objectness is compared with so much of the threshold, for class scores that rounding puts over 1."""


_MOST_CLASSES = 1e6
_FRACTION = 0.1
"""So far may a class number of a float output lie from a whole one."""


def class_numbers(real: npt.NDArray[Any], name: str, *, quantized: bool) -> npt.NDArray[np.int64]:
    """int64[n]: the class numbers that a model tells.

    Args:
        real: as the output has them, dequantized.
        name: of the output.
        quantized: it has a scale, so that they may be a little off.

    Raises:
        ArtifactError: they are no class numbers.
    """
    whole = np.rint(real)
    off = 0.5 if quantized else _FRACTION
    bad = ~((np.abs(real) < _MOST_CLASSES) & (np.abs(real - whole) <= off))  # true for NaN
    if bad.any():
        raise ArtifactError(
            f"output {name!r}: expected class numbers, the model gave {float(real[bad][0]):g}. Does that output hold "
            "the scores? Correct row, classes_outputs or scores_outputs in the card"
        )
    numbers: npt.NDArray[np.int64] = whole.astype(np.int64)
    return numbers


class ScoreSearch:
    """Finds the candidates of one model.

    The classes are those of `scores` without the background, which must be the first or the last.
    """

    def __init__(self, scores: Table, objectness: Table | None, recipe: DetectionRecipe) -> None:
        """Args:
        scores: the scores of all candidates, the background's included.
        objectness: one number for each candidate, or None.
        recipe: threshold, activation, background, multi_label.
        """
        self._parts: list[tuple[int, Callable[[Outputs], Found]]] = []
        begin = 0
        for at, block in enumerate(scores.blocks):
            beside = objectness.blocks[at] if objectness else None
            self._parts.append((begin, _part(block, beside, recipe)))
            begin += block.count

    def __call__(self, outputs: Outputs) -> Found:
        """The candidates that reach the threshold.

        Raises:
            ArtifactError: a score is NaN, or one that reaches the threshold is infinite.
        """
        found = [(begin, part(outputs)) for begin, part in self._parts]
        if len(found) == 1:
            return found[0][1]
        return Found(
            np.concatenate([each.candidates + begin for begin, each in found]),
            np.concatenate([each.numbers for _, each in found]),
            np.concatenate([each.scores for _, each in found]),
        )


def _part(block: Block, objectness: Block | None, recipe: DetectionRecipe) -> Callable[[Outputs], Found]:
    if recipe.activation == "softmax":
        return _Softmax(block, recipe)
    return _Jointly(block, objectness, recipe) if objectness else _Stored(block, recipe)


def _foreground(block: Block, background: int) -> tuple[Block, int]:
    """The classes without the background, and the number of the first."""
    if background < 0:
        return block, 0
    return (block.part(1, block.width), 1) if background == 0 else (block.part(0, block.width - 1), 0)


class _Stored:
    """Scores that stand for themselves: compared as they are stored."""

    def __init__(self, block: Block, recipe: DetectionRecipe) -> None:
        self._block, self._first = _foreground(block, recipe.background)
        self._activation = activation(recipe.activation, recipe.score_clip)
        self._least = stored_threshold(block.spec, recipe.threshold, self._activation)
        self._multi, self._floats = recipe.multi_label, np.dtype(block.spec.dtype).kind == "f"

    def __call__(self, outputs: Outputs) -> Found:
        block, least = self._block, self._least
        if least is None:
            return nothing()
        stored = block.stored(outputs)
        if block.width == 1:
            return self._alone(stored[:, 0], least)
        rows = _reaching(block, stored, outputs, least, self._floats)
        if not rows.size:
            return nothing()
        picked = stored[rows]
        if self._multi:
            at, numbers = np.nonzero(picked >= least)
            rows, picked = rows[at], picked[at, numbers]
        else:
            numbers = picked.argmax(axis=1)
            picked = picked[np.arange(len(rows)), numbers]
        return Found(rows, numbers + self._first, self._probabilities(picked))

    def _alone(self, stored: Array, least: Any) -> Found:
        """Of one class: [n]."""
        if self._floats and not _may_reach(stored, least, self._block.spec.name):
            return nothing()
        (rows,) = (stored >= least).nonzero()
        if not rows.size:
            return nothing()
        numbers = np.zeros(len(rows), np.int64)
        if self._first:
            numbers += self._first
        return Found(rows, numbers, self._probabilities(stored[rows]))

    def _probabilities(self, picked: Array) -> Array:
        scores: Array = picked if picked.dtype == _FLOAT32 else self._real(picked)
        if self._activation is not None:
            return self._activation(scores)  # finite, since none of the numbers is NaN
        return finite(scores, self._block.spec.name)

    def _real(self, picked: Array) -> Array:
        return np.asarray(self._block.spec.dequantize(picked), np.float32)


def _may_reach(stored: Array, least: Any, name: str) -> bool:
    """Whether the largest of float[n] does.

    Raises:
        ArtifactError: one is NaN.
    """
    if not stored.size:
        return False
    most = stored.item(stored.argmax())  # of NaN, where there is one
    if most != most:
        raise nan_error(name)
    return bool(most >= least)


def _reaching(
    block: Block, stored: Array, outputs: Outputs, least: Any, floats: bool
) -> npt.NDArray[np.int64]:
    """Candidates with a score of at least `least`, in order."""
    name = block.spec.name
    if block.columns:
        best = stored.T.max(axis=0)
        if floats and not _may_reach(best, least, name):
            return _NONE
        return np.asarray((best >= least).nonzero()[0])
    near = _near(block, outputs, least, floats)
    return np.asarray(near[_hit(stored[near], least, floats, name)])


def _near(block: Block, outputs: Outputs, least: Any, floats: bool) -> npt.NDArray[np.int64]:
    """All candidates that may reach it: with each that does, some of its group.

    Rows are short, so the largest of each by itself takes long. The matrix is cut into parts one below the other, and
    the largest of each place over all parts is taken: long rows, of which the processor compares many numbers at once.
    """
    matrix = block.matrix(outputs)
    groups = len(matrix) // _GROUP
    whole = matrix[: groups * _GROUP].reshape(_GROUP, groups, matrix.shape[1])
    hit = _hit(whole.max(axis=0)[:, block.first : block.last], least, floats, block.spec.name)
    inside = (np.arange(_GROUP)[:, None] * groups + hit).reshape(-1)
    return np.concatenate([inside, np.arange(groups * _GROUP, len(matrix))])


def _hit(stored: Array, least: Any, floats: bool, name: str) -> npt.NDArray[np.int64]:
    """Which rows of [n, classes] have a score of at least `least`."""
    if floats:
        require_numbers(stored, name)
    rows = np.flatnonzero(stored >= least) // stored.shape[1]
    first = np.ones(len(rows), bool)  # a candidate may have several such classes
    np.not_equal(rows[1:], rows[:-1], out=first[1:])
    return np.asarray(rows[first])


class _Jointly:
    """Objectness times the score of the class. No class score is over 1, so objectness alone must reach it."""

    def __init__(self, block: Block, objectness: Block, recipe: DetectionRecipe) -> None:
        self._block, self._first = _foreground(block, recipe.background)
        self._objectness = objectness
        self._activation = activation(recipe.activation, recipe.score_clip)
        self._least = stored_threshold(objectness.spec, recipe.threshold * _ROOM, self._activation)
        self._threshold, self._multi = np.float32(recipe.threshold), recipe.multi_label
        self._floats = np.dtype(objectness.spec.dtype).kind == "f"

    def __call__(self, outputs: Outputs) -> Found:
        stored = self._objectness.stored(outputs)
        name = self._objectness.spec.name
        if self._least is None:
            return nothing()
        if self._floats and np.isnan(stored.max()):
            raise nan_error(name)
        rows = np.flatnonzero(stored[:, 0] >= self._least)
        if not rows.size:
            return nothing()
        there = self._real(self._objectness, stored[rows])
        with np.errstate(over="ignore", invalid="ignore"):  # 0 times infinity is NaN, which is refused below
            products = self._real(self._block, self._block.stored(outputs)[rows]) * there
        found = _best(finite(products, self._block.spec.name), self._threshold, self._multi)
        return Found(rows[found.candidates], found.numbers + self._first, found.scores)

    def _real(self, block: Block, stored: Array) -> Array:
        real = np.asarray(block.spec.dequantize(stored), np.float32)
        return real if self._activation is None else self._activation(real)


class _Softmax:
    """Scores that are probabilities only beside those of the other classes: all are computed."""

    def __init__(self, block: Block, recipe: DetectionRecipe) -> None:
        self._whole = block
        kept, self._first = _foreground(block, recipe.background)
        self._classes = slice(kept.first - block.first, kept.last - block.first)
        self._threshold, self._multi = np.float32(recipe.threshold), recipe.multi_label

    def __call__(self, outputs: Outputs) -> Found:
        spec = self._whole.spec
        scores = softmax(spec.dequantize(self._whole.stored(outputs)))
        found = _best(finite(scores, spec.name)[:, self._classes], self._threshold, self._multi)
        return Found(found.candidates, found.numbers + self._first, found.scores)


def _best(scores: Array, threshold: np.float32, multi: bool) -> Found:
    """Of [n, classes]: the candidates that reach the threshold, with their best class or with each that does."""
    if multi:
        rows, numbers = np.nonzero(scores >= threshold)
        return Found(rows, numbers, scores[rows, numbers])
    numbers = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), numbers]
    rows = np.flatnonzero(best >= threshold)
    return Found(rows, numbers[rows], best[rows])


def require_numbers(stored: Array, name: str) -> None:
    """Raises:
    ArtifactError: one of the stored scores is NaN.
    """
    if stored.dtype.kind == "f" and stored.size and np.isnan(stored.max()):
        raise nan_error(name)


def finite(scores: Array, name: str) -> Array:
    """The same numbers.

    Raises:
        ArtifactError: one is NaN or infinite.
    """
    if not math.isfinite(scores.sum()) and not np.isfinite(scores).all():
        raise nan_error(name)
    return scores


def nan_error(name: str) -> ArtifactError:
    """Says which output, and what to do."""
    return ArtifactError(
        f"output {name!r}: expected scores, found NaN or infinity, so no detection of this input can be trusted. "
        'Try another delegate (delegate="cpu"); if that is the same, convert or train the model again'
    )
