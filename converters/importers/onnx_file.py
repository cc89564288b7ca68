"""Reads an .onnx file from any origin: within bounds, checked, refused with a reason."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.checker
import onnx.shape_inference
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import _get_all_tensors, uses_external_data

from edgemm.converters.importers.cut import Cut
from edgemm.converters.importers.input_shapes import fix_input_shapes
from edgemm.converters.importers.source_file import external_data, external_file, external_files
from edgemm.converters.large_constants import (
    HOLLOW,
    Constants,
    emptied,
    is_hollow,
    is_large,
    parse,
    put_back,
)
from edgemm.converters.passes.contrib import runs_as_standard
from edgemm.converters.passes.contrib.node import DOMAIN as RUNTIME
from edgemm.converters.shared_memory import copied
from edgemm.errors import ConversionError, DamagedArtifact, InputError

LIMIT_BYTES = 2 * 1024**3 - 1
"""Protocol buffers, and so ONNX files, hold no more; edge models are a thousand times smaller."""

OLDEST_OPSET = 9
_SIGNATURES = {b"PK\x03\x04": "a ZIP archive, such as a PyTorch checkpoint", b"\x80\x02": "a Python pickle"}


def read_onnx(
    path: str | Path,
    shapes: Mapping[str, Sequence[int]] | None = None,
    cut: Cut | None = None,
    *,
    time_axis: int | None = None,
) -> ir.Model:
    """Reads an ONNX model with its external data and fixes the shapes of its inputs.

    A batch dimension that the file leaves open becomes 1.

    Args:
        path: the .onnx file; tensors stored in files beside it are read too.
        shapes: input name -> its whole shape, where the file leaves other dimensions open.
        cut: the part of the graph that is wanted.
        time_axis: the dimension of the inputs that is time, of a model that is to run step by step.

    Raises:
        InputError: no such file, a dimension is open that `shapes` does not give, or the graph cannot be cut there.
        DamagedArtifact: not an ONNX model, or damaged.
        ConversionError: larger than 2 GB, or of an unknown version.
    """
    file = Path(path)
    proto, constants = _hollow(file)
    _name_output_shapes(proto)
    with emptied(proto, constants):
        _check(file, proto)
    _check_constants(file, proto, constants)
    model: ir.Model = ir.from_proto(proto)
    put_back(model, constants)
    given = cut.apply(model, shapes) if cut else shapes
    fix_input_shapes(model, given or {}, time_axis=time_axis)
    return model


def _hollow(file: Path) -> tuple[onnx.ModelProto, Constants]:
    """The file, its external data read, and its large constants, each in memory of its own, beside it."""
    proto, views = _parse(file)
    _check_version(file, proto)
    constants = {name: copied(view) for name, view in views.items()}  # graphs share them
    del views
    _load_external(file, proto, constants)
    return proto, constants


def _check(file: Path, proto: onnx.ModelProto) -> None:
    """onnx's own check. Operators that ONNX Runtime writes into the standard domain, which does not have them, count as
    its own meanwhile."""
    opset = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    nodes = _nodes(proto.graph)
    foreign = [node for node in nodes if not node.domain and runs_as_standard(node.op_type, opset)]
    entries = len(proto.opset_import)
    if foreign and not any(entry.domain == RUNTIME for entry in proto.opset_import):
        proto.opset_import.add(domain=RUNTIME, version=1)
    for node in foreign:
        node.domain = RUNTIME
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as e:
        raise DamagedArtifact(
            f"{file.name}: not a valid ONNX model: {_first_line(e)}. Export the model again"
        ) from e
    except UnicodeDecodeError as e:
        raise DamagedArtifact(
            f"{file.name}: not a valid ONNX model: a name in it is not UTF-8 text ({e.reason}). Export the model again"
        ) from e
    finally:
        for node in foreign:
            node.ClearField("domain")
        del proto.opset_import[entries:]


def _check_constants(file: Path, proto: onnx.ModelProto, whole: Constants) -> None:
    """Each constant that is stored as bytes has as many as its shape and type say, which onnx's check leaves open.

    Raises:
        DamagedArtifact: one has not.
    """
    for tensor in _get_all_tensors(proto):
        if not tensor.HasField("raw_data") or tensor.data_type == onnx.TensorProto.STRING:
            continue
        if is_hollow(tensor, whole):
            continue
        kind, count = ir.DataType(tensor.data_type), math.prod(tensor.dims)
        expected = -(-count * kind.bitwidth // 8)
        if min(tensor.dims, default=0) < 0 or len(tensor.raw_data) != expected:
            raise DamagedArtifact(
                f"{file.name}: constant {tensor.name!r} of {kind.name}{list(tensor.dims)} has {len(tensor.raw_data)} "
                f"bytes, expected {expected}. Export the model again"
            )


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in branches and loop bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _parse(file: Path) -> tuple[onnx.ModelProto, Constants]:
    if not file.is_file():
        raise InputError(f"{file}: there is no such file. Give the path of an .onnx model")
    size = file.stat().st_size
    _require_below_limit(file, size)
    payload = file.read_bytes()
    try:
        proto, constants = parse(payload)
    except DecodeError as e:
        raise DamagedArtifact(_not_onnx(file, payload)) from e
    if not proto.ir_version or not proto.opset_import or not proto.graph.output:
        raise DamagedArtifact(_not_onnx(file, payload))
    return proto, constants


def _name_output_shapes(proto: onnx.ModelProto) -> None:
    """Outputs whose shape the file leaves out, as runtimes accept it: the inferred one. What cannot be inferred
    is left for the checker to tell."""
    bare = {
        output.name: output for output in proto.graph.output if not output.type.tensor_type.HasField("shape")
    }
    if not bare:
        return
    try:
        inferred = onnx.shape_inference.infer_shapes(proto)
    except onnx.shape_inference.InferenceError:
        return
    for output in inferred.graph.output:
        if output.name in bare:
            bare[output.name].type.CopyFrom(output.type)


def _require_below_limit(file: Path, size: int) -> None:
    if size > LIMIT_BYTES:
        raise ConversionError(
            f"{file.name}: the model has {size / 1024**3:.1f} GB, the limit is 2 GB ({LIMIT_BYTES} bytes). "
            "Export a smaller model"
        )


def _not_onnx(file: Path, payload: bytes) -> str:
    kinds = [kind for start, kind in _SIGNATURES.items() if payload.startswith(start)]
    if payload[4:8] == b"TFL3":
        kinds.append("a TensorFlow Lite model")
    found = kinds[0] if kinds else f"{len(payload)} bytes that are no ONNX model, or a truncated one"
    return f"{file.name}: expected an ONNX model, found {found}. Export the model to ONNX first"


def _check_version(file: Path, proto: onnx.ModelProto) -> None:
    newest = onnx.defs.onnx_opset_version()
    opsets = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    if not opsets:
        raise ConversionError(f"{file.name}: the model uses no standard ONNX operators (no default opset)")
    if opsets[0] < OLDEST_OPSET:
        raise ConversionError(
            f"{file.name}: opset {opsets[0]}, expected {OLDEST_OPSET} or newer. "
            f"Export the model again, or upgrade it with onnx.version_converter"
        )
    if opsets[0] > newest:
        raise ConversionError(
            f"{file.name}: opset {opsets[0]}, the onnx package here knows {newest}. "
            "Install a newer one (pip install -U onnx), or export with opset 17"
        )


def _load_external(file: Path, proto: onnx.ModelProto, constants: Constants) -> None:
    """Reads tensors stored beside the model, after adding up what that would take."""
    paths = external_files(file, proto)
    if not paths:
        return
    _require_below_limit(file, sum(path.stat().st_size for path in (file, *paths)))
    for tensor in filter(uses_external_data, proto.graph.initializer):
        content = _load_tensor(file, tensor)
        if is_large(tensor, len(content)) and tensor.name not in constants:
            kind = ir.DataType(tensor.data_type).numpy()
            constants[tensor.name] = copied(np.frombuffer(content, kind).reshape(tuple(tensor.dims)))
            tensor.raw_data = HOLLOW
        else:
            tensor.raw_data = content
    for tensor in _get_all_tensors(proto):
        if uses_external_data(tensor):
            tensor.raw_data = _load_tensor(file, tensor)


def _load_tensor(file: Path, tensor: onnx.TensorProto) -> bytes:
    """The bytes of one tensor, from where `external_files` found them; it is no external one from then on."""
    info = external_data(tensor)
    offset, length = info.offset or 0, info.length
    path = external_file(file, info.location)
    size = path.stat().st_size
    wanted = size - offset if length is None else length
    if offset < 0 or wanted < 0 or offset + wanted > size:
        raise ConversionError(
            f"{file.name}: tensor {tensor.name!r} is at {offset}..{offset + wanted} of {info.location!r}, which has "
            f"{size} bytes: the file is truncated, or belongs to another export. Export the model again"
        )
    with path.open("rb") as stream:
        stream.seek(offset)
        content = stream.read(wanted)
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
    return content


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
