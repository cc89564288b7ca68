"""What predictions of one graph have in common, whatever its plan: worked out once where many plans are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.costs.point import Work
from edgemm.quantize.cost import RECURRENT, WEIGHTED
from edgemm.quantize.costs.kinds import constant, kind_of, pictures, shape_of, size, work_of
from edgemm.quantize.fusion import hosts
from edgemm.quantize.legality import is_real


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """A MaxPool of an .onnx, which ONNX Runtime takes onto integers with what is behind it."""

    name: str
    elements: int
    """Of what it reads."""
    maker: str | None
    """None for the caller."""
    readers: tuple[str, ...]
    is_output: bool


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A node."""

    name: str
    kind: str
    work: Work
    is_picture: bool
    """It works on what a convolution has made."""
    is_free: bool
    """It is computed in the operator before it, or before the model runs, or only says how a tensor lies."""
    products: tuple[str, ...]
    """Names of the products whose bias it adds, where they are as precise as it is: tables count it with them."""
    holds_weights: bool
    """It reads constants while it runs."""
    is_conv: bool
    pool: Pool | None


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A real value, and who has to do with it; fused activations as their hosts."""

    elements: int
    maker: str | None
    """None for the caller, who has float numbers."""
    readers: tuple[str, ...]
    is_end: bool
    """The caller reads it, and wants float numbers."""
    pool: Pool | None = None
    """That makes it."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A graph as its predictions see it."""

    graph: ir.Graph
    format: str
    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]


def outline(model: ir.Model, format_: str) -> Outline:
    """The outline of a canonical graph, for one format; of the graph as it is now."""
    fused, shown = hosts(model), pictures(model.graph)
    pools = dict(_pools(model, fused)) if format_ == "onnx" else {}
    operators = tuple(
        Operator(
            name,
            kind_of(node),
            work_of(node),
            name in shown,
            name in fused or _is_free(node, format_),
            tuple(_products(node)),
            node.op_type in WEIGHTED or node.op_type in RECURRENT,
            node.op_type == "Conv",
            pools.get(name),
        )
        for node in model.graph
        for name in (str(node.name),)
    )
    return Outline(model.graph, format_, operators, tuple(_tensors(model, format_, fused, pools)))


def _pools(model: ir.Model, fused: Mapping[str, ir.Node]) -> Iterator[tuple[str, Pool]]:
    """By their names."""
    for node in model.graph:
        if node.op_type != "MaxPool":
            continue
        read, written, name = node.inputs[0], node.outputs[0], str(node.name)
        maker = None if read is None else read.producer()
        yield (
            name,
            Pool(
                name,
                size(read),
                None if maker is None else _host(maker, fused),
                tuple(_host(each, fused) for each in written.consumers()),
                written.is_graph_output(),
            ),
        )


def _host(node: ir.Node, fused: Mapping[str, ir.Node]) -> str:
    """Name of the node, or of the one that computes it."""
    return str(fused.get(str(node.name), node).name)


def _is_free(node: ir.Node, format_: str) -> bool:
    """TFLite's writer keeps pictures with their channels last, so there it does not move them."""
    if all(constant(value) for value in node.inputs):
        return True
    if format_ != "tflite" or node.op_type != "Transpose":
        return False
    order = tuple(node.attributes.get_ints("perm", ()))
    return order in ((0, 2, 3, 1), (0, 3, 1, 2))


def _products(node: ir.Node) -> Iterator[str]:
    """Where a constant row is added to a product that nobody else reads, as it mostly is."""
    if node.op_type != "Add":
        return
    for product, row in (node.inputs, node.inputs[::-1]):
        maker = None if product is None else product.producer()
        if maker is None or maker.op_type != "MatMul" or kind_of(maker) != "gemm" or not constant(row):
            continue
        alone = len(maker.outputs[0].uses()) == 1 and not maker.outputs[0].is_graph_output()
        if alone and size(row) == shape_of(product)[-1]:
            yield str(maker.name)


def _tensors(
    model: ir.Model, format_: str, fused: Mapping[str, ir.Node], pools: Mapping[str, Pool]
) -> Iterator[Tensor]:
    """The inputs of the graph included where the format has float there."""
    ends = format_ == "onnx"
    for value in model.graph.inputs:
        if ends and is_real(value):
            yield Tensor(size(value), None, tuple(str(node.name) for node in value.consumers()), False)
    for node in model.graph:
        for value in node.outputs:
            if is_real(value):
                readers = tuple(_host(each, fused) for each in value.consumers())
                end, pool = ends and value.is_graph_output(), pools.get(str(node.name))
                yield Tensor(size(value), _host(node, fused), readers, end, pool)
