"""Multiply-accumulates of a model file, through its canonical graph."""

from __future__ import annotations

from pathlib import Path

from edgemm.card.presets import PRESETS
from edgemm.converters.prepare import prepare
from edgemm.quantize.prune.graph.cost import total_macs


def count_macs(path: str | Path, card: str | None = None) -> int:
    """Of one inference, in the layers that have weights or multiply matrices: exact for static shapes.

    Args:
        path: .onnx or .tflite, float or quantized.
        card: a preset, or the path of a card, where the file leaves sizes open.

    Raises:
        EdgemmError: the file cannot be read as a graph.
    """
    preset = card if card in PRESETS else None
    return total_macs(prepare(path, card=None if preset else card, preset=preset).model)
