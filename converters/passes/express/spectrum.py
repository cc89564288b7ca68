"""Fourier transforms as products with constant matrices."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array, shape_of

MAX_MATRIX = 1 << 22
"""Elements."""


def expand_dft(node: ir.Node) -> bool:
    """DFT of any constant length and axis: real or complex, one-sided, inverse."""
    draft = Draft(node)
    value = draft.input()
    shape = shape_of(value)
    axis = draft.integer("axis", 1) % len(shape)
    inverse, onesided = draft.integer("inverse", 0) == 1, draft.integer("onesided", 0) == 1
    given = draft.known(1)
    length = shape[axis] if given is None else int(given.reshape(()))
    if inverse and onesided:
        draft.refuse("an inverse of one side", "Give both sides")
    if length * length * 4 > MAX_MATRIX:
        draft.refuse(f"a length of {length}", "Transform shorter frames")
    bins = length // 2 + 1 if onesided else length
    perm = [each for each in range(len(shape) - 1) if each != axis] + [axis, len(shape) - 1]
    turned = draft.transpose(value, perm)
    rest = [shape[each] for each in perm[:-2]]
    parts = shape[-1]
    rows = draft.reshape(turned, (*rest, shape[axis] * parts))
    matrix = _matrix(shape[axis], length, bins, parts, inverse=inverse)
    product = draft.matmul(draft.reshape(rows, (int(np.prod(rest)), shape[axis] * parts)), matrix)
    found = draft.reshape(product, (*rest, bins, 2))
    return draft.becomes(draft.transpose(found, [perm.index(each) for each in range(len(shape))]))


def expand_newer_dft(node: ir.Node) -> bool:
    """DFT of opset 20, whose axis is an input and another one by default."""
    given = Draft(node).known(2)
    node.attributes.add(ir.AttrInt64("axis", -2 if given is None else int(given.reshape(()))))
    node.resize_inputs(2)
    return expand_dft(node)


def _matrix(size: int, length: int, bins: int, parts: int, *, inverse: bool) -> Array:
    """float32[size * parts, bins * 2]: real and imaginary parts beside each other."""
    used = min(size, length)
    turns = np.outer(np.arange(used), np.arange(bins)) % length
    wave = np.exp((2j if inverse else -2j) * np.pi * turns / length) / (length if inverse else 1)
    matrix = np.zeros((size, parts, bins, 2))
    matrix[:used, 0, :, 0], matrix[:used, 0, :, 1] = wave.real, wave.imag
    if parts == 2:
        matrix[:used, 1, :, 0], matrix[:used, 1, :, 1] = -wave.imag, wave.real
    return matrix.reshape(size * parts, bins * 2).astype(np.float32)


def expand_stft(node: ir.Node) -> bool:
    """STFT of a real signal: frames, a window, and a product."""
    draft = Draft(node)
    signal = draft.input()
    step, window, given = draft.known(1), draft.known(2), draft.known(3)
    if step is None or (window is None and given is None):
        return False
    length = int(given.reshape(())) if given is not None else len(window) if window is not None else 0
    batch, size, *parts = shape_of(signal)
    hop = int(step.reshape(()))
    if parts not in ([], [1]):
        draft.refuse("a complex signal", "Give a real one")
    bins = length // 2 + 1 if draft.integer("onesided", 1) else length
    count = (size - length) // hop + 1
    frames = np.arange(count)[:, None] * hop + np.arange(length)[None]
    matrix = _matrix(length, length, bins, 1, inverse=False)
    if window is not None:
        matrix = matrix * window.reshape(-1, 1).astype(np.float32)
    rows = draft.gather(draft.reshape(signal, (batch, size)), frames, 1)
    product = draft.matmul(draft.reshape(rows, (batch * count, length)), matrix)
    return draft.becomes(draft.reshape(product, (batch, count, bins, 2)))
