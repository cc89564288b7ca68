"""Scans whose step is that of a plain recurrent layer become one RNN, which stays a loop.

h = tanh(x W + h R + b), or relu, in the forms of MatMul, Gemm and Add; either product may be missing its matrix.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.control.body import Copies
from edgemm.converters.passes.control.placing import stands_for
from edgemm.converters.passes.rewrite import Array, data_of, discard, graph_of, nodes_of

Term = tuple[ir.Value | None, Array | None]
"""value @ matrix; a value without a matrix, or a constant without a value."""


def scans_to_cells(model: ir.Model) -> int:
    """Scan -> RNN where it computes the same.

    Precondition: constants are initializers, shapes are inferred. Shapes are open afterwards.

    Returns:
        How many Scans went.
    """
    return sum(_become(model, node) for node in nodes_of(model, "Scan"))


def _become(model: ir.Model, node: ir.Node) -> bool:
    if node.attributes["num_scan_inputs"].as_int() != 1 or len(node.inputs) != 2:
        return False
    body, first, source = node.attributes["body"].as_graph(), data_of(node, 0), data_of(node, 1)
    directions = {*(_listed(node, "scan_input_directions") or [0])}
    if any(_listed(node, "scan_input_axes")) or any(_listed(node, "scan_output_axes")):
        return False
    if len(node.outputs) > 1:
        directions |= {*(_listed(node, "scan_output_directions") or [0])}
    last = _behind(body.outputs[0])
    step, shapes = last.producer(), _sizes(source, first)
    if (
        len(directions) > 1
        or any(_behind(each) is not last for each in body.outputs)
        or step is None
        or step.op_type not in ("Tanh", "Relu")
        or shapes is None
    ):
        return False
    steps, batch, features, hidden = shapes
    weights = _weights(_terms(data_of(step)), body.inputs[1], body.inputs[0], features, hidden)
    if weights is None:
        return False
    copies, state = Copies(model, node), [int(size) for size in first.shape.numpy()]  # type: ignore[union-attr]

    def shaped(value: ir.Value, shape: list[int]) -> ir.Value:
        return copies.op("Reshape", [value, copies.constant(np.array(shape, np.int64), "shape")])

    held = [copies.constant(each[None], "weights") for each in weights]
    inputs = [shaped(source, [steps, batch, features]), *held, None, shaped(first, [1, batch, hidden])]
    made = ir.node(
        "RNN",
        inputs,
        {
            "hidden_size": hidden,
            "activations": [step.op_type],
            "direction": "reverse" if 1 in directions else "forward",
        },
        num_outputs=2,
        name=node.name,
    )
    for output, suffix in zip(made.outputs, ("sequence", "last"), strict=True):
        output.name = f"{node.name}_{suffix}"
    graph_of(node).insert_before(node, made)
    stands_for(node, 0, shaped(made.outputs[1], state))
    for index in range(1, len(node.outputs)):
        stands_for(node, index, shaped(made.outputs[0], [steps, *state]))
    discard(node)
    return True


def _listed(node: ir.Node, name: str) -> list[int]:
    return [int(each) for each in node.attributes.get_ints(name) or ()]


def _sizes(source: ir.Value, first: ir.Value) -> tuple[int, int, int, int] | None:
    """Steps, batch, features and hidden size of a sequence and the state before it, with a batch or without."""
    if any(each.shape is None or not each.shape.is_static() for each in (source, first)):
        return None
    whole, state = source.shape.numpy(), first.shape.numpy()  # type: ignore[union-attr]
    if len(whole) != len(state) + 1 or len(state) not in (1, 2) or source.dtype != ir.DataType.FLOAT:
        return None
    batch = [1] if len(state) == 1 else [int(whole[1]), int(state[0])]
    if len({*batch}) > 1 or 0 in (*whole, *state):
        return None
    return int(whole[0]), batch[0], int(whole[-1]), int(state[-1])


def _behind(value: ir.Value) -> ir.Value:
    """The value that copies were made of."""
    made = value.producer()
    while made is not None and made.op_type == "Identity" and made.domain == "":
        value = data_of(made)
        made = value.producer()
    return value


def _content(value: ir.Value) -> Array | None:
    """A constant, or one that is turned."""
    value = _behind(value)
    tensor, made = ir.convenience.get_const_tensor(value), value.producer()
    if tensor is not None:
        return tensor.numpy()
    if made is not None and made.op_type == "Transpose" and made.domain == "":
        inner = _content(data_of(made))
        return None if inner is None else inner.transpose(made.attributes.get_ints("perm"))
    return None


def _terms(value: ir.Value) -> list[Term]:
    """What a sum is of."""
    value = _behind(value)
    content, made = _content(value), value.producer()
    if content is not None:
        return [(None, content)]
    kind = made.op_type if made is not None and made.domain == "" else ""
    if made is None or kind not in ("Add", "Gemm", "MatMul"):
        return [(value, None)]
    if kind == "Add":
        return [*_terms(data_of(made, 0)), *_terms(data_of(made, 1))]
    matrix = _content(data_of(made, 1))
    plain = made.attributes.get_float("alpha", 1.0) == made.attributes.get_float(
        "beta", 1.0
    ) == 1.0 and not made.attributes.get_int("transA", 0)
    if matrix is None or matrix.ndim != 2 or not plain:
        return [(value, None)]
    turned = matrix.T if made.attributes.get_int("transB", 0) else matrix
    product: list[Term] = [(_behind(data_of(made, 0)), turned)]
    third = made.inputs[2] if len(made.inputs) > 2 else None
    return product if third is None else [*product, *_terms(third)]


def _weights(
    terms: list[Term], element: ir.Value, state: ir.Value, features: int, hidden: int
) -> tuple[Array, Array, Array] | None:
    """For the input [hidden, features], for the state [hidden, hidden], and both biases."""
    found: dict[ir.Value, Array] = {}
    bias = np.zeros(hidden, np.float32)
    for value, matrix in terms:
        if value is None and matrix is not None:
            if matrix.size != hidden or matrix.shape[-1:] != (hidden,):
                return None
            bias = bias + matrix.reshape(-1)
        elif value is None or value in found or value not in (element, state):
            return None
        else:
            size = features if value is element else hidden
            found[value] = np.eye(size, dtype=np.float32) if matrix is None else matrix
            if found[value].shape != (size, hidden):
                return None
    if len(found) != 2:
        return None
    both = np.concatenate([bias, np.zeros_like(bias)])
    return found[element].T, found[state].T, both
