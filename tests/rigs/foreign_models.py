"""Small model files as other projects write them: with their metadata, and tensors that need not compute anything."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgemm.artifact import Artifact, read_artifact
from edgemm.card.fit import fit_card
from edgemm.card.tasks import find_task
from edgemm.foreign import ForeignCard
from edgemm.foreign.onnx_file import read_onnx
from edgemm.foreign.tflite_file import read_tflite
from edgemm.tensors import TensorSpec

METADATA = Path(__file__).parents[1] / "foreign" / "metadata"
"""Written by MediaPipe's own schema: foreign/write_reference.py."""
POSTPROCESS = "TFLite_Detection_PostProcess"
_TYPES = {"float32": 0, "uint8": 3, "int64": 4, "int8": 9}
_BUILTIN = {"SOFTMAX": 25, "LOGISTIC": 14, "RESHAPE": 22, "LOG_SOFTMAX": 50, "ARG_MAX": 56, "CONV_2D": 3}
Operator = tuple[str, Sequence[int], Sequence[int]]
"""Name, and the tensors that it reads and makes; tensors are numbered inputs first."""


def metadata(name: str) -> bytes:
    """One of the committed metadata buffers."""
    return (METADATA / f"{name}.bin").read_bytes()


def tflite(
    path: Path,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    said: bytes = b"",
    files: Mapping[str, str | bytes] | None = None,
    operators: Sequence[Operator] = (),
    options: bytes = b"",
) -> Artifact:
    """A .tflite with these tensors; `said` is its TFLITE_METADATA, `files` the archive behind it."""
    schema: Any = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers: Any = pytest.importorskip("flatbuffers")
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT(), schema.BufferT()]
    graph.tensors = [_tensor(schema, spec) for spec in (*inputs, *outputs)]
    graph.inputs = list(range(len(inputs)))
    graph.outputs = list(range(len(inputs), len(graph.tensors)))
    model.operatorCodes, graph.operators = [], []
    for name, reads, makes in operators:
        _operator(schema, model, graph, name, reads, makes, options)
    if said:
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", 1
        model.buffers[1].data, model.metadata = list(said), [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    if files:
        with zipfile.ZipFile(path, "a") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    return read_artifact(path)


def _tensor(schema: Any, spec: TensorSpec) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = spec.name, list(spec.shape), _TYPES[spec.dtype]
    if spec.quantized:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [spec.scale], [spec.zero_point]
    return tensor


def _operator(
    schema: Any, model: Any, graph: Any, name: str, reads: Sequence[int], makes: Sequence[int], options: bytes
) -> None:
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    builtin = _BUILTIN.get(name, 32)
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    if builtin == 32:
        code.customCode, operator.customOptions = name, list(options)
    operator.opcodeIndex = len(model.operatorCodes)
    operator.inputs, operator.outputs = list(reads), list(makes)
    model.operatorCodes.append(code)
    graph.operators.append(operator)


def onnx(
    path: Path,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    properties: Mapping[str, Any],
    *,
    operators: Sequence[str] = ("Conv",),
    constants: Sequence[str] = (),
) -> Artifact:
    """An .onnx with these tensors and metadata_props, each value as `str` writes it.

    Each output is made by `operators`, one behind the other; `constants` are inputs that the file gives values for.
    """
    pytest.importorskip("onnx")
    library, helper = importlib.import_module("onnx"), importlib.import_module("onnx.helper")
    types = {"float32": 1, "uint8": 2, "int64": 7, "float16": 10}
    ends = [
        [
            helper.make_tensor_value_info(
                spec.name, types[spec.dtype], [None if size < 0 else size for size in spec.shape]
            )
            for spec in specs
        ]
        for specs in (inputs, outputs)
    ]
    nodes = []
    for spec in outputs:
        names = [inputs[0].name, *(f"{spec.name}-{at}" for at in range(1, len(operators))), spec.name]
        nodes += [helper.make_node(each, [names[at]], [names[at + 1]]) for at, each in enumerate(operators)]
    weights = [helper.make_tensor(name, 1, [1], [0.0]) for name in constants]
    ends[0] += [helper.make_tensor_value_info(name, 1, [1]) for name in constants]
    model = helper.make_model(helper.make_graph(nodes, "graph", *ends, weights), ir_version=8)
    for key, value in properties.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(value)
    library.save(model, path)
    return read_artifact(path)


def image(shape: tuple[int, ...] = (1, 32, 48, 3), dtype: str = "float32", **grid: Any) -> TensorSpec:
    """An input of pictures."""
    return TensorSpec("image", shape, dtype, **grid)


def real(name: str, *shape: int) -> TensorSpec:
    """A float tensor."""
    return TensorSpec(name, shape, "float32")


def check_recipe(task: str, section: Mapping[str, Any]) -> Any:
    """The section as the task's own recipe, its bounds and rules checked; None where this version lacks that task."""
    try:
        module = importlib.import_module(f"edgemm.tasks.{task}.recipe")
    except ModuleNotFoundError:
        return None
    kind = next(each for name, each in vars(module).items() if name.lower() == f"{task}recipe")
    recipe = kind(**{key: tuple(item) if isinstance(item, list) else item for key, item in section.items()})
    recipe.check()
    for key, (low, high) in kind.BOUNDS.items():
        found = getattr(recipe, key)
        assert all(low <= each <= high for each in (found if isinstance(found, tuple) else (found,))), key
    return recipe


def check_opens(found: ForeignCard, artifact: Artifact) -> None:
    """That the task takes the card with the outputs of the file, where this version has that task."""
    task = find_task(found.card.task)
    assert task is not None
    assert found.card.task in ("tensors", found.content["task"])
    outside = read_tflite(artifact.payload) if artifact.format == "tflite" else read_onnx(artifact.payload)
    recipe = task.Recipe() if found.card.recipe is None else found.card.recipe
    fitted = fit_card(found.card, outside.inputs, outside.outputs)
    specs = [_closed(spec, entry.shape) for spec, entry in zip(outside.outputs, fitted.outputs, strict=True)]
    task.open(fitted, recipe, specs)


def _closed(spec: TensorSpec, said: tuple[int, ...]) -> TensorSpec:
    """As a runtime has it: an open batch is 1, other open sizes are the card's."""
    shape = (1, *spec.shape[1:]) if spec.shape[:1] == (-1,) else spec.shape
    return replace(spec, shape=shape if all(size > 0 for size in shape) else said)
