"""Operators that reduce, choose, look up and multiply."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Sketch, identity

REDUCED = {
    "MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_MAX": "ReduceMax", "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
}  # fmt: skip
INT64 = int(ir.DataType.INT64)


def reduce(sketch: Sketch, op: Operator) -> None:
    """MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD."""
    held, rank = sketch.held(op.inputs[0]), len(sketch.shape(op.inputs[0]))
    axes = sorted({each % rank for each in sketch.numbers(op.inputs[1], "axes")})
    keep = bool(op.option("keepDims", False))
    value, perm = held.value, held.perm
    if not keep:
        left = [axis for axis in perm if axis not in axes]
        if left != sorted(left):
            value, perm = sketch.read(op.inputs[0]), identity(rank)
    value = _reduced(sketch, op.code, value, [perm.index(axis) for axis in axes], keep)
    sketch.write(op.outputs[0], value, perm if keep else identity(rank - len(axes)))


def _reduced(sketch: Sketch, code: str, value: ir.Value, axes: list[int], keep: bool) -> ir.Value:
    name = REDUCED[code]
    if not axes:
        return sketch.node("Identity", [value])
    if name == "ReduceSum":
        listed = sketch.constant(np.array(axes, np.int64))
        return sketch.node(name, [value, listed], keepdims=int(keep))
    return sketch.node(name, [value], axes=axes, keepdims=int(keep))


def reduce_logical(sketch: Sketch, op: Operator) -> None:
    """REDUCE_ANY, REDUCE_ALL: of numbers that are 0 or 1."""
    rank = len(sketch.shape(op.inputs[0]))
    axes = sorted({each % rank for each in sketch.numbers(op.inputs[1], "axes")})
    value = sketch.node("Cast", [sketch.read(op.inputs[0])], to=int(ir.DataType.INT32))
    code = "REDUCE_MAX" if op.code == "REDUCE_ANY" else "REDUCE_MIN"
    found = _reduced(sketch, code, value, axes, bool(op.option("keepDims", False)))
    sketch.write(op.outputs[0], sketch.node("Cast", [found], to=int(ir.DataType.BOOL)))


def arg(sketch: Sketch, op: Operator) -> None:
    """ARG_MAX, ARG_MIN: the axis goes."""
    held, rank = sketch.held(op.inputs[0]), len(sketch.shape(op.inputs[0]))
    axis = sketch.numbers(op.inputs[1], "axis")[0] % rank
    left = [each for each in held.perm if each != axis]
    turned = left == sorted(left)
    value = held.value if turned else sketch.read(op.inputs[0])
    place = held.perm.index(axis) if turned else axis
    name = "ArgMax" if op.code == "ARG_MAX" else "ArgMin"
    found = sketch.node(name, [value], axis=place, keepdims=0)
    sketch.write(op.outputs[0], _typed(sketch, op.outputs[0], found))


def _typed(sketch: Sketch, index: int, value: ir.Value) -> ir.Value:
    """int64 in the type of a tensor."""
    kind = sketch.tensor(index).kind
    if kind == "int64":
        return value
    return sketch.node("Cast", [value], to=int(ir.DataType.from_numpy(np.dtype(kind))))


def topk(sketch: Sketch, op: Operator) -> None:
    """TOPK_V2 along the last axis."""
    count = sketch.constant(np.array([sketch.shape(op.outputs[0])[-1]], np.int64))
    rank = len(sketch.shape(op.inputs[0]))
    values, places = sketch.many(
        "TopK", [sketch.read(op.inputs[0]), count], 2, axis=rank - 1, largest=1, sorted=1
    )
    sketch.write(op.outputs[0], values)
    sketch.write(op.outputs[1], _typed(sketch, op.outputs[1], places))


def gather(sketch: Sketch, op: Operator) -> None:
    """GATHER."""
    axis = int(op.option("axis")) % len(sketch.shape(op.inputs[0]))
    batch = int(op.option("batchDims"))
    if batch:
        own = len(sketch.shape(op.inputs[1]))
        _gather_by_batch(sketch, op, axis, batch if batch > 0 else own + batch)
        return
    value = sketch.node("Gather", [sketch.read(op.inputs[0]), sketch.as_indices(op.inputs[1])], axis=axis)
    sketch.write(op.outputs[0], value)


def _gather_by_batch(sketch: Sketch, op: Operator, axis: int, batch: int) -> None:
    """Each batch has places of its own: all of them along one axis, at which batch after batch begins."""
    shape, places = sketch.shape(op.inputs[0]), sketch.shape(op.inputs[1])
    rank, count, size = len(shape), int(np.prod(places[:batch])), shape[axis]
    value = sketch.read(op.inputs[0])
    rest = [each for each in range(batch, rank) if each != axis]
    if axis != batch:
        value = sketch.node("Transpose", [value], perm=[*range(batch), axis, *rest])
    value = sketch.reshape(value, [count * size, *(shape[each] for each in rest)])
    begins = sketch.constant(np.arange(count, dtype=np.int64)[:, None] * size)
    at = sketch.reshape(sketch.as_indices(op.inputs[1]), [count, -1])
    at = sketch.reshape(sketch.node("Add", [at, begins]), [-1])
    value = sketch.node("Gather", [value, at], axis=0)
    value = sketch.reshape(value, [*places, *(shape[each] for each in rest)])
    if axis != batch:
        first, picked = axis - batch, len(places) - batch
        before = range(len(places), len(places) + first)
        after = range(len(places) + first, len(places) + len(rest))
        order = [*range(batch), *before, *range(batch, batch + picked), *after]
        value = sketch.node("Transpose", [value], perm=order)
    sketch.write(op.outputs[0], value)


def gather_nd(sketch: Sketch, op: Operator) -> None:
    """GATHER_ND."""
    value = sketch.node("GatherND", [sketch.read(op.inputs[0]), sketch.as_indices(op.inputs[1])])
    sketch.write(op.outputs[0], value)


def embedding(sketch: Sketch, op: Operator) -> None:
    """EMBEDDING_LOOKUP: ids, table."""
    value = sketch.node("Gather", [sketch.read(op.inputs[1]), sketch.as_indices(op.inputs[0])], axis=0)
    sketch.write(op.outputs[0], value)


def scatter_nd(sketch: Sketch, op: Operator) -> None:
    """SCATTER_ND into zeros; places that are named twice add up."""
    shape = sketch.shape(op.outputs[0])
    zeros = sketch.constant(np.zeros(shape, np.dtype(sketch.tensor(op.outputs[0]).kind)))
    inputs = [zeros, sketch.as_indices(op.inputs[0]), sketch.read(op.inputs[1])]
    sketch.write(op.outputs[0], sketch.node("ScatterND", inputs, reduction="add"))


def one_hot(sketch: Sketch, op: Operator) -> None:
    """ONE_HOT: a comparison of places with the classes."""
    rank = len(sketch.shape(op.outputs[0]))
    axis = int(op.option("axis", -1)) % rank
    depth = sketch.constant(np.array(sketch.numbers(op.inputs[1], "depth"), np.int64).reshape(1))
    on, off = (sketch.reshape(sketch.read(index), [1]) for index in op.inputs[2:4])
    values = sketch.node("Concat", [off, on], axis=0)
    indices = sketch.as_indices(op.inputs[0])
    if not sketch.shape(op.inputs[0]):
        indices = sketch.reshape(indices, [1])
    found = sketch.node("OneHot", [indices, depth, values], axis=axis)
    sketch.write(op.outputs[0], found if sketch.shape(op.inputs[0]) else sketch.reshape(found, [-1]))


def cumsum(sketch: Sketch, op: Operator) -> None:
    """CUMSUM."""
    axis = sketch.constant(np.array(sketch.numbers(op.inputs[1], "axis")[0], np.int64))
    value = sketch.node(
        "CumSum", [sketch.read(op.inputs[0]), axis],
        exclusive=int(bool(op.option("exclusive", False))), reverse=int(bool(op.option("reverse", False))),
    )  # fmt: skip
    sketch.write(op.outputs[0], value)


def fully_connected(sketch: Sketch, op: Operator) -> None:
    """FULLY_CONNECTED; weights [out, in]."""
    if int(op.option("weightsFormat")):
        sketch.refuse("has shuffled weights", "Export the model without them")
    out, into = sketch.shape(op.inputs[1])
    bias = len(op.inputs) > 2 and op.inputs[2] >= 0
    shape = sketch.shape(op.outputs[0])
    value = sketch.read(op.inputs[0])
    if sketch.shape(op.inputs[0]) != (sketch_rows := int(np.prod(shape)) // out, into):
        value = _flat(sketch, op.inputs[0], (sketch_rows, into))
    inputs = [value, sketch.read(op.inputs[1])]
    if bias:
        inputs.append(sketch.reshape(sketch.read(op.inputs[2]), [out]) if len(sketch.shape(op.inputs[2])) != 1
                      else sketch.read(op.inputs[2]))  # fmt: skip
    found = sketch.node("Gemm", inputs, transB=1)
    if shape != (sketch_rows, out):
        found = sketch.reshape(found, shape)
    sketch.write(op.outputs[0], found, activation=op.option("fusedActivationFunction"))


def _flat(sketch: Sketch, index: int, shape: tuple[int, int]) -> ir.Value:
    """Rows of a tensor, without a Transpose where only sizes of 1 change places."""
    held, own = sketch.held(index), sketch.shape(index)
    order = [axis for axis in held.perm if own[axis] != 1]
    return sketch.reshape(held.value if order == sorted(order) else sketch.read(index), shape)


def batch_matmul(sketch: Sketch, op: Operator) -> None:
    """BATCH_MATMUL."""
    values = []
    for index, name in zip(op.inputs, ("adjX", "adjY"), strict=True):
        value, rank = sketch.read(index), len(sketch.shape(index))
        if op.option(name, False):
            value = sketch.node("Transpose", [value], perm=[*range(rank - 2), rank - 1, rank - 2])
        values.append(value)
    sketch.write(op.outputs[0], sketch.node("MatMul", values))
