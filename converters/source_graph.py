"""The graph of a source: a file, a torch module or a graph in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.importers import export_program, export_torch, read_onnx
from edgemm.converters.importers.cut import Cut
from edgemm.converters.importers.input_shapes import fix_input_shapes
from edgemm.converters.importers.tflite_graph import Imported, import_tflite
from edgemm.converters.importers.torch_module import check_example_inputs
from edgemm.errors import InputError, UnsupportedOperator


def source_graph(
    source: Any,
    example_inputs: tuple[Any, ...] | None,
    shapes: Mapping[str, Sequence[int]] | None,
    cut: Cut | None,
    constants: Mapping[str, float] | None = None,
    time_axis: int | None = None,
) -> tuple[ir.Model, bytes, Imported | None]:
    """The graph with known sizes, or the part of it that is wanted; the bytes that tell sources apart which are no
    file; more of a .tflite file.

    Args:
        constants: inputs of a .tflite file that are to be constants; those of others are left to `set_inputs`.
        time_axis: the dimension of the inputs that is time, of a model that is to run step by step.
    """
    if isinstance(source, str | Path):
        return _read_file(Path(source), shapes, cut, constants, time_axis)
    if isinstance(source, TrainedSource):
        model, payload = source.model.clone(), b""
    else:
        model = _graph_of(source, example_inputs)
        payload = ir.serde.serialize_model(model).SerializeToString(deterministic=True)
    return _part(model, shapes, cut, time_axis), payload, None


def _read_file(
    path: Path,
    shapes: Mapping[str, Sequence[int]] | None,
    cut: Cut | None,
    constants: Mapping[str, float] | None,
    time_axis: int | None,
) -> tuple[ir.Model, bytes, Imported | None]:
    if path.suffix.lower() in (".pt", ".pth", ".h5", ".keras"):
        raise UnsupportedOperator(
            f"{path.name}: this converts .onnx, .pt2 and .tflite files and torch modules, not {path.suffix} files. "
            "Export the model to ONNX first (torch.onnx.export, or tf2onnx for Keras)"
        )
    if not os.path.isfile(path):
        raise InputError(f"{str(path)[:200]}: there is no such file. Give the path of an .onnx model")
    if path.suffix.lower() == ".pt2":
        return _part(export_program(path), shapes, cut, time_axis), b"", None
    if path.suffix.lower() == ".tflite":
        return _tflite(path, shapes, cut, constants, time_axis)
    return read_onnx(path, shapes, cut, time_axis=time_axis), b"", None


def _tflite(
    path: Path,
    shapes: Mapping[str, Sequence[int]] | None,
    cut: Cut | None,
    constants: Mapping[str, float] | None,
    time_axis: int | None,
) -> tuple[ir.Model, bytes, Imported | None]:
    from edgemm.artifact import read_artifact

    payload = read_artifact(path).payload
    found = import_tflite(payload, path.name, shapes, constants, named=bool(cut), time_axis=time_axis)
    if cut:
        _part(found.model, shapes, cut, time_axis)
    return found.model, payload, found


def _part(
    model: ir.Model, shapes: Mapping[str, Sequence[int]] | None, cut: Cut | None, time_axis: int | None
) -> ir.Model:
    """A graph with known sizes, cut in place; one that has them is left as it is."""
    given = cut.apply(model, shapes) if cut else shapes or {}
    if cut:
        there = {str(value.name) for value in model.graph.inputs}
        given = {name: shape for name, shape in given.items() if name in there}
    elif not given and not any(map(_is_open, model.graph.inputs)):
        return model
    fix_input_shapes(model, given, time_axis=time_axis)
    return model


def _is_open(value: ir.Value) -> bool:
    """A tensor with a size that is not known."""
    shape = value.shape if isinstance(value.type, ir.TensorType) else None
    return shape is not None and not shape.is_static()


def _graph_of(source: Any, example_inputs: tuple[Any, ...] | None) -> ir.Model:
    if isinstance(source, ir.Model):
        return source.clone()
    if not hasattr(source, "state_dict"):
        raise InputError(
            f"expected a path, a torch module or an onnx_ir.Model, found {type(source).__name__}"
        )
    if example_inputs is None:
        raise InputError(
            "a torch module needs example_inputs: a tuple of tensors of the shapes to convert for"
        )
    check_example_inputs(example_inputs)
    return export_torch(source, tuple(example_inputs))
