"""A trained torch network as a small .onnx file with its card inside."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.card import ModelCard

if TYPE_CHECKING:
    import torch

OPSET = 17
IR_VERSION = 8
"""Boards have old runtimes: these two load in every onnxruntime since 1.14."""


HALVED = 256
"""Elements from which on weights are stored as float16 where that is asked for."""


def save_network(
    network: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    card: ModelCard,
    *,
    half: bool = False,
    open_axes: Mapping[str, Mapping[int, str]] | None = None,
) -> int:
    """Writes the network for inference, with a fixed batch of 1; equal weights give equal bytes.

    Args:
        network: one input, and outputs as many as in the card, named as there.
        example: of the input's shape.
        path: ends in .onnx.
        card: what the file says about itself.
        half: weights are rounded to float16 and stored so: half the size. They are computed with in float32.
        open_axes: tensor -> axis -> name of a size that is left open.

    Returns:
        Bytes written.
    """
    outputs = [output.name for output in card.outputs]
    return save_module(network, {card.inputs[0].name: example}, outputs, path, card, open_axes, half=half)


def save_module(
    network: torch.nn.Module,
    feeds: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    path: Path,
    card: ModelCard,
    open_axes: Mapping[str, Mapping[int, str]] | None = None,
    *,
    half: bool = False,
) -> int:
    """Like `save_network`, for a network of several inputs: `feeds` has one for each argument of its `forward`, in
    that order, by the names that they get."""
    from edgemm.artifact import write_artifact

    payload = _exported(network, feeds, list(outputs), card.name, half, open_axes or {})
    return write_artifact(path, payload, card).size_bytes


def write_int8(source: Path, known: Any) -> tuple[Path, ...]:
    """The same as .int8.tflite and .int8.onnx.

    Args:
        known: what they are calibrated on, as `edgemm.converters.convert` takes it.
    """
    from edgemm.converters import convert

    files = tuple(source.with_suffix(each) for each in (".int8.tflite", ".int8.onnx"))
    for file in files:
        convert(source, output=file, calibrate=known, scheme="static")
    return files


def _exported(
    network: Any, feeds: Mapping[str, Any], outputs: list[str], name: str, half: bool, open_axes: Any
) -> bytes:
    import onnx
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this exporter writes opset 17 directly
        warnings.filterwarnings("ignore", message="Constant folding")  # of what it folds no slice is
        torch.onnx.export(
            network.eval(), tuple(feeds.values()), buffer, dynamo=False, opset_version=OPSET,
            input_names=list(feeds), output_names=outputs, dynamic_axes=open_axes,
        )  # fmt: skip
    model = onnx.load_model_from_string(buffer.getvalue())
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.graph.name = "edgemm", "", name
    for node in model.graph.node:
        node.ClearField("doc_string")
    if half:
        _halve(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _halve(graph: Any) -> None:
    """Stores the large weights as float16, each followed by a Cast to float32, which runtimes compute once."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for stored in graph.initializer:
        values = numpy_helper.to_array(stored)
        if values.dtype == np.float32 and values.size >= HALVED:
            name = stored.name
            stored.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(
                helper.make_node("Cast", [stored.name], [name], f"{name}_cast", to=TensorProto.FLOAT)
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
