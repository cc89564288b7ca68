"""Whether the open first dimension of an input is time, and so no batch that could be taken as 1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import onnx
import onnx.shape_inference
import onnx_ir as ir

MARK = 7919
"""A size that no network has: a prime, so that reshapes show it as a factor."""
MOST_CONSTANT = 4096
"""Elements of a constant whose values shapes may be computed from; of larger ones the shape is enough."""
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
WINDOWS = frozenset({
    "AveragePool", "Conv", "ConvInteger", "ConvTranspose", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool",
    "QLinearConv",
})  # fmt: skip
"""Operators that join what is beside each other along every axis but the first two."""
FORWARDS = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that a number passes through on its way from a shape."""
WORDS = frozenset({
    "t", "time", "times", "timestep", "timesteps", "step", "steps", "seq", "seqs", "seqlen", "sequence", "length",
    "len", "frame", "frames", "nframes", "token", "tokens", "ntokens",
})  # fmt: skip
"""What a dimension of time is called."""
MADE_UP = re.compile(r".*_(dynamic_axes|dim)_\d+")
"""Names that exporters make of an input's name and a number."""
BATCH = frozenset({"n", "b", "bs", "batch", "batches", "batchsize"})
"""What one of samples is called."""


def named_time(symbol: str | None) -> bool:
    """Whether a dimension's name says that it is time: "T", "seq_len", "numFrames"."""
    if symbol is None or MADE_UP.fullmatch(symbol):
        return False
    words = _words(symbol)
    return bool(words & WORDS) and not words & (BATCH - {"n"})


def _words(symbol: str | None) -> set[str]:
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", symbol or "")
    return {each.lower() for each in re.split(r"[^A-Za-z]+", parts) if each}


def feeds_time(model: ir.Model, inputs: Sequence[str], symbol: str | None = None) -> str:
    """What an open first dimension feeds that runs along it, such as "the first axis of LSTM 'encoder'".

    The dimension gets a size that nothing else has, and onnx's inference shows where it comes again.

    Args:
        inputs: by name, those whose first dimension it is.
        symbol: its name in the model.

    Returns:
        For a message; "" where nothing runs along it, as far as shapes can be inferred.
    """
    if not any(_looks_along(node) for node in _all_nodes(model.graph)):
        return ""
    marked = _marked(model, inputs)
    if marked is None:
        return ""
    batch = bool(_words(symbol) & BATCH)
    found = (_reader(node, batch=batch) for node in _all_nodes(marked.graph))
    return next((each for each in found if each), "")


def _all_nodes(graph: ir.Graph) -> Iterable[ir.Node]:
    return graph.all_nodes()


def _looks_along(node: ir.Node) -> bool:
    return node.op_type in RECURRENT | WINDOWS | {"Scan", "Loop", "MatMul", "Einsum"}


def _marked(model: ir.Model, inputs: Sequence[str]) -> ir.Model | None:
    """A copy with all shapes that follow from the mark; None where onnx infers none."""
    copy = model.clone()
    graph = copy.graph
    for node in graph.all_nodes():
        for value in node.outputs:
            value.shape = None
    for value in list(graph.initializers.values()):  # not copied: only the shape is looked at
        if value.const_value is not None and value.const_value.size > MOST_CONSTANT:
            value.shape, value.dtype = ir.Shape(value.const_value.shape.numpy()), value.const_value.dtype
            value.const_value = None
            graph.initializers.pop(str(value.name))
            if value not in graph.inputs:
                graph.inputs.append(value)
    for value in graph.inputs:
        if value.name in inputs and value.shape is not None:
            value.shape = ir.Shape([MARK, *list(value.shape)[1:]])
    try:
        proto = onnx.shape_inference.infer_shapes(ir.to_proto(copy), data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError):
        return None
    found: ir.Model = ir.from_proto(proto)
    return found


def _sizes(value: ir.Value | None) -> tuple[int, ...]:
    """Those that are known; 0 for the others."""
    shape = None if value is None else value.shape
    return tuple(size if isinstance(size, int) else 0 for size in shape) if shape is not None else ()


def _is_mark(size: int) -> bool:
    return size > 0 and size % MARK == 0


def _reader(node: ir.Node, *, batch: bool) -> str:
    """What of a node runs along the mark; "" where nothing does."""
    what = f"{node.op_type} {node.name or (node.outputs[0].name if node.outputs else '')!r}"
    data = _sizes(node.inputs[0] if node.inputs else None)
    if node.op_type in RECURRENT:
        axis = 1 if node.attributes.get_int("layout", 0) == 1 else 0
        if len(data) == 3 and _is_mark(data[axis]):
            return f"the {('first', 'second')[axis]} axis of {what}"
    if node.op_type in WINDOWS and any(map(_is_mark, data[2:])):
        return f"an axis that {what} moves along"
    if node.op_type == "Scan" and any(map(_is_mark, _scanned(node))):
        return f"the axis that {what} runs along"
    if node.op_type == "Loop" and _is_mark(_rounds(node)):
        return f"the number of rounds of {what}"
    if node.op_type in ("MatMul", "Einsum") and not batch:
        made = sum(map(_is_mark, _sizes(node.outputs[0])))
        if made > 1:
            return f"both sides of {what}"
    return ""


def _scanned(node: ir.Node) -> list[int]:
    """Sizes along the axes that a Scan runs along."""
    count = node.attributes.get_int("num_scan_inputs", 0)
    read = node.inputs[len(node.inputs) - count :] if count else ()
    axes = node.attributes.get_ints("scan_input_axes", ()) or (0,) * count
    shapes = [_sizes(value) for value in read]
    return [
        shape[axis] for shape, axis in zip(shapes, axes, strict=False) if -len(shape) <= axis < len(shape)
    ]


def _rounds(node: ir.Node) -> int:
    """How often a Loop turns, where that is a size of a tensor; 0 where it is something else."""
    value, index = node.inputs[0], 0
    while value is not None and (maker := value.producer()) is not None:
        if maker.op_type == "Shape":
            sizes = _sizes(maker.inputs[0])
            return sizes[index] if -len(sizes) <= index < len(sizes) else 0
        if maker.op_type == "Size":
            return max(_sizes(maker.inputs[0]), default=0)
        if maker.op_type == "Gather":
            index = _number(maker.inputs[1])
        elif maker.op_type not in FORWARDS:
            return 0
        value = maker.inputs[0]
    return 0


def _number(value: ir.Value | None) -> int:
    known = None if value is None else ir.convenience.get_const_tensor(value)
    return int(known.numpy().reshape(-1)[0]) if known is not None and known.size == 1 else 0
