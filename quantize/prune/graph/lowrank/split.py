"""Puts two layers in the place of one: U (V x) in the place of W x, with a bias that keeps the mean output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.names import unused_name
from edgemm.quantize.prune.graph.lowrank.layers import Splittable
from edgemm.quantize.prune.graph.trace import shape_of

Matrix = npt.NDArray[np.float64]
INPUT = "x"
"""Of a network of one layer."""
BEHIND = "_rank"
"""The first of two layers has the layer's name with this behind it; the second has its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """Two matrices in the place of one."""

    layer: Splittable
    basis: Matrix
    """U [outputs, rank], orthonormal columns."""
    means: Matrix
    """[samples, outputs]: the mean output of each sample, bias included."""

    @property
    def rank(self) -> int:
        """Numbers between the two layers."""
        return int(self.basis.shape[1])

    @property
    def first(self) -> npt.NDArray[np.float32]:
        """The first layer's weight, as the layer's operator stores it."""
        made = self.basis.T @ self.layer.matrix
        if self.layer.node.op_type == "MatMul":
            made = made.T
        elif self.layer.node.op_type == "Conv":
            made = made.reshape(self.rank, *_weight(self.layer.node).shape[1:])
        return np.ascontiguousarray(made, np.float32)

    @property
    def second(self) -> npt.NDArray[np.float32]:
        """The second layer's weight."""
        made = self.basis.T if self.layer.node.op_type == "MatMul" else self.basis
        if self.layer.node.op_type == "Conv":
            made = made.reshape(*made.shape, *[1] * (_weight(self.layer.node).ndim - 2))
        return np.ascontiguousarray(made, np.float32)

    @property
    def bias(self) -> npt.NDArray[np.float32] | None:
        """With it the mean output stays as it was; None where the layer has none.

        That of an addition behind a product is added to the mean of the product, which is kept here.
        """
        if self.layer.bias is None:
            return None
        node, index = self.layer.bias
        old = node.inputs[index].const_value.numpy().astype(np.float64)  # type: ignore[union-attr]
        products = self.means if node is not self.layer.node else self.means - old
        missing = products - products @ self.basis @ self.basis.T
        return np.asarray(old + certain_mean(missing), np.float32)


def certain_mean(rows: Matrix) -> Matrix:
    """[d], the mean of rows [n, d], drawn to zero as far as it is chance (James and Stein, 1961)."""
    mean = rows.mean(axis=0)
    power = float(np.square(mean).sum())
    if len(rows) < 2 or not power:
        return np.asarray(mean)
    chance = float(np.square(rows - mean).sum()) / (len(rows) * (len(rows) - 1))
    return np.asarray(mean * max(0.0, 1 - chance / power))


def split(model: ir.Model, factors: Mapping[str, Factors], *, to_refit: bool = False) -> ir.Model:
    """A copy of the graph in which these layers are two.

    Args:
        to_refit: `refitted` comes next, which adds to the constants behind products: they stay as they are.
    """
    copy = model.clone()
    nodes = {str(node.name): node for node in copy.graph}
    for name, each in factors.items():
        bias, place = each.bias, each.layer.bias
        there = place is not None and str(place[0].name) in nodes
        if to_refit and place is not None and place[0] is not each.layer.node:
            there = False
        if bias is not None and place is not None and there:
            _replace(copy, nodes[str(place[0].name)], place[1], bias)
        _put(copy, nodes[name], each)
    for name, value in list(copy.graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            copy.graph.initializers.pop(name)
    return copy


def alone(layer: Splittable) -> ir.Model:
    """A network of this layer and nothing else, to be measured."""
    node = layer.node
    source = node.inputs[0]
    if source is None:
        raise ValueError(f"{layer.name} reads nothing")
    entry = ir.Value(name=INPUT, shape=ir.Shape(shape_of(source)), type=ir.TensorType(ir.DataType.FLOAT))
    held = [
        _constant(f"c{index}", value.const_value.numpy())
        for index, value in enumerate(node.inputs)
        if value is not None and value.const_value is not None
    ]
    twin = ir.Node(
        "", node.op_type, [entry, *held], list(node.attributes.values()), num_outputs=1, name=node.name
    )
    out = twin.outputs[0]
    out.name, out.shape, out.type = "y", ir.Shape(shape_of(layer.output)), ir.TensorType(ir.DataType.FLOAT)
    graph = ir.Graph([entry], [out], nodes=[twin], initializers=held, opset_imports={"": 17}, name="layer")
    return ir.Model(graph, ir_version=8)


def _put(copy: ir.Model, node: ir.Node, factors: Factors) -> None:
    """The node becomes the second of two, and the first is put before it."""
    rank, kind = factors.rank, node.op_type
    name = _free(copy, f"{node.name}{BEHIND}")
    held = [_added(copy, f"{name}_weight", factors.first)]
    if kind != "MatMul":
        held.append(_added(copy, f"{name}_bias", np.zeros(rank, np.float32)))
    front = ir.Node(
        "", kind, [node.inputs[0], *held], list(node.attributes.values()), num_outputs=1, name=name
    )
    shape = list(shape_of(node.outputs[0]))
    shape[1 if kind == "Conv" else -1] = rank
    between = front.outputs[0]
    between.name, between.shape = _free(copy, f"{name}_out"), ir.Shape(shape)
    between.type = node.outputs[0].type
    copy.graph.insert_before(node, front)
    node.replace_input_with(0, between)
    _replace(copy, node, 1, factors.second)
    if kind == "Conv":
        axes = len(shape) - 2
        for key, numbers in (
            ("kernel_shape", [1] * axes),
            ("strides", [1] * axes),
            ("dilations", [1] * axes),
        ):
            if key in node.attributes:
                node.attributes.add(ir.AttrInt64s(key, numbers))
        node.attributes.add(ir.AttrInt64s("pads", [0] * (2 * axes)))


def _replace(copy: ir.Model, node: ir.Node, index: int, array: npt.NDArray[np.float32]) -> None:
    old = node.inputs[index]
    node.replace_input_with(index, _added(copy, str(old.name if old is not None else node.name), array))


def _added(copy: ir.Model, stem: str, array: npt.NDArray[np.float32]) -> ir.Value:
    value = _constant(_free(copy, stem), array)
    copy.graph.register_initializer(value)
    return value


def _constant(name: str, array: npt.NDArray[np.generic]) -> ir.Value:
    tensor = ir.tensor(np.ascontiguousarray(array), name=name)
    return ir.Value(
        name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )


def _free(copy: ir.Model, stem: str) -> str:
    """A name that neither a node nor a value has."""
    taken = {str(node.name) for node in copy.graph} | set(copy.graph.initializers)
    taken |= {str(value.name) for node in copy.graph for value in node.outputs}
    taken |= {str(value.name) for value in copy.graph.inputs}
    return unused_name(stem, taken)


def _weight(node: ir.Node) -> npt.NDArray[np.generic]:
    value = node.inputs[1]
    if value is None or value.const_value is None:
        raise ValueError(f"{node.name} has no constant weight")
    return value.const_value.numpy()
