"""A trained torch network as a small .onnx file with its card inside."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemm.card import ModelCard

if TYPE_CHECKING:
    import torch

OPSET = 17
IR_VERSION = 8
"""Boards have old runtimes: these two load in every onnxruntime since 1.14."""


def save_network(network: torch.nn.Module, example: torch.Tensor, path: Path, card: ModelCard) -> int:
    """Writes the network for inference, with a fixed batch of 1; equal weights give equal bytes.

    Args:
        network: one input, one output, named as in the card.
        example: of the input's shape.
        path: ends in .onnx.
        card: what the file says about itself.

    Returns:
        Bytes written.
    """
    from edgemm.artifact import write_artifact

    payload = _exported(network, example, card.inputs[0].name, card.outputs[0].name, card.name)
    return write_artifact(path, payload, card).size_bytes


def _exported(network: Any, example: Any, source: str, output: str, name: str) -> bytes:
    import onnx
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this exporter writes opset 17 directly
        torch.onnx.export(
            network.eval(), (example,), buffer, dynamo=False, opset_version=OPSET,
            input_names=[source], output_names=[output],
        )  # fmt: skip
    model = onnx.load_model_from_string(buffer.getvalue())
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version, model.graph.name = "edgemm", "", name
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
