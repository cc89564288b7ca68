"""Constant folding: Constant nodes, and nodes that compute from constants alone, become initializers."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import LiftConstantsToInitializersPass, RemoveInitializersFromInputsPass

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.draws import DRAWS
from edgemm.converters.passes.opset import opset_of
from edgemm.converters.passes.rewrite import Array, array_of, constant, graph_of, take_place
from edgemm.errors import ConversionError, EdgemmError
from edgemm.quantize.reference import Reference

LIMIT_BYTES = 256 * 1024**2
"""A folded tensor may be so large: a file of a few bytes can ask for gigabytes."""

OF_SHAPES = ("EyeLike", "Shape", "Size")
"""Operators that look at nothing but the shape of their input."""


OF_LISTS = frozenset({
    "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct",
    "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence",
})  # fmt: skip
"""Operators of sequences and optional values, which are resolved, not computed."""


def lift_constants(model: ir.Model) -> int:
    """Constant nodes become initializers; initializers are no longer inputs.

    Returns:
        How many there were.
    """
    nodes = sum(node.op_type == "Constant" and node.domain == "" for node in model.graph)
    inputs = len(model.graph.inputs)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    RemoveInitializersFromInputsPass()(model)
    left = sum(node.op_type == "Constant" and node.domain == "" for node in model.graph)
    return nodes - left + inputs - len(model.graph.inputs)


def fold_constants(model: ir.Model) -> int:
    """Nodes whose inputs are all constant are computed once, here; Shape and Size of known shapes too.

    Precondition: Constant nodes are lifted. Random operators and control flow are left alone.

    Returns:
        How many nodes were folded.

    Raises:
        ConversionError: a node's result would take more than LIMIT_BYTES, or it cannot be computed.
    """
    return sum(fold_node(model, node) for node in tuple(model.graph) if is_constant(node))


def is_constant(node: ir.Node) -> bool:
    """The node computes one tensor or more from constants alone."""
    if (
        node.domain != ""
        or node.op_type in DRAWS | OF_LISTS
        or any(map(_is_subgraph, node.attributes.values()))
    ):
        return False
    if node.op_type == "Reshape" and node.outputs[0].is_graph_output():
        return False  # how a constant output is told
    if node.op_type in OF_SHAPES:
        shape = node.inputs[0].shape if node.inputs[0] is not None else None
        return shape is not None and shape.is_static()
    return all(value is None or value.const_value is not None for value in node.inputs)


def _is_subgraph(attribute: ir.Attr) -> bool:
    return attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def fold_node(model: ir.Model, node: ir.Node) -> int:
    """Constants take the place of what one node computes; 1."""
    results = _of_shape(node) if node.op_type in OF_SHAPES else _evaluate(model, node)
    draft = Draft(node)
    for index, array in enumerate(results[1 : len(node.outputs)], 1):
        if draft.used(index):
            draft.replace(index, _told(draft, index, array))
    folded = _told(draft, 0, results[0])
    node.outputs[0].shape, node.outputs[0].type = folded.shape, folded.type
    take_place(node, folded)
    return 1


def _told(draft: Draft, index: int, array: Array) -> ir.Value:
    """The constant; one that is an output of the graph is written by a Reshape, since runtimes want a writer."""
    output = draft.node.outputs[index]
    folded = constant(graph_of(draft.node), f"{output.name}_folded", array)
    return draft.copy(folded) if output.is_graph_output() else folded


def _of_shape(node: ir.Node) -> list[Array]:
    value = node.inputs[0]
    shape = np.array(value.shape.numpy() if value is not None and value.shape is not None else (), np.int64)
    if node.op_type == "EyeLike":
        kind = node.outputs[0].dtype or ir.DataType.FLOAT
        rows, columns = shape.tolist()
        return [np.eye(rows, columns, k=node.attributes.get_int("k", 0), dtype=kind.numpy())]
    if node.op_type == "Size":
        return [np.array(shape.prod(), np.int64)]
    return [shape[node.attributes.get_int("start", 0) : node.attributes.get_int("end", None)]]


def _evaluate(model: ir.Model, node: ir.Node) -> list[Array]:
    _require_small(node)
    feeds = {str(value.name): array_of(value) for value in node.inputs if value is not None}
    try:
        evaluator = ReferenceEvaluator(ir.to_proto(node), opsets={"": opset_of(model)})
        with np.errstate(all="ignore"):
            return [np.asarray(result) for result in evaluator.run(None, feeds)]
    except Exception as e:  # the reference evaluator raises whatever numpy does
        found = _in_runtime(model, node)
        if found is not None:
            return found
        advice = "Export the model with constant folding"
        if isinstance(e, IndexError):
            advice = "Is an input larger than the model was made for (--shape)?"
        raise ConversionError(
            f"node {node.name!r}: {node.op_type} of constants cannot be computed: {type(e).__name__}: {e}. {advice}"
        ) from e


def _in_runtime(model: ir.Model, node: ir.Node) -> list[Array] | None:
    """The same in ONNX Runtime, for what the reference evaluator cannot do (GatherElements of some shapes); None where
    that cannot either."""
    values = {value.name: value for value in node.inputs if value is not None}
    held = [onnx.numpy_helper.from_array(np.asarray(array_of(v)), name) for name, v in values.items()]
    proto = ir.to_proto(node)
    ends = [onnx.helper.make_empty_tensor_value_info(name) for name in proto.output if name]
    graph = onnx.helper.make_graph([proto], "constant", [], ends, held)
    opsets = [onnx.helper.make_opsetid("", opset_of(model))]
    payload = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    try:
        made = Reference(payload, optimize=False).run({})
    except EdgemmError:
        return None
    return [made[name] if name else np.zeros(0, np.float32) for name in proto.output]


def _require_small(node: ir.Node) -> None:
    for value in node.outputs:
        if value.shape is None or not value.shape.is_static() or value.dtype is None:
            continue
        size = int(np.prod(value.shape.numpy(), dtype=np.float64) * value.dtype.itemsize)
        if size > LIMIT_BYTES:
            raise ConversionError(
                f"node {node.name!r}: {node.op_type} of constants makes a tensor of {size} bytes, "
                f"the limit is {LIMIT_BYTES}. Is the model meant for an edge device?"
            )
