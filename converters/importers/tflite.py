"""A float .tflite file as a source, and its int8 form by ai-edge-quantizer.

That library calibrates with a moving average unless told otherwise, which clips ranges; here every range is the true
smallest and largest value.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import enum, schema
from edgemm.converters.written import Port, Written
from edgemm.dependency import import_error
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.runtime_noise import without_noise
from edgemm.tensors import TensorSpec

SIGNATURE = "serving_default"
Sample = Mapping[str, npt.NDArray[Any]]


def read_tflite(payload: bytes, name: str) -> bytes:
    """The float model with a signature, and with half-precision constants made float32.

    Raises:
        UnsupportedOperator: it is quantized already, has several subgraphs, or open sizes.
    """
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    if len(model.subgraphs) != 1:
        raise UnsupportedOperator(
            f"{name}: has {len(model.subgraphs)} subgraphs; one is quantized. Convert from ONNX or torch instead"
        )
    graph = model.subgraphs[0]
    integer = {enum("TensorType", kind) for kind in ("INT8", "UINT8", "INT16")}
    for tensor in graph.tensors:
        scale = tensor.quantization.scale if tensor.quantization is not None else None
        if tensor.type in integer and scale is not None and len(scale):
            raise UnsupportedOperator(
                f"{name}: tensor {_text(tensor.name)!r} is quantized already. Give the float .tflite"
            )
    for index in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[index]
        open_sizes = tensor.shapeSignature is not None and min(tensor.shapeSignature, default=1) < 0
        if open_sizes and index in graph.inputs:
            raise UnsupportedOperator(
                f"{name}: input {_text(tensor.name)!r} has open sizes. Export it with fixed ones"
            )
    for code in model.operatorCodes:
        code.builtinCode = max(
            code.builtinCode, code.deprecatedBuiltinCode
        )  # old writers filled in one alone
    _widen_constants(model, graph)
    _drop_unused(model, graph)
    if not model.signatureDefs:
        model.signatureDefs = [_signature(graph)]
    return pack_model(model)


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _widen_constants(model: Any, graph: Any) -> None:
    """DEQUANTIZE of a half-precision constant becomes the float32 constant."""
    dequantize, half = enum("BuiltinOperator", "DEQUANTIZE"), enum("TensorType", "FLOAT16")
    kept = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        source = graph.tensors[operator.inputs[0]] if len(operator.inputs) else None
        data = None if source is None else model.buffers[source.buffer].data
        if code.builtinCode != dequantize or data is None or source is None:
            kept.append(operator)
            continue
        if source.type != half:
            kept.append(operator)
            continue
        wide = np.asarray(data, np.uint8).view(np.float16).astype(np.float32)
        buffer = schema().BufferT()
        buffer.data = wide.view(np.uint8)
        model.buffers.append(buffer)
        graph.tensors[operator.outputs[0]].buffer = len(model.buffers) - 1
    graph.operators = kept


def _drop_unused(model: Any, graph: Any) -> None:
    """Tensors that nothing reads or writes any more, and the buffers behind them."""
    lists = [graph.inputs, graph.outputs]
    lists += [each for operator in graph.operators for each in (operator.inputs, operator.outputs)]
    used = sorted({int(index) for each in lists for index in each if index >= 0})
    moved = {old: new for new, old in enumerate(used)} | {-1: -1}

    def renumbered(indexes: Any) -> Any:
        return np.array([moved[int(index)] for index in indexes], np.int32)

    graph.tensors = [graph.tensors[index] for index in used]
    graph.inputs, graph.outputs = renumbered(graph.inputs), renumbered(graph.outputs)
    for operator in graph.operators:
        operator.inputs, operator.outputs = renumbered(operator.inputs), renumbered(operator.outputs)
    for signature in model.signatureDefs or []:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = moved[int(entry.tensorIndex)]
    kept = {0, *(tensor.buffer for tensor in graph.tensors), *(each.buffer for each in model.metadata or [])}
    for index, buffer in enumerate(model.buffers):
        if index not in kept:
            buffer.data = None


def _signature(graph: Any) -> Any:
    made = schema().SignatureDefT()
    made.signatureKey, made.subgraphIndex = SIGNATURE, 0
    for what in ("inputs", "outputs"):
        entries = []
        for index in getattr(graph, what):
            entry = schema().TensorMapT()
            entry.name, entry.tensorIndex = _text(graph.tensors[index].name), int(index)
            entries.append(entry)
        setattr(made, what, entries)
    return made


def described(payload: bytes, names: tuple[Sequence[str], Sequence[str]] | None = None) -> Written:
    """The file with its ports, by the names of the source's own.

    Args:
        names: of inputs and outputs in the source, where the file's tensors have others.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        with without_noise():
            interpreter = Interpreter(model_content=payload, num_threads=1)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ConversionError(f"LiteRT cannot run the model: {str(error).splitlines()[0]}") from error
    ports = []
    for index, entries in enumerate((interpreter.get_input_details(), interpreter.get_output_details())):
        given = [entry["name"] for entry in entries] if names is None else names[index]
        ports.append(tuple(Port(name, _spec(entry)) for name, entry in zip(given, entries, strict=True)))
    return Written("tflite", payload, ports[0], ports[1])


def _spec(entry: Mapping[str, Any]) -> TensorSpec:
    scale, zero_point = entry["quantization"]
    shape = tuple(int(size) for size in entry["shape"])
    return TensorSpec(entry["name"], shape, np.dtype(entry["dtype"]).name, float(scale), int(zero_point))


def quantize_tflite(
    payload: bytes, scheme: Literal["static", "dynamic"], samples: Sequence[Sample], source: Written
) -> bytes:
    """int8 weights, and with "static" int8 activations on the true ranges of the samples.

    Args:
        payload: as `read_tflite` gives it.
        samples: input name -> array; "dynamic" needs none.

    Raises:
        MissingDependency: ai-edge-quantizer is not installed.
        ConversionError: it cannot quantize the model.
    """
    try:
        from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
        from ai_edge_quantizer.utils import qsv_utils
    except Exception as error:  # an import runs other people's code
        feature = "ai-edge-quantizer, which quantizes .tflite files,"
        raise import_error(error, "ai_edge_quantizer", feature, "tflite-source") from error
    chosen = recipe.static_wi8_ai8() if scheme == "static" else recipe.dynamic_wi8_afp32()
    names = [
        _text(each.name) for each in schema().ModelT.InitFromPackedBuf(payload, 0).signatureDefs[0].inputs
    ]
    with _quiet(), without_noise():
        try:
            worker = quantizer.Quantizer(payload, chosen)
            ranges = None
            if scheme == "static":
                manager = recipe_manager.RecipeManager()
                manager.load_quantization_recipe(chosen)
                watcher = calibrator.Calibrator(
                    payload, num_threads=1, qsv_update_func=qsv_utils.min_max_update
                )
                data = [
                    {name: sample[port.name] for name, port in zip(names, source.inputs, strict=True)}
                    for sample in samples
                ]
                key = _text(schema().ModelT.InitFromPackedBuf(payload, 0).signatureDefs[0].signatureKey)
                watcher.calibrate({key: data}, manager)
                ranges = watcher.get_model_qsvs()
            done = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
        except (RuntimeError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConversionError(
                f"ai-edge-quantizer cannot quantize the model: {reason}. Convert from ONNX or torch instead"
            ) from error
    found = bytes(done.quantized_model or b"")
    if not _has_integers(found):
        raise ConversionError(
            "ai-edge-quantizer left every weight in float: it knows none of the operators. Convert from ONNX or torch "
            "instead"
        )
    return found


def _has_integers(payload: bytes) -> bool:
    if not payload:
        return False
    tensors = schema().ModelT.InitFromPackedBuf(payload, 0).subgraphs[0].tensors
    return any(tensor.type == enum("TensorType", "INT8") for tensor in tensors)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Its loggers write only errors; its progress bars and the interpreter's warnings are hidden."""
    loggers = [logging.getLogger(name) for name in ("absl", "root")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
