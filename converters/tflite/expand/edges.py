"""Pads that repeat, slices that run backwards: choices of elements along one axis after the other."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of

MODES = {"edge": "edge", "wrap": "wrap", "reflect": "reflect"}
"""ONNX -> numpy."""


def expand_pad(node: ir.Node) -> bool:
    """Pad in the modes edge and wrap, and reflect by more than MIRROR_PAD does."""
    draft = Draft(node)
    mode = draft.text("mode", "constant")
    pads = draft.known(1)
    if mode not in MODES or pads is None:
        return False
    value = draft.input()
    pairs = pads.reshape(2, -1).T
    few = all(max(pair) < size for pair, size in zip(pairs.tolist(), shape_of(value), strict=True))
    if mode == "reflect" and few:
        return False
    for axis, pair in enumerate(pairs.tolist()):
        if any(pair):
            numbers = np.pad(np.arange(shape_of(value)[axis]), pair, mode=MODES[mode])  # type: ignore[call-overload]
            value = draft.gather(value, numbers.astype(np.int64), axis)
    return draft.becomes(value)


def expand_slice(node: ir.Node) -> bool:
    """Slice with a negative step along some axis."""
    draft = Draft(node)
    starts, ends = draft.known(1), draft.known(2)
    steps, axes = draft.known(4), draft.known(3)
    if starts is None or ends is None or steps is None or (steps > 0).all():
        return False
    value = draft.input()
    listed = range(len(starts)) if axes is None else axes.tolist()
    for axis, start, stop, step in zip(listed, starts.tolist(), ends.tolist(), steps.tolist(), strict=True):
        axis %= len(shape_of(value))
        size = shape_of(value)[axis]
        numbers = np.arange(size)[_slice(start, stop, step, size)]
        value = draft.gather(value, numbers.astype(np.int64), axis)
    return draft.becomes(value)


def _slice(start: int, stop: int, step: int, size: int) -> slice:
    """As Python has it; a stop before the first element has no number there."""
    before = step < 0 and stop < -size
    return slice(start, None if before else stop, step)
