"""A torch module, through torch's own ONNX exporter."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from edgemm.converters.importers import torch_missing, torch_rnn
from edgemm.converters.importers.output_names import name_outputs
from edgemm.dependency import load_dependency
from edgemm.errors import ConversionError, InputError, UnsupportedOperator
from edgemm.excerpt import excerpt
from edgemm.onnx_runtime import disable_telemetry

EXPORT_OPSET = 18
NARROW = frozenset(
    (onnx.TensorProto.INT8, onnx.TensorProto.UINT8, onnx.TensorProto.INT16, onnx.TensorProto.UINT16)
)
"""The oldest that the exporter writes itself; the passes bring it down."""
SILENT = logging.CRITICAL + 1
"""A level that no record has."""


def export_torch(module: Any, example_inputs: tuple[Any, ...]) -> ir.Model:
    """Exports a torch module in evaluation mode; the module is left as it was.

    Outputs that it returns in a dictionary are named by their keys.

    Args:
        module: a `torch.nn.Module`.
        example_inputs: tensors whose shapes the graph gets, in the order of `forward`'s arguments.

    Raises:
        MissingDependency: torch or its exporter (onnxscript) is not installed.
        InputError: not a module, or the inputs are not a tuple.
        ConversionError: torch cannot export it; its own reason is in the message.
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"expected a torch.nn.Module, found {type(module).__name__}")
    check_example_inputs(example_inputs)
    # One tensor given twice would be taken for one input: each gets its own.
    own = tuple(each.clone() if isinstance(each, torch.Tensor) else each for each in example_inputs)
    with evaluating(module), _written_out(), torch.no_grad():
        return _export(module, own, type(module).__name__)


def check_example_inputs(given: Any) -> None:
    """Refuses what `forward` cannot be called with, before torch takes it apart.

    Raises:
        InputError: not a tuple or list, or one of them is an array.
    """
    wanted = "example_inputs: expected a tuple of tensors, found"
    if not isinstance(given, tuple | list):
        found = type(given).__name__
        one = "write (x,) for a module that takes one tensor x"
        raise InputError(f"{wanted} {'an' if found[:1] in 'aeiou' else 'a'} {found}; {one}")
    for index, each in enumerate(given):
        if isinstance(each, np.ndarray | np.generic):
            raise InputError(
                f"{wanted} a NumPy array at index {index}; torch.from_numpy makes a tensor of it"
            )


def _torch() -> Any:
    """The `torch` module, and its exporter made sure of."""
    disable_telemetry()  # the exporter may import ONNX Runtime
    load_dependency("onnxscript", "onnxscript, with which PyTorch exports,", "torch")
    return load_dependency("torch", "PyTorch", "torch")


def export_program(path: str | Path) -> ir.Model:
    """Reads an exported program, a .pt2 file that `torch.export.save` wrote; sizes that it leaves open stay so.

    Raises:
        MissingDependency: torch or its exporter (onnxscript) is not installed.
        InputError: the file is not an exported program.
        ConversionError: torch cannot bring it to ONNX.
    """
    return _export(read_program(path), (), Path(path).name)


def read_program(path: str | Path) -> Any:
    """The `torch.export.ExportedProgram` of a .pt2 file.

    Raises:
        MissingDependency: torch or its exporter (onnxscript) is not installed.
        InputError: the file is not an exported program.
    """
    torch = _torch()
    try:
        with _quiet():
            return torch.export.load(path)
    except Exception as e:  # zipfile, json, pickle and torch each raise their own
        raise InputError(
            f"{path}: expected a .pt2 file of torch.export.save, torch says: {_reason(e)}"
        ) from e


def _export(program: Any, example_inputs: tuple[Any, ...], name: str) -> ir.Model:
    """A module, or an exported program, through torch.onnx.export."""
    import torch

    torch_missing.refuse_projections(program, name)
    with _quiet():
        try:
            exported = torch.onnx.export(
                program,
                example_inputs,
                dynamo=True,
                opset_version=EXPORT_OPSET,
                custom_translation_table=torch_rnn.translations() | torch_missing.translations(),
                optimize=False,  # it takes away what is added and near 0, such as the 1e-8 before a logarithm
                verbose=False,
            )
        except Exception as e:  # the exporter wraps whatever the module raises in types of its own
            if missing := torch_missing.missing_operator(_reason(e)):
                raise UnsupportedOperator(
                    f"torch cannot export {name}: its exporter has no ONNX form of {missing}. {torch_missing.INSTEAD}"
                ) from e
            raise ConversionError(
                f"torch cannot export {name}: {_reason(e)}. "
                "Check that forward() runs on the example inputs and uses no Python control flow on their values"
            ) from e
    model = _detached(exported.model)
    name_outputs(model, exported)
    return model


def _detached(exported: ir.Model) -> ir.Model:
    """A copy that shares no memory with the module and says nothing of where it was exported, nor of inner types, which
    the exporter has wrong in places."""
    proto = ir.to_proto(exported)
    del proto.graph.value_info[:]
    _keep_types(proto)
    model: ir.Model = ir.from_proto(proto)
    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    return model


def _keep_types(proto: onnx.ModelProto) -> None:
    """Outputs of few bits get the type that torch gives them, where the exporter computes them in another one: uint8
    that is shifted would be int8."""
    graph = proto.graph
    declared = {each.name: each.type.tensor_type.elem_type for each in graph.output}
    if not NARROW & set(declared.values()):
        return
    for each in graph.output:
        each.type.tensor_type.elem_type = onnx.TensorProto.UNDEFINED
    inferred = onnx.shape_inference.infer_shapes(proto)
    for each, found in zip(graph.output, inferred.graph.output, strict=True):
        each.type.tensor_type.elem_type = declared[each.name]
        if found.type.tensor_type.elem_type in (declared[each.name], onnx.TensorProto.UNDEFINED):
            continue
        for node in graph.node:
            node.output[:] = [f"{name}_uncast" if name == each.name else name for name in node.output]
            node.input[:] = [f"{name}_uncast" if name == each.name else name for name in node.input]
        cast = onnx.helper.make_node("Cast", [f"{each.name}_uncast"], [each.name], to=declared[each.name])
        cast.name = f"{each.name}_cast"
        graph.node.append(cast)


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Evaluation mode; every submodule gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    with contextlib.suppress(NotImplementedError):  # an exported program has one mode
        module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextlib.contextmanager
def _written_out() -> Iterator[None]:
    """Attention as the operators that it is made of: in evaluation mode torch takes a fast path of a single operator,
    which ONNX does not have."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps away what the exporter prints, warns of and logs: what matters is in the error that it raises."""
    levels = {logger: logger.level for logger in _loggers()}
    for logger in levels:
        logger.setLevel(SILENT)
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _loggers() -> Iterator[logging.Logger]:
    """Those of the exporter's packages, and those below them that have a level of their own."""
    known = list(logging.Logger.manager.loggerDict.items())
    for package in ("torch", "onnxscript", "onnx_ir"):
        yield logging.getLogger(package)
        for name, logger in known:
            if name.startswith(f"{package}.") and isinstance(logger, logging.Logger) and logger.level:
                yield logger


def _reason(error: BaseException) -> str:
    """The innermost cause, one line: the exporter's own text is a page long."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return excerpt(lines[0] if lines else type(error).__name__, 300)
