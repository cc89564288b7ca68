"""Models that are harmless on zeros, or while they are read, and take all time or memory that there is otherwise.

loop          an input says how often a loop runs, times a million millions
memory        an input says how large a tensor is, times a thousand million
nesting       graphs within graphs, or a graph that calls itself
shapes        inputs and outputs declared far larger than any memory
"""

from __future__ import annotations

from typing import Any

import numpy as np

LARGE = 10**12
MUCH = 1 << 31


def onnx_bombs() -> dict[str, bytes]:
    """Name -> file. Needs onnx."""
    return {
        "loop": _onnx_loop(),
        "memory": _onnx_memory(),
        "nesting": _onnx_nesting(),
        "shapes": _onnx_shapes(),
    }


def _onnx(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]) -> bytes:
    from onnx import helper, numpy_helper

    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "bomb", inputs, outputs, kept)
    payload: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return payload


def _tensor(name: str, kind: str, shape: list[int]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)


def _onnx_loop() -> bytes:
    from onnx import helper

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Add", ["sum", "one"], ["next"]),
        ],
        "body",
        [_tensor("at", "INT64", []), _tensor("going", "BOOL", []), _tensor("sum", "INT64", [])],
        [_tensor("goes_on", "BOOL", []), _tensor("next", "INT64", [])],
    )
    nodes = [
        helper.make_node("Mul", ["x", "large"], ["many"]),
        helper.make_node("Reshape", ["many", "scalar"], ["count"]),
        helper.make_node("Loop", ["count", "yes", "one"], ["y"], body=body),
    ]
    constants = {"large": np.int64(LARGE), "scalar": np.zeros(0, np.int64), "yes": True, "one": np.int64(1)}
    return _onnx(nodes, [_tensor("x", "INT64", [1])], [_tensor("y", "INT64", [])], constants)


def _onnx_memory() -> bytes:
    return onnx_as_large_as_told(MUCH)


def onnx_as_large_as_told(factor: int) -> bytes:
    """Makes a tensor with `factor` times as many elements as its input says."""
    from onnx import helper

    nodes = [
        helper.make_node("Mul", ["x", "large"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["y"], keepdims=0),
    ]
    return _onnx(
        nodes, [_tensor("x", "INT64", [1])], [_tensor("y", "FLOAT", [])], {"large": np.int64(factor)}
    )


def _onnx_nesting(depth: int = 400) -> bytes:
    from onnx import helper

    out = [_tensor("y", "FLOAT", [1])]
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], out)
    for _ in range(depth):
        node = helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph([node], "g", [], out)
        if inner.ByteSize() > 1 << 20:
            break
    return _onnx(list(inner.node), [_tensor("x", "FLOAT", [1])], out, {"yes": True})


def _onnx_shapes() -> bytes:
    from onnx import helper

    shape = [1 << 15, 1 << 15, 16]
    node = helper.make_node("Relu", ["x"], ["y"])
    return _onnx([node], [_tensor("x", "FLOAT", shape)], [_tensor("y", "FLOAT", shape)], {})


def tflite_bombs() -> dict[str, bytes]:
    """Name -> file. Needs ai-edge-litert's schema, and flatbuffers."""
    return {
        "loop": _lite_loop(),
        "memory": _lite_memory(),
        "nesting": _lite_nesting(),
        "shapes": _lite_shapes(),
    }


class _Lite:
    """Collects the parts of a .tflite file."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.model = schema.ModelT()
        self.model.version, self.model.subgraphs, self.model.operatorCodes = 3, [], []
        self.model.buffers = [schema.BufferT()]

    def graph(self) -> Any:
        graph = self.schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        self.model.subgraphs.append(graph)
        return graph

    def tensor(self, graph: Any, kind: str, shape: list[int], value: Any = None) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.type = (
            f"t{len(graph.tensors)}",
            shape,
            getattr(self.schema.TensorType, kind),
        )
        tensor.buffer = 0
        if value is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.asarray(value).tobytes()
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def operator(
        self, graph: Any, name: str, inputs: list[int], outputs: list[int], options: Any = None
    ) -> None:
        code = self.schema.OperatorCodeT()
        number = getattr(self.schema.BuiltinOperator, name)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self.model.operatorCodes.append(code)
        operator = self.schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(self.model.operatorCodes) - 1,
            inputs,
            outputs,
        )
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        graph.operators.append(operator)

    def packed(self) -> bytes:
        import flatbuffers

        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _lite_loop() -> bytes:
    """While sum < x: sum = sum + step, in steps that are far smaller than the input can be."""
    lite = _Lite()
    main, condition, body = lite.graph(), lite.graph(), lite.graph()
    x = lite.tensor(main, "INT64", [1])
    most = lite.tensor(main, "INT64", [1])
    begin = lite.tensor(main, "INT64", [1], np.zeros(1, np.int64))
    ends = [lite.tensor(main, "INT64", [1]) for _ in range(2)]
    lite.operator(
        main,
        "MUL",
        [x, lite.tensor(main, "INT64", [1], np.array([LARGE]))],
        [most],
        lite.schema.MulOptionsT(),
    )
    loop = lite.schema.WhileOptionsT()
    loop.condSubgraphIndex, loop.bodySubgraphIndex = 1, 2
    lite.operator(main, "WHILE", [begin, most], ends, loop)
    main.inputs, main.outputs = [x], ends[:1]
    a, b = (lite.tensor(condition, "INT64", [1]) for _ in range(2))
    less = lite.tensor(condition, "BOOL", [1])
    lite.operator(condition, "LESS", [a, b], [less], lite.schema.LessOptionsT())
    condition.inputs, condition.outputs = [a, b], [less]
    c, d = (lite.tensor(body, "INT64", [1]) for _ in range(2))
    more = lite.tensor(body, "INT64", [1])
    lite.operator(
        body, "ADD", [c, lite.tensor(body, "INT64", [1], np.array([1]))], [more], lite.schema.AddOptionsT()
    )
    body.inputs, body.outputs = [c, d], [more, d]
    return lite.packed()


def _lite_memory() -> bytes:
    lite = _Lite()
    main = lite.graph()
    x = lite.tensor(main, "INT64", [1])
    size = lite.tensor(main, "INT64", [1])
    value = lite.tensor(main, "FLOAT32", [], np.float32(1))
    y = lite.tensor(main, "FLOAT32", [1])
    lite.operator(
        main,
        "MUL",
        [x, lite.tensor(main, "INT64", [1], np.array([MUCH - 1]))],
        [size],
        lite.schema.MulOptionsT(),
    )
    lite.operator(main, "FILL", [size, value], [y], lite.schema.FillOptionsT())
    main.inputs, main.outputs = [x], [y]
    return lite.packed()


def _lite_nesting() -> bytes:
    """A graph that calls itself."""
    lite = _Lite()
    main, inner = lite.graph(), lite.graph()
    for graph in (main, inner):
        condition = lite.tensor(graph, "BOOL", [1], np.array([True]))
        x, y = lite.tensor(graph, "FLOAT32", [1]), lite.tensor(graph, "FLOAT32", [1])
        branch = lite.schema.IfOptionsT()
        branch.thenSubgraphIndex = branch.elseSubgraphIndex = 1
        lite.operator(graph, "IF", [condition, x], [y], branch)
        graph.inputs, graph.outputs = [x], [y]
    return lite.packed()


def _lite_shapes() -> bytes:
    lite = _Lite()
    main = lite.graph()
    x, y = (lite.tensor(main, "FLOAT32", [1 << 15, 1 << 15, 16]) for _ in range(2))
    lite.operator(main, "RELU", [x], [y])
    main.inputs, main.outputs = [x], [y]
    return lite.packed()
