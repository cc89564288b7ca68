"""Wrong graphs in sound files: what is written can be read, and does not hold together.

`wrong_onnx` and `wrong_tflite` change one to three things of a graph that exporters, converters and editors get wrong:
names, shapes, types, attributes, constants, the order of nodes. The same random numbers give the same file.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

WHOLE = (0, 1, -1, 2, -2, 3, 7, -7, 1000, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
REAL = (0.0, -0.0, 1e-45, -1.0, 1e38, float("inf"), float("-inf"), float("nan"))
SIZES = (0, 1, 2, 3, 5, 64, 1000, -1, -5, 2**31 - 1)


def wrong_onnx(sound: bytes, rng: random.Random) -> bytes:
    """A changed .onnx file."""
    import onnx

    model = onnx.load_from_string(sound)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(ONNX_CHANGES)(model, rng)
    return bytes(model.SerializeToString())


def _node(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.graph.node)


def _names(model: Any) -> list[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output]
    return [*made, *(each.name for each in (*graph.input, *graph.initializer)), "", "nobody"]


def _another_operand(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(_names(model))


def _operand_more_or_less(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    if node.input and rng.random() < 0.6:
        del node.input[-1]
    else:
        node.input.append(rng.choice(_names(model)))


def _result_more_or_less(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    if rng.random() < 0.4:
        del node.output[-1:]
    else:
        node.output.append(rng.choice(["new", *_names(model)]))


def _another_operator(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    node.op_type = rng.choice([each.op_type for each in model.graph.node] + list(OPERATORS))


def _without_node(model: Any, rng: random.Random) -> None:
    del model.graph.node[rng.randrange(len(model.graph.node))]
    if not model.graph.node:
        model.graph.node.add(op_type="Relu", input=["nobody"], output=["alone"])


def _other_order(model: Any, rng: random.Random) -> None:
    nodes = list(model.graph.node)
    rng.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _twice(model: Any, rng: random.Random) -> None:
    model.graph.node.append(_node(model, rng))


def _attribute(model: Any, rng: random.Random) -> None:
    """Another value, another kind, or none."""
    given = [each for node in model.graph.node for each in node.attribute]
    if not given:
        return
    each = rng.choice(given)
    draw = rng.random()
    if draw < 0.2:
        each.type = rng.randrange(12)
    elif draw < 0.3:
        each.name = rng.choice(("axis", "perm", "shape", "to", "value", "pads"))
    elif each.ints:
        if rng.random() < 0.5:
            each.ints[rng.randrange(len(each.ints))] = rng.choice(WHOLE)
        elif rng.random() < 0.5:
            each.ints.append(rng.choice(WHOLE))
        else:
            del each.ints[-1]
    elif each.HasField("i"):
        each.i = rng.choice(WHOLE)
    elif each.HasField("f"):
        each.f = rng.choice(REAL)
    elif each.HasField("s"):
        each.s = rng.choice((b"", b"NOTSET", b"\xff\xfe", b"x" * 1000, b"reverse", b"linear"))


def _without_attribute(model: Any, rng: random.Random) -> None:
    node = _node(model, rng)
    if node.attribute:
        del node.attribute[rng.randrange(len(node.attribute))]


def _constant(model: Any, rng: random.Random) -> None:
    """A constant whose shape, type or bytes are other ones."""
    if not model.graph.initializer:
        return
    each = rng.choice(model.graph.initializer)
    draw = rng.random()
    if draw < 0.25:
        each.data_type = rng.randrange(24)
    elif draw < 0.5 and each.dims:
        each.dims[rng.randrange(len(each.dims))] = rng.choice(WHOLE)
    elif draw < 0.6:
        each.dims.append(rng.choice((1, 2, 0)))
    elif draw < 0.7:
        del each.dims[-1:]
    elif draw < 0.8:
        each.raw_data = each.raw_data[: rng.randrange(len(each.raw_data) + 1)]
    elif draw < 0.9:
        each.raw_data = rng.choice((b"\xff", b"\0", b"\x7f")) * len(each.raw_data)
    else:
        each.name = rng.choice(_names(model))


def _outside(model: Any, rng: random.Random) -> None:
    """A constant in a file that is not there, or is none of ours."""
    if not model.graph.initializer:
        return
    each = rng.choice(model.graph.initializer)
    each.ClearField("raw_data")
    each.data_location = 1
    where = rng.choice(("weights.bin", "/etc/passwd", "../../x", "", "/dev/zero", "."))
    each.external_data.add(key="location", value=where)
    if rng.random() < 0.5:
        each.external_data.add(key="offset", value=rng.choice(("0", "-1", "9" * 30, "x")))


def _port(model: Any, rng: random.Random) -> None:
    """An input or output of another name, shape or type."""
    ports = [*model.graph.input, *model.graph.output]
    if not ports:
        return
    each = rng.choice(ports)
    tensor = each.type.tensor_type
    draw = rng.random()
    if draw < 0.2:
        each.name = rng.choice(_names(model))
    elif draw < 0.4:
        tensor.elem_type = rng.randrange(24)
    elif draw < 0.7 and tensor.shape.dim:
        rng.choice(tensor.shape.dim).dim_value = rng.choice(SIZES)
    elif draw < 0.75 and tensor.shape.dim:
        rng.choice(tensor.shape.dim).dim_param = rng.choice(("n", "", "\x1b[31m"))
    elif draw < 0.85:
        tensor.shape.dim.add(dim_value=rng.choice(SIZES))
    elif draw < 0.95:
        del tensor.shape.dim[-1:]
    else:
        each.ClearField("type")


def _ports(model: Any, rng: random.Random) -> None:
    """One more, one less, or one twice."""
    ports = rng.choice((model.graph.input, model.graph.output))
    draw = rng.random()
    if draw < 0.4:
        del ports[-1:]
    elif draw < 0.7 and ports:
        ports.add().CopyFrom(ports[0])
    else:
        ports.add(name=rng.choice(_names(model)))


def _versions(model: Any, rng: random.Random) -> None:
    draw = rng.random()
    if draw < 0.5 and model.opset_import:
        model.opset_import[0].version = rng.choice((0, 1, 5, 7, 8, 12, 13, 22, 25, 99, -1, 2**40))
    elif draw < 0.6:
        del model.opset_import[:]
    elif draw < 0.8:
        model.opset_import.add(domain=rng.choice(("", "ai.onnx.ml", "com.microsoft", "x")), version=1)
    else:
        model.ir_version = rng.choice((0, 1, 2, 3, 4, 99, 2**40))


def _domain(model: Any, rng: random.Random) -> None:
    _node(model, rng).domain = rng.choice(("ai.onnx", "ai.onnx.ml", "com.microsoft", "x", "\x1b[31m"))


def _nested(model: Any, rng: random.Random) -> None:
    """A graph in the place of a node: the whole, an empty one, or one that reads itself."""
    import onnx
    from onnx import helper

    inner = onnx.GraphProto()
    if rng.random() < 0.6:
        inner.CopyFrom(model.graph)
    node = _node(model, rng)
    node.op_type = rng.choice(("If", "Loop", "Scan"))
    for name in {"If": ("then_branch", "else_branch")}.get(node.op_type, ("body",)):
        node.attribute.append(helper.make_attribute(name, inner))


def _function(model: Any, rng: random.Random) -> None:
    """A function of the model's own, which may call itself."""
    from onnx import helper

    node = _node(model, rng)
    within = helper.make_node(rng.choice((node.op_type, "own")), ["a"], ["b"], domain=rng.choice(("", "own")))
    model.functions.append(helper.make_function(
        "own", "own", ["a"], ["b"], [within], rng.choice(([], [helper.make_opsetid("", 17)]))
    ))  # fmt: skip
    node.domain, node.op_type = "own", "own"


OPERATORS = (
    "Reshape", "Resize", "Gather", "Slice", "Pad", "Conv", "ConvTranspose", "MatMul", "Gemm", "Concat", "Split",
    "LSTM", "GRU", "Softmax", "TopK", "NonZero", "Expand", "Tile", "Where", "Cast", "Range", "ReduceSum", "Einsum",
    "QuantizeLinear", "DequantizeLinear", "GridSample", "ScatterND", "CumSum", "OneHot", "MaxPool", "AveragePool",
    "BatchNormalization", "Transpose", "Squeeze", "Unsqueeze", "Shape", "ConstantOfShape", "Constant", "Identity",
    "SequenceAt", "Clip", "Pow", "Mod", "Nothing",
)  # fmt: skip
ONNX_CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    _another_operand, _operand_more_or_less, _result_more_or_less, _another_operator, _without_node, _other_order,
    _twice, _attribute, _attribute, _attribute, _without_attribute, _constant, _constant, _outside, _port, _port,
    _ports, _versions, _domain, _nested, _function,
)  # fmt: skip


def wrong_tflite(sound: bytes, rng: random.Random) -> bytes:
    """A changed .tflite file; what follows its FlatBuffer is lost."""
    import flatbuffers

    from edgemm.converters.tflite.schema import schema

    model = schema().ModelT.InitFromPackedBuf(sound, 0)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(TFLITE_CHANGES)(model, rng)
    builder = flatbuffers.Builder(len(sound))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _of(numbers: Any) -> list[int]:
    return [] if numbers is None else [int(each) for each in numbers]


def _operator(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.subgraphs[0].operators)


def _number(model: Any, rng: random.Random) -> int:
    """Of a tensor, or of none."""
    count = len(model.subgraphs[0].tensors)
    return rng.choice((rng.randrange(count), rng.randrange(count), -1, count, -7, 2**31 - 1))


def _wired(model: Any, rng: random.Random) -> None:
    operator = _operator(model, rng)
    end = rng.choice(("inputs", "inputs", "outputs"))
    numbers, draw = _of(getattr(operator, end)), rng.random()
    if draw < 0.6 and numbers:
        numbers[rng.randrange(len(numbers))] = _number(model, rng)
    elif draw < 0.8:
        numbers = numbers[:-1]
    else:
        numbers.append(_number(model, rng))
    setattr(operator, end, numbers)


def _ends(model: Any, rng: random.Random) -> None:
    graph = model.subgraphs[0]
    end = rng.choice(("inputs", "outputs"))
    numbers = _of(getattr(graph, end))
    draw = rng.random()
    if draw < 0.4 and numbers:
        numbers[rng.randrange(len(numbers))] = _number(model, rng)
    elif draw < 0.7:
        numbers = numbers[:-1]
    else:
        numbers.append(_number(model, rng))
    setattr(graph, end, numbers)


def _code(model: Any, rng: random.Random) -> None:
    code = rng.choice(model.operatorCodes)
    code.builtinCode = rng.choice((rng.randrange(210), rng.randrange(210), 127, 5000, -1))
    code.deprecatedBuiltinCode = max(-128, min(127, code.builtinCode))
    if rng.random() < 0.3:
        code.customCode = rng.choice((None, b"", b"Own", b"\xff\xfe"))


def _which_code(model: Any, rng: random.Random) -> None:
    count = len(model.operatorCodes)
    _operator(model, rng).opcodeIndex = rng.choice((rng.randrange(count), rng.randrange(count), count, 2**31))


def _option(model: Any, rng: random.Random) -> None:
    """A field of an operator's table, or no table."""
    operator = _operator(model, rng)
    options = operator.builtinOptions
    fields = [] if options is None else [name for name in vars(options) if not name.startswith("_")]
    if not fields or rng.random() < 0.15:
        operator.builtinOptions, operator.builtinOptionsType = None, 0
        return
    name = rng.choice(fields)
    before = getattr(options, name)
    if isinstance(before, bool):
        setattr(options, name, not before)
    elif isinstance(before, float):
        setattr(options, name, rng.choice(REAL))
    elif isinstance(before, int):
        setattr(options, name, rng.choice((0, 1, 2, 3, 7, 100)))


def _shape(model: Any, rng: random.Random) -> None:
    tensor = rng.choice(model.subgraphs[0].tensors)
    sizes, draw = _of(tensor.shape), rng.random()
    if draw < 0.6 and sizes:
        sizes[rng.randrange(len(sizes))] = rng.choice(SIZES)
    elif draw < 0.8:
        sizes = sizes[:-1]
    else:
        sizes.append(rng.choice(SIZES))
    tensor.shape = sizes
    if rng.random() < 0.2:
        tensor.shapeSignature = [rng.choice((-1, 0, 4)) for _ in range(rng.randrange(6))]


def _type(model: Any, rng: random.Random) -> None:
    rng.choice(model.subgraphs[0].tensors).type = rng.randrange(20)


def _name(model: Any, rng: random.Random) -> None:
    tensors = model.subgraphs[0].tensors
    rng.choice(tensors).name = rng.choice(
        (None, b"", b"\xff\xfe", rng.choice(tensors).name, b"a:0", b"\x1b[31m")
    )


def _buffer(model: Any, rng: random.Random) -> None:
    draw = rng.random()
    if draw < 0.4:
        count = len(model.buffers)
        rng.choice(model.subgraphs[0].tensors).buffer = rng.choice((0, rng.randrange(count), count, 2**31))
        return
    each = rng.choice(model.buffers)
    content = bytes(_of(each.data))
    each.data = list(
        rng.choice((content[: len(content) // 2], content + b"\0\0", b"\xff" * len(content), b""))
    )


def _grid(model: Any, rng: random.Random) -> None:
    tensor = rng.choice(model.subgraphs[0].tensors)
    from edgemm.converters.tflite.schema import schema

    grid = tensor.quantization = tensor.quantization or schema().QuantizationParametersT()
    draw = rng.random()
    if draw < 0.4:
        grid.scale = [rng.choice((*REAL, 0.1, 0.5))] * rng.choice((0, 1, 1, 2, 3))
    elif draw < 0.8:
        grid.zeroPoint = [rng.choice((0, 1, -128, 127, 300, 2**40, -(2**63)))] * rng.choice((0, 1, 1, 2, 3))
    else:
        grid.quantizedDimension = rng.choice((0, 1, 3, 7, -1, 2**31 - 1))


def _less(model: Any, rng: random.Random) -> None:
    graph = model.subgraphs[0]
    if len(graph.operators) > 1:
        del graph.operators[rng.randrange(len(graph.operators))]


def _moved(model: Any, rng: random.Random) -> None:
    rng.shuffle(model.subgraphs[0].operators)


def _graphs(model: Any, rng: random.Random) -> None:
    model.subgraphs = rng.choice(([], [*model.subgraphs, *model.subgraphs]))
    if not model.subgraphs:
        from edgemm.converters.tflite.schema import schema

        model.subgraphs = [schema().SubGraphT()]
        model.subgraphs[0].tensors, model.subgraphs[0].operators = (
            [schema().TensorT()],
            [schema().OperatorT()],
        )


TFLITE_CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    _wired, _wired, _ends, _code, _which_code, _option, _option, _shape, _shape, _type, _name, _buffer, _grid, _grid,
    _less, _moved, _graphs,
)  # fmt: skip
