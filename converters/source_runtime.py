"""What runs a source in place of its graph, and the inputs that came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.file_source import FileSource
from edgemm.converters.importers.tflite_graph import Imported
from edgemm.converters.importers.torch_module import read_program
from edgemm.converters.passes.precision import OTHER
from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.reference import Source, TorchSource

Examples = Mapping[str, npt.NDArray[Any]]


def runtime_of(
    source: Any, example_inputs: tuple[Any, ...] | None, graph: ir.Model, imported: Imported | None
) -> tuple[Source | None, Examples]:
    """The .tflite file; or the torch module or program that was given, or trained on, where its arguments are the
    graph's inputs one by one. None where the graph answers itself.

    Args:
        graph: as it was read.

    Returns:
        What runs, and the example inputs of a module or program by the graph's names.
    """
    if imported is not None:
        return FileSource(imported.file, imported.given), {}
    if isinstance(source, TrainedSource):
        return source.runs_in, {}
    if isinstance(source, str | Path) and Path(source).suffix.lower() == ".pt2":
        return _program(Path(source), graph)
    if example_inputs is None or not hasattr(source, "state_dict"):
        return None, {}
    inputs = _inputs(graph)
    if _shapes(example_inputs) != [shape_of(value) for value in inputs]:
        return None, {}
    return _torch(source, inputs, graph), _named(inputs, example_inputs)


def _program(path: Path, graph: ir.Model) -> tuple[Source | None, Examples]:
    """An exported program, where it takes nothing but the graph's inputs, and computes in float32."""
    program, inputs = read_program(path), _inputs(graph)
    given, named = program.example_inputs or ((), {})
    other = any(value.dtype in OTHER for value in (*inputs, *graph.graph.initializers.values()))
    if other or named or len(given) != len(inputs) or len(program.graph_signature.user_inputs) != len(inputs):
        return None, {}
    alike = _shapes(given) == [shape_of(value) for value in inputs]
    return _torch(program.module(), inputs, graph), _named(inputs, given) if alike else {}


def _torch(module: Any, inputs: Sequence[ir.Value], graph: ir.Model) -> Source:
    outputs = tuple(str(value.name) for value in graph.graph.outputs)
    types = [value.dtype for value in inputs]
    # NumPy has no bfloat16
    plain = all(each is not None and each != ir.DataType.BFLOAT16 for each in types)
    kinds = tuple(each.numpy().name for each in types if each is not None) if plain else ()
    return TorchSource(module, tuple(str(value.name) for value in inputs), outputs, kinds)


def _inputs(graph: ir.Model) -> list[ir.Value]:
    return [value for value in graph.graph.inputs if not value.is_initializer()]


def _shapes(given: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(getattr(each, "shape", ())) for each in given]


def _named(inputs: Sequence[ir.Value], given: Sequence[Any]) -> Examples:
    """Those that are tensors of NumPy's types."""
    return {
        str(value.name): np.array(each.detach().cpu().numpy())
        for value, each in zip(inputs, given, strict=True)
        if hasattr(each, "detach") and value.dtype not in OTHER
    }
