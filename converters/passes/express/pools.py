"""Pools that no runtime on a device has: dilated, over volumes, of powers, with the places of the largest.

Largest and sums go along one axis after the other; a window that reaches outside reads one of its own
elements twice (the largest stays the same), or zeros (a sum does).
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.passes.window import Window, windows_of

Numbers = npt.NDArray[np.int64]


def pool_windows(draft: Draft) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
    """The windows as declared, and with ceil_mode applied."""
    sizes = shape_of(draft.input())[2:]
    declared = windows_of(draft.node, sizes, draft.integers("kernel_shape", ()))
    ceil = draft.integer("ceil_mode", 0) == 1 and draft.text("auto_pad", "NOTSET") == "NOTSET"
    return declared, tuple(window.rounded_up() for window in declared) if ceil else declared


def _taps(window: Window) -> Numbers:
    """int64[windows, taps]: the elements that each window reads; outside they are negative or too large."""
    starts = np.arange(window.steps)[:, None] * window.stride - window.begin
    taps: Numbers = starts + np.arange(window.kernel)[None] * window.dilation
    return taps


def _brought_inside(draft: Draft, window: Window) -> Numbers:
    """Taps, those outside replaced by the window's first inside."""
    taps = _taps(window)
    inside = (taps >= 0) & (taps < window.size)
    if not inside.any(axis=1).all():
        draft.refuse("a window with nothing inside the picture", "Use less padding")
    first = np.take_along_axis(taps, inside.argmax(axis=1)[:, None], 1)
    return np.where(inside, taps, first)


def expand_max_pool(node: ir.Node) -> bool:
    """MaxPool that is dilated, over volumes, or with indices."""
    draft = Draft(node)
    _, windows = pool_windows(draft)
    if draft.used(1):
        return _with_places(draft, windows)
    node.resize_outputs(1)
    value = draft.input()
    for axis, window in enumerate(windows, 2):
        taps = _brought_inside(draft, window)
        parts = [draft.gather(value, taps[:, tap], axis) for tap in range(window.kernel)]
        value = parts[0]
        for part in parts[1:]:
            value = draft("Max", value, part)
    return draft.becomes(value)


def _with_places(draft: Draft, windows: tuple[Window, ...]) -> bool:
    """The largest, and which element of the whole tensor it is: the first of equals."""
    source = draft.input()
    batch, channels, *sizes = shape_of(source)
    out = tuple(window.steps for window in windows)
    flat: Numbers = np.zeros((), np.int64)
    told: Numbers = np.zeros((), np.int64)
    strides = np.cumprod([1, *sizes[:0:-1]])[::-1]
    by_column = np.cumprod([1, *sizes[:-1]])
    column_major = draft.integer("storage_order", 0) == 1
    for axis, window in enumerate(windows):
        taps = _brought_inside(draft, window)
        flat = np.add.outer(flat, taps * strides[axis])
        told = np.add.outer(told, taps * (by_column if column_major else strides)[axis])
    rank = len(sizes)
    order = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    flat, told = (each.transpose(order).reshape(prod(out), -1) for each in (flat, told))
    rows = draft.gather(draft.reshape(source, (batch, channels, prod(sizes))), flat, 2)
    kinds = {"axes": [3], "keepdims": 0}
    shape = (batch, channels, prod(out))
    largest = draft.op("ReduceMax", [rows], shape, source.dtype, **kinds)
    place = draft.op("ArgMax", [rows], shape, ir.DataType.INT64, axis=3, keepdims=0)
    numbers = draft("Add", place, np.arange(prod(out)) * flat.shape[1])
    found = draft.gather(draft.constant(told.reshape(-1)), numbers)
    starts = (np.arange(batch * channels) * prod(sizes)).reshape(batch, channels, 1)
    draft.replace(1, draft.reshape(draft("Add", found, starts), (batch, channels, *out)))
    return draft.becomes(draft.reshape(largest, (batch, channels, *out)))


def _window_sums(draft: Draft, value: ir.Value, windows: tuple[Window, ...]) -> ir.Value:
    """Sums over all windows, zeros around."""
    for axis, window in enumerate(windows, 2):
        reach = (window.steps - 1) * window.stride + window.extent
        pairs = [(0, 0)] * len(shape_of(value))
        pairs[axis] = (window.begin, max(reach - window.begin - window.size, 0))
        padded = draft.pad(value, pairs)
        total: ir.Value | None = None
        for tap in range(window.kernel):
            start = tap * window.dilation
            stop = start + (window.steps - 1) * window.stride + 1
            part = draft.slice(padded, start, stop, axis, window.stride)
            total = part if total is None else draft("Add", total, part)
        value = total if total is not None else value
    return value


def expand_average_pool(node: ir.Node) -> bool:
    """AveragePool that is dilated or over volumes: sums, and a constant share for each window."""
    draft = Draft(node)
    declared, windows = pool_windows(draft)
    counted = draft.integer("count_include_pad", 0) == 1
    counts = np.ones(())
    for before, after in zip(declared, windows, strict=True):
        taps = _taps(after)
        low, high = (-before.begin, before.size + before.end) if counted else (0, before.size)
        counts = np.multiply.outer(counts, ((taps >= low) & (taps < high)).sum(axis=1))
    if not counts.all():
        draft.refuse("a window with nothing inside the picture", "Use less padding")
    share = (1.0 / counts).astype(np.float32)
    if np.all(share == share.flat[0]):
        share = share.reshape(-1)[:1]
    return draft.becomes(draft("Mul", _window_sums(draft, draft.input(), windows), share))


def expand_lp_pool(node: ir.Node) -> bool:
    """LpPool: the p-th root of the sum of p-th powers."""
    draft = Draft(node)
    _, windows = pool_windows(draft)
    power = draft.integer("p", 2)
    value = draft.input()
    size = draft("Abs", value)
    raised = (
        size if power == 1 else draft("Mul", value, value) if power == 2 else draft("Pow", size, float(power))
    )
    total = _window_sums(draft, raised, windows)
    if power == 2:
        return draft.becomes(draft("Sqrt", total))
    return draft.becomes(total if power == 1 else draft("Pow", total, 1.0 / power))


def expand_max_unpool(node: ir.Node) -> bool:
    """MaxUnpool: zeros, and each number at the place that is told."""
    draft = Draft(node)
    value, places = draft.input(), draft.input(1)
    batch, channels, *sizes = shape_of(value)
    rank = len(sizes)
    kernel, strides = draft.integers("kernel_shape", ()), draft.integers("strides", (1,) * rank)
    pads = draft.integers("pads", (0,) * 2 * rank)
    small = [
        (sizes[axis] - 1) * strides[axis] - pads[axis] - pads[axis + rank] + kernel[axis]
        for axis in range(rank)
    ]
    shape = (batch, channels, *small)
    zeros = draft.constant(np.zeros(prod(shape)), value.dtype)
    column = draft.reshape(places, (-1, 1))
    flat = draft.reshape(value, (-1,))
    put = draft.op("ScatterND", [zeros, column, flat], (prod(shape),), value.dtype)
    whole = draft.reshape(put, shape)
    wanted = draft.known(2)
    if wanted is not None:
        ends = [int(size) - have for size, have in zip(wanted, shape, strict=True)]
        if min(ends) < 0:
            draft.refuse("an output_shape smaller than what is unpooled", "Leave output_shape out")
        whole = draft.pad(whole, [(0, end) for end in ends])
    node.outputs[0].shape = ir.Shape(shape_of(whole))
    return draft.becomes(whole)
