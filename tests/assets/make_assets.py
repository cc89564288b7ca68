"""Makes the tiny models of this folder: `python tests/assets/make_assets.py [FOLDER]`.

Each has one or two operators, so that a test can say what must come out. They are committed, because the
device tests run without onnx and without LiteRT's schema module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Int8 = tuple[float, int]
"""Scale and zero point."""
FLOAT = (np.dtype("float32"), schema.TensorType.FLOAT32)
INT8 = (np.dtype("int8"), schema.TensorType.INT8)
INT32 = (np.dtype("int32"), schema.TensorType.INT32)
INT64 = (np.dtype("int64"), schema.TensorType.INT64)
RESOURCE = (np.dtype("int32"), schema.TensorType.RESOURCE)
BOOL = (np.dtype("bool"), schema.TensorType.BOOL)


class Graph:
    """One subgraph under construction, of a new model or of another graph's."""

    def __init__(self, beside: Graph | None = None) -> None:
        self.model: Any = beside.model if beside else schema.ModelT()
        if beside is None:
            self.model.version = 3
            self.model.buffers = [schema.BufferT()]
            self.model.operatorCodes, self.model.subgraphs = [], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs.append(self.graph)

    def tensor(self, name: str, kind: Any, shape: Sequence[int], quantized: Int8 | None = None) -> int:
        """A tensor without a value; gives its index."""
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), np.array(shape, np.int32), kind[1], 0
        if quantized:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array([quantized[0]], np.float32)
            made.quantization.zeroPoint = np.array([quantized[1]], np.int64)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, kind: Any, value: npt.NDArray[Any], quantized: Int8 | None = None) -> int:
        """A tensor with a value."""
        index = self.tensor(name, kind, value.shape, quantized)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.astype(kind[0]).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1
        return index

    def operator(
        self, code: int, inputs: Sequence[int], outputs: Sequence[int], options: Any = None,
        *, version: int = 1, custom: str = "",
    ) -> None:  # fmt: skip
        """One operator of its own code."""
        made = schema.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), version
        made.customCode = custom.encode() or None
        self.model.operatorCodes.append(made)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.graph.operators.append(operator)

    def ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """What goes into the subgraph and what comes out."""
        self.graph.inputs, self.graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        self.ends(inputs, outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def add(version: int = 1, shape: Sequence[int] = (1,)) -> bytes:
    """y = x + x, float32[1], or of another shape."""
    g = Graph()
    x, y = g.tensor("x", FLOAT, shape), g.tensor("y", FLOAT, shape)
    g.operator(schema.BuiltinOperator.ADD, [x, x], [y], schema.AddOptionsT(), version=version)
    return g.pack([x], [y])


def total(rows: int = 1) -> bytes:
    """total = x + before, float32[rows, 2]; a recurrent sum when total is fed back."""
    g = Graph()
    x, before, y = (g.tensor(name, FLOAT, [rows, 2]) for name in ("x", "before", "total"))
    g.operator(schema.BuiltinOperator.ADD, [x, before], [y], schema.AddOptionsT())
    return g.pack([x, before], [y])


def lengths() -> bytes:
    """Two signatures, step_2 and step_4, each of its length L: after = before + x, y = after + 7, float32[1, L]; "read"
    gives y = before + 7 of 4 numbers. The 7 is stored once."""
    g = Graph()
    parts = [(b"step_2", 2, g), (b"step_4", 4, Graph(g)), (b"read", 4, Graph(g))]
    g.model.signatureDefs = []
    for at, (key, length, graph) in enumerate(parts):
        x, before, after, y = (graph.tensor(n, FLOAT, [1, length]) for n in ("x", "before", "after", "y"))
        if at:
            seven = graph.tensor("seven", FLOAT, [1])
            graph.graph.tensors[seven].buffer = 1
        else:
            seven = graph.constant("seven", FLOAT, np.array([7]))
        if key == b"read":
            ins, outs = {b"before": before}, {b"y": y}
            graph.operator(schema.BuiltinOperator.ADD, [before, seven], [y], schema.AddOptionsT())
        else:
            ins, outs = {b"x": x, b"before": before}, {b"after": after, b"y": y}
            graph.operator(schema.BuiltinOperator.ADD, [x, before], [after], schema.AddOptionsT())
            graph.operator(schema.BuiltinOperator.ADD, [after, seven], [y], schema.AddOptionsT())
        graph.ends(list(ins.values()), list(outs.values()))
        g.model.signatureDefs.append(_signature(key, at, ins, outs))
    return g.pack(list(g.graph.inputs), list(g.graph.outputs))


def _signature(key: bytes, at: int, *sides: dict[bytes, int]) -> Any:
    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex = key, at
    for side, tensors in zip(("inputs", "outputs"), sides, strict=True):
        entries = []
        for name, index in tensors.items():
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, index
            entries.append(entry)
        setattr(made, side, entries)
    return made


def remembered() -> bytes:
    """total = x + all x before, float32[1, 2]: the sum is a variable that lives in the interpreter."""
    g = Graph()
    x, handle, before, y = (
        g.tensor("x", FLOAT, [1, 2]),
        g.tensor("handle", RESOURCE, []),
        g.tensor("before", FLOAT, [1, 2]),
        g.tensor("total", FLOAT, [1, 2]),
    )
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    g.operator(schema.BuiltinOperator.CALL_ONCE, [], [], once)
    g.operator(schema.BuiltinOperator.VAR_HANDLE, [], [handle], sum_variable())
    g.operator(schema.BuiltinOperator.READ_VARIABLE, [handle], [before], schema.ReadVariableOptionsT())
    g.operator(schema.BuiltinOperator.ADD, [x, before], [y], schema.AddOptionsT())
    g.operator(schema.BuiltinOperator.ASSIGN_VARIABLE, [handle, y], [], schema.AssignVariableOptionsT())
    begin = Graph(beside=g)
    again = begin.tensor("handle", RESOURCE, [])
    zero = begin.constant("zero", FLOAT, np.zeros((1, 2)))
    begin.operator(schema.BuiltinOperator.VAR_HANDLE, [], [again], sum_variable())
    begin.operator(schema.BuiltinOperator.ASSIGN_VARIABLE, [again, zero], [], schema.AssignVariableOptionsT())
    begin.ends([], [])
    return g.pack([x], [y])


def sum_variable() -> Any:
    """The options that name the variable."""
    options = schema.VarHandleOptionsT()
    options.container, options.sharedName = b"", b"sum"
    return options


def two_adds() -> bytes:
    """y = abs(x + x) + x, float32[4]: three operators, two of one kind."""
    g = Graph()
    x, double, size, y = (g.tensor(name, FLOAT, [4]) for name in ("x", "double", "size", "y"))
    g.operator(schema.BuiltinOperator.ADD, [x, x], [double], schema.AddOptionsT())
    g.operator(schema.BuiltinOperator.ABS, [double], [size], schema.AbsOptionsT())
    g.operator(schema.BuiltinOperator.ADD, [size, x], [y], schema.AddOptionsT())
    return g.pack([x], [y])


def custom(name: str) -> bytes:
    """y = some custom operator of x."""
    g = Graph()
    x, y = g.tensor("x", FLOAT, [1]), g.tensor("y", FLOAT, [1])
    g.operator(schema.BuiltinOperator.CUSTOM, [x], [y], custom=name)
    return g.pack([x], [y])


def where() -> bytes:
    """places = indices of the true elements of x, bool[4]: a size that is found out while running."""
    g = Graph()
    x, y = g.tensor("x", BOOL, [4]), g.tensor("places", INT64, [])
    g.graph.tensors[y].shapeSignature = np.array([-1, 1], np.int32)
    g.graph.tensors[y].shape = np.array([1, 1], np.int32)
    g.operator(schema.BuiltinOperator.WHERE, [x], [y], schema.WhereOptionsT())
    return g.pack([x], [y])


def quadrant() -> bytes:
    """Which pixel of int8[1, 2, 2, 1] is bright: softmax of 8 times the pixels, int8[1, 4].

    The input stands for 0..1 in steps of 1/255; the output for 0..1 in steps of 1/256.
    """
    g = Graph()
    pixels = g.tensor("pixels", INT8, [1, 2, 2, 1], (1 / 255, -128))
    flat = g.tensor("flat", INT8, [1, 4], (1 / 255, -128))
    shape = g.constant("shape", INT32, np.array([1, 4]))
    weights = g.constant("weights", INT8, np.eye(4) * 80, (0.1, 0))
    bias = g.constant("bias", INT32, np.zeros(4), (0.1 / 255, 0))
    logits = g.tensor("logits", INT8, [1, 4], (8 / 255, -128))
    scores = g.tensor("scores", INT8, [1, 4], (1 / 256, -128))
    g.operator(schema.BuiltinOperator.RESHAPE, [pixels, shape], [flat])
    g.operator(schema.BuiltinOperator.FULLY_CONNECTED, [flat, weights, bias], [logits],
               schema.FullyConnectedOptionsT(), version=4)  # fmt: skip
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    g.operator(schema.BuiltinOperator.SOFTMAX, [logits], [scores], softmax, version=2)
    return g.pack([pixels], [scores])


def loud() -> bytes:
    """logits = (sum of x - 40, 0), x float32[1, 80]: the first is above the second where x is loud."""
    g = Graph()
    x, logits = g.tensor("sound", FLOAT, [1, 80]), g.tensor("logits", FLOAT, [1, 2])
    weights = g.constant("weights", FLOAT, np.stack([np.ones(80), np.zeros(80)]))
    bias = g.constant("bias", FLOAT, np.array([-40.0, 0.0]))
    g.operator(
        schema.BuiltinOperator.FULLY_CONNECTED, [x, weights, bias], [logits], schema.FullyConnectedOptionsT()
    )
    return g.pack([x], [logits])


def onnx_model(
    operators: Sequence[tuple[str, Sequence[str], Sequence[str]]],
    inputs: dict[str, Sequence[int | str]],
    outputs: dict[str, Sequence[int | str]],
    constants: Sequence[onnx.TensorProto] = (),
    attributes: dict[str, dict[str, int]] | None = None,
    *,
    opset: int = 17,
) -> bytes:
    """A float32 ONNX model."""
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    nodes = [
        helper.make_node(kind, taken, given, **(attributes or {}).get(kind, {}))
        for kind, taken, given in operators
    ]
    graph = helper.make_graph(nodes, "tiny", values[0], values[1], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model.producer_name = ""
    return bytes(model.SerializeToString(deterministic=True))


def causal() -> bytes:
    """y = a causal convolution of three taps over x, float32[1, 2, 4]; the last two columns go from cache to cache."""
    taps = np.random.default_rng(0).standard_normal((3, 2, 3)).astype(np.float32)
    ends = [numpy_helper.from_array(np.array([value], np.int64), name)
            for name, value in (("from", -2), ("to", 1 << 30), ("time", 2))]  # fmt: skip
    return onnx_model(
        [
            ("Concat", ["cache", "x"], ["heard"]),
            ("Conv", ["heard", "taps"], ["y"]),
            ("Slice", ["heard", "from", "to", "time"], ["cache_after"]),
        ],
        {"x": [1, 2, 4], "cache": [1, 2, 2]}, {"y": [1, 3, 4], "cache_after": [1, 2, 2]},
        [numpy_helper.from_array(taps, "taps"), *ends], {"Concat": {"axis": 2}},
    )  # fmt: skip


def gru(steps: int) -> bytes:
    """A GRU of four units with seeded weights over x, float32[steps, 1, 3], from the state h, float32[1, 1, 4]."""
    rng = np.random.default_rng(0)
    shapes = {"w": (1, 12, 3), "r": (1, 12, 4), "b": (1, 24)}
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    return onnx_model(
        [("GRU", ["x", "w", "r", "b", "", "h"], ["y", "h_after"])],
        {"x": [steps, 1, 3], "h": [1, 1, 4]}, {"y": [steps, 1, 1, 4], "h_after": [1, 1, 4]},
        weights, {"GRU": {"hidden_size": 4}},
    )  # fmt: skip


def outside() -> onnx.TensorProto:
    """A weight that lies in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "4")):
        weight.external_data.add(key=key, value=value)
    return weight


def bright() -> bytes:
    """As `quadrant`, in float and ONNX: scores = softmax(8 * pixels)."""
    gain = numpy_helper.from_array(np.float32(8.0), "gain")
    return onnx_model(
        [("Flatten", ["pixels"], ["flat"]), ("Mul", ["flat", "gain"], ["logits"]), ("Softmax", ["logits"], ["scores"])],
        {"pixels": [1, 1, 2, 2]}, {"scores": [1, 4]}, [gain],
    )  # fmt: skip


def share() -> bytes:
    """Which pixel of a 2x2 picture is bright: scores = pixels / sum(pixels), NaN for a black picture."""
    return onnx_model(
        [("Flatten", ["pixels"], ["flat"]), ("ReduceSum", ["flat"], ["light"]), ("Div", ["flat", "light"], ["scores"])],
        {"pixels": [1, 1, 2, 2]}, {"scores": [1, 4]},
    )  # fmt: skip


def open_cache() -> bytes:
    """For a step x of any rows and length: cache = past and x behind it; once = 100 x; y = the sum of the cache over
    time + the sum of kept over time. float32[rows, time, 2], y float32[rows, 2]."""
    return onnx_model(
        [
            ("Concat", ["past", "x"], ["cache"]),
            ("Mul", ["x", "hundred"], ["once"]),
            ("ReduceSum", ["cache", "time"], ["seen"]),
            ("ReduceSum", ["kept", "time"], ["told"]),
            ("Add", ["seen", "told"], ["y"]),
        ],
        {"x": ["rows", "steps", 2], "past": ["rows", "before", 2], "kept": ["rows", "first", 2]},
        {"y": ["rows", 2], "cache": ["rows", "after", 2], "once": ["rows", "steps", 2]},
        [
            numpy_helper.from_array(np.array(100, np.float32), "hundred"),
            numpy_helper.from_array(np.array([1], np.int64), "time"),
        ],
        {"Concat": {"axis": 1}, "ReduceSum": {"keepdims": 0}},
    )


ASSETS: dict[str, Callable[[], bytes]] = {
    "add.tflite": add,
    "add_numbers.tflite": lambda: add(shape=()),
    "add_nothing.tflite": lambda: add(shape=(0, 2)),
    "total.tflite": total,
    "total_rows.tflite": lambda: total(3),
    "lengths.tflite": lengths,
    "remembered.tflite": remembered,
    "two_adds.tflite": two_adds,
    "too_new.tflite": lambda: add(version=99),
    "custom.tflite": lambda: custom("Unheard"),
    "edgetpu.tflite": lambda: custom("edgetpu-custom-op"),
    "where.tflite": where,
    "quadrant.tflite": quadrant,
    "loud.tflite": loud,
    "add.onnx": lambda: onnx_model([("Add", ["x", "x"], ["y"])], {"x": [1]}, {"y": [1]}),
    "add_numbers.onnx": lambda: onnx_model([("Add", ["x", "x"], ["y"])], {"x": []}, {"y": []}),
    "add_nothing.onnx": lambda: onnx_model([("Add", ["x", "x"], ["y"])], {"x": [0, 2]}, {"y": [0, 2]}),
    "total.onnx": lambda: onnx_model(
        [("Add", ["x", "before"], ["total"])], {"x": [1, 2], "before": [1, 2]}, {"total": [1, 2]}
    ),
    "bright.onnx": bright,
    "share.onnx": share,
    "causal.onnx": causal,
    "gru_step.onnx": lambda: gru(1),
    "gru_whole.onnx": lambda: gru(20),
    "open_batch.onnx": lambda: onnx_model([("Abs", ["x"], ["y"])], {"x": ["N", 2]}, {"y": ["N", 2]}),
    "open_length.onnx": lambda: onnx_model([("Abs", ["x"], ["y"])], {"x": [1, "L"]}, {"y": [1, "L"]}),
    "open_cache.onnx": open_cache,
    "too_new.onnx": lambda: onnx_model([("Abs", ["x"], ["y"])], {"x": [1]}, {"y": [1]}, opset=99),
    "outside.onnx": lambda: onnx_model([("Add", ["x", "w"], ["y"])], {"x": [1]}, {"y": [1]}, [outside()]),
}
"""File -> what makes it."""


def main() -> None:
    """Writes every asset."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, make in ASSETS.items():
        (folder / name).write_bytes(make())


if __name__ == "__main__":
    main()
