"""What moves, picks and repeats numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgemm.quantize.aware.operators.call import Call

MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _slice(call: Call) -> Tensor:
    starts, ends = call.whole(1) or [], call.whole(2) or []
    axes = call.whole(3) or list(range(len(starts)))
    steps = call.whole(4) or [1] * len(starts)
    found = call[0]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = range(found.shape[axis])[slice(start, None if end < -found.shape[axis] else end, step)]
        found = _picked(found, np.array(places, np.int64), axis)
    return found


def _picked(value: Tensor, places: np.ndarray, axis: int) -> Tensor:
    if len(places) and (np.diff(places) == 1).all():
        return value.narrow(axis % value.dim(), int(places[0]), len(places))
    return value.index_select(axis % value.dim(), torch.from_numpy(places).to(value.device))


def _gather(call: Call) -> Tensor:
    axis = call.integer("axis", 0) % call[0].dim()
    places = torch.where(call[1] < 0, call[1] + call[0].shape[axis], call[1]).long()
    whole: tuple[Any, ...] = (slice(None),) * axis
    return call[0][(*whole, places)]


def _pad(call: Call) -> Tensor:
    rank, mode = call[0].dim(), call.text("mode", "constant")
    pads = call.whole(1) or []
    axes = [axis % rank for axis in call.whole(3) or range(rank)]
    by_axis = {axis: (pads[at], pads[at + len(axes)]) for at, axis in enumerate(axes)}
    if mode != "constant":
        return _mirrored(call[0], by_axis, mode)
    fill = call.known(2)
    pairs = [each for axis in reversed(range(rank)) for each in by_axis.get(axis, (0, 0))]
    return functional.pad(call[0], pairs, value=0.0 if fill is None else float(fill.reshape(-1)[0]))


def _mirrored(value: Tensor, pads: dict[int, tuple[int, int]], mode: str) -> Tensor:
    for axis, (before, after) in pads.items():
        if before or after:
            places = np.pad(np.arange(value.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
            value = value.index_select(axis, torch.from_numpy(places).to(value.device))
    return value


def _split(call: Call) -> tuple[Tensor, ...]:
    axis = call.integer("axis", 0)
    sizes = call.whole(1)
    if sizes is None:
        count = len(call.node.outputs)
        size = -(-call[0].shape[axis] // count)
        sizes = [min(size, call[0].shape[axis] - at * size) for at in range(count)]
    return tuple(torch.split(call[0], sizes, dim=axis))


def _depth_to_space(call: Call) -> Tensor:
    n, c, h, w = call[0].shape
    block = call.integer("blocksize", 1)
    if call.text("mode", "DCR") == "CRD":
        parts = call[0].reshape(n, c // block**2, block, block, h, w).permute(0, 1, 4, 2, 5, 3)
    else:
        parts = call[0].reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(call: Call) -> Tensor:
    n, c, h, w = call[0].shape
    block = call.integer("blocksize", 1)
    parts = call[0].reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * block**2, h // block, w // block)


def _expand(call: Call) -> Tensor:
    return call[0].expand(torch.broadcast_shapes(call[0].shape, tuple(call.whole(1) or ())))


SHAPE: dict[str, Callable[[Call], Any]] = {
    "Concat": lambda call: torch.cat(
        [each for each in call.operands if each is not None], dim=call.integer("axis", 0)
    ),
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": lambda call: call[0].reshape(call.shape),
    "Gather": _gather,
    "Identity": lambda call: call[0],
    "Pad": _pad,
    "Reshape": lambda call: call[0].reshape(call.shape),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": lambda call: call[0].reshape(call.shape),
    "Tile": lambda call: call[0].repeat(call.whole(1) or ()),
    "Transpose": lambda call: call[0].permute(call.integers("perm", tuple(reversed(range(call[0].dim()))))),
    "Unsqueeze": lambda call: call[0].reshape(call.shape),
}
"""ONNX operator -> its result, or results."""
