"""Resize of pictures and lines: RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR in the coordinates that they have, whole
multiples of the nearest as CONCATENATIONs: XNNPACK has these, and lacks the nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.express.resize import Matrix, resized_axes
from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.tflite.attributes import refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering, channels_last

EXACT = 1e-5
"""Of a neighbour's share: runtimes compute coordinates in float32."""
JOINED = (5, 4, 3, 2)
"""Tensors that XNNPACK joins in one CONCATENATION."""
COORDINATES = frozenset({"align_corners", "asymmetric", "half_pixel", "pytorch_half_pixel"})


@dataclass(frozen=True, slots=True)
class Sampling:
    """What RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR are told."""

    linear: bool
    corners: bool
    half: bool

    def matrix(self, old: int, new: int) -> Matrix:
        """float32[old, new]: what the kernels make of the identity along one axis."""
        spread = self.corners and new > 1
        scale = np.float32(old - spread) / np.float32(new - spread)
        shift = np.float32(0.5 if self.half else 0.0)
        at = (np.arange(new, dtype=np.float32) + shift) * scale
        made, columns = np.zeros((old, new), np.float32), np.arange(new)
        if not self.linear:
            places = np.floor(at + np.float32(0.5)) if self.corners else np.floor(at)
            made[np.clip(places, 0, old - 1).astype(int), columns] = 1.0
            return made
        at = np.clip(at - shift, 0, old - 1)
        low = np.floor(at).astype(int)
        np.add.at(made, (low, columns), 1.0 - (at - low))
        np.add.at(made, (np.minimum(low + 1, old - 1), columns), at - low)
        return made


@dataclass(frozen=True, slots=True)
class Repeats:
    """Each row and each column so many times."""

    rows: int
    columns: int


def way_of(node: ir.Node) -> Sampling | Repeats | None:
    """How TFLite computes the same; None where it has no way."""
    draft = Draft(node)
    rank = len(shape_of(draft.input()))
    plain = (
        draft.text("coordinate_transformation_mode", "half_pixel") in COORDINATES
        and draft.text("keep_aspect_ratio_policy", "stretch") == "stretch"
        and not draft.integer("antialias", 0)
    )
    linear = draft.text("mode", "nearest") == "linear"
    if rank not in (3, 4) or not plain or not (linear or draft.text("mode", "nearest") == "nearest"):
        return None
    axes = resized_axes(draft)
    if min(axes, default=2) < 2 or any(beyond.any() for _, beyond in axes.values()):
        return None
    matrices = {axis - rank: matrix for axis, (matrix, _) in axes.items()}
    if not linear and all(_repeats(matrix) for matrix in matrices.values()):
        times = [_repeats(matrices[axis]) if axis in matrices else 1 for axis in (-2, -1)]
        return Repeats(1 if rank == 3 else times[0], times[1])
    for corners, half in ((False, True), (False, False), (True, False)):
        found = Sampling(linear, corners, half)
        if all(_same(matrix, found) for matrix in matrices.values()):
            return found
    return None


def _same(matrix: Matrix, sampling: Sampling) -> bool:
    return np.allclose(matrix, sampling.matrix(*matrix.shape), rtol=0.0, atol=EXACT)


def _repeats(matrix: Matrix) -> int:
    """How many times each element is there, in order; 0 where that is not all, or XNNPACK could not join so many."""
    old, new = matrix.shape
    times = new // old
    whole = times and np.array_equal(matrix, np.repeat(np.eye(old, dtype=np.float32), times, axis=1))
    return times if whole and np.prod(_parts(times)) == times else 0


def _parts(times: int) -> list[int]:
    """Factors, each of which is one CONCATENATION."""
    found = []
    for each in JOINED:
        while times % each == 0:
            found.append(each)
            times //= each
    return found


def lower_resize(ctx: Lowering, node: ir.Node) -> None:
    """Resize that `way_of` has a way for."""
    way, rank = way_of(node), len(ctx.shape(ctx.value(node)))
    if way is None:
        refuse(node, "a Resize that was not written out", "Please report the model")
    perm = channels_last(rank)
    source, final = ctx.get(node, 0, perm), ctx.result(node, perm)
    picture = ctx.reshape(source, _as_picture(source.shape))
    if isinstance(way, Repeats):
        ctx.reshape_op(_repeated(ctx, node, picture, way), final)
        return
    shape = _as_picture(final.shape)
    made = final if rank == 4 else ctx.graph.tensor(f"{final.name}_picture", shape, final.dtype, final.grid)
    _sampled(ctx, node, picture, made, way)
    if made is not final:
        ctx.reshape_op(made, final)


def _as_picture(shape: tuple[int, ...]) -> tuple[int, ...]:
    """N, H, W, C; a line is one row."""
    return shape if len(shape) == 4 else (shape[0], 1, *shape[1:])


def _sampled(ctx: Lowering, node: ir.Node, source: Tensor, made: Tensor, way: Sampling) -> None:
    sizes = ctx.graph.constant(f"{made.name}_sizes", np.array(made.shape[1:3], np.int32))
    options = {"alignCorners": way.corners, "halfPixelCenters": way.half}
    code = "RESIZE_BILINEAR" if way.linear else "RESIZE_NEAREST_NEIGHBOR"
    newer = way.half or (way.corners and not way.linear)
    ctx.op(code, [source, sizes], [made], options, "half_pixel" if newer else ctx.form(node))


def _repeated(ctx: Lowering, node: ir.Node, source: Tensor, way: Repeats) -> Tensor:
    """The pixels beside themselves, then the rows: N, H, 1, all that a row of the source has become."""
    batch, height, width, channels = source.shape
    wide = _beside_itself(ctx, node, source, _parts(way.columns))
    if way.rows == 1:
        return wide
    rows = ctx.reshape(wide, (batch, height, 1, width * way.columns * channels))
    return _beside_itself(ctx, node, rows, _parts(way.rows))


def _beside_itself(ctx: Lowering, node: ir.Node, tensor: Tensor, parts: list[int]) -> Tensor:
    for times in parts:
        shape = (*tensor.shape[:-1], tensor.shape[-1] * times)
        made = ctx.graph.tensor(f"{tensor.name}_repeated", shape, tensor.dtype, tensor.grid)
        ctx.op("CONCATENATION", [tensor] * times, [made], {"axis": 3}, ctx.form(node))
        tensor = made
    return tensor
