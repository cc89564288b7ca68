"""Structure of a .tflite file, through the schema that LiteRT brings."""

from __future__ import annotations

import struct
from typing import Any

from edgemm.dependency import load_dependency
from edgemm.errors import DamagedArtifact
from edgemm.inspection.structure import Precision, Structure
from edgemm.tensors import TensorSpec

MAX_ITEMS = 1 << 20
"""A model with more operators or tensors than this (1,048,576) is refused."""
MAX_RANK = 16

INTEGER = frozenset({"INT8", "UINT8", "INT16", "INT4"})
CUSTOM = "CUSTOM"
"""An operator of somebody's own. It computes in what it gives: what it does with integers, only it knows."""
CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST", "SHAPE"})


def structure(payload: bytes) -> Structure:
    """Operators and tensors of the first sub-graph and of those that it calls."""
    feature = "LiteRT, whose schema .tflite files are read with,"
    schema = load_dependency("ai_edge_litert.schema_py_generated", feature, "litert")
    try:
        model = schema.Model.GetRootAs(payload, 0)
        graphs = [model.Subgraphs(i) for i in range(_bounded(model.SubgraphsLength()))]
        operators = [_operator(schema, model, graph, i) for graph in graphs for i in _operators(graph)]
        main = graphs[0]
        inputs = tuple(_spec(schema, main.Tensors(main.Inputs(i))) for i in range(main.InputsLength()))
        outputs = tuple(_spec(schema, main.Tensors(main.Outputs(i))) for i in range(main.OutputsLength()))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise DamagedArtifact(
            "cut short or damaged: parts of the model lie outside the file. Copy or convert it again"
        ) from error
    return Structure(tuple(operators), inputs, outputs)


def _bounded(count: int) -> int:
    if not 0 <= count <= MAX_ITEMS:
        raise ValueError(f"{count} entries in one list")
    return count


def _operators(graph: Any) -> range:
    return range(_bounded(graph.OperatorsLength()))


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _operator(schema: Any, model: Any, graph: Any, index: int) -> tuple[str, Precision]:
    operator = graph.Operators(index)
    code = model.OperatorCodes(operator.OpcodeIndex())
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _names(schema.BuiltinOperator).get(builtin, f"operator {builtin}")
    types = _names(schema.TensorType)

    def kinds(indexes: list[int]) -> list[str]:
        return [types.get(graph.Tensors(i).Type(), "?") for i in indexes if i >= 0]

    ins = kinds([operator.Inputs(i) for i in range(_bounded(operator.InputsLength()))])
    outs = kinds([operator.Outputs(i) for i in range(_bounded(operator.OutputsLength()))])
    if name == CUSTOM:
        custom = (code.CustomCode() or b"").decode("utf-8")
        return f"{CUSTOM} {custom}".strip(), _precision(name, [], outs)
    return name, _precision(name, ins, outs)


def _precision(name: str, inputs: list[str], outputs: list[str]) -> Precision:
    if name in CONVERSIONS or not (inputs or name == CUSTOM) or not outputs:
        return "other"
    if outputs[0] in INTEGER:
        return "int8"
    if outputs[0] not in ("FLOAT32", "FLOAT16"):
        return "other"
    return "dynamic" if INTEGER & set(inputs) else "float"


def _spec(schema: Any, tensor: Any) -> TensorSpec:
    rank = tensor.ShapeLength()
    if rank > MAX_RANK:
        raise ValueError(f"a tensor of {rank} dimensions")
    shape = tuple(int(tensor.Shape(i)) for i in range(rank))
    grid = tensor.Quantization()
    known = grid is not None and grid.ScaleLength() == 1
    return TensorSpec(
        (tensor.Name() or b"").decode("utf-8"),
        shape,
        _names(schema.TensorType).get(tensor.Type(), "?").lower(),
        float(grid.Scale(0)) if known else 0.0,
        int(grid.ZeroPoint(0)) if known and grid.ZeroPointLength() else 0,
    )
