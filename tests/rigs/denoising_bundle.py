"""A bundle for the driver "denoising" whose networks are known: they give back what they heard, or less and less of it.

Frames of 32 samples, a hop of 8: four frames cover each sample, and each gives a quarter of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from needs import package

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = package("onnx.helper")


FRAME, HOP, RATE = 32, 8, 16000


def write_denoiser(folder: Path, *, fading: bool = False, rate: int = RATE, hop: int = HOP) -> Path:
    """The bundle's folder.

    Args:
        fading: the mask of frame n is 1 / (n + 1), which the first network's state counts.
    """
    folder.mkdir()
    bins = FRAME // 2 + 1
    mask = ["Div", ["one", "total"]] if fading else ["Div", ["total", "total"]]
    _write(
        folder / "mask.onnx",
        [
            helper.make_node("Add", ["count", "one"], ["total"]),
            helper.make_node(mask[0], mask[1], ["share"]),
            helper.make_node("Mul", ["loudness", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "share"], ["mask"]),
            helper.make_node("Identity", ["total"], ["counted"]),
        ],
        {"loudness": [1, 1, bins], "count": [1, 1, 1]},
        {"mask": [1, 1, bins], "counted": [1, 1, 1]},
        {"one": 1.0, "zero": 0.0},
    )
    _write(
        folder / "frame.onnx",
        [helper.make_node("Mul", ["masked", "share"], ["cleaned"])],
        {"masked": [1, 1, FRAME]},
        {"cleaned": [1, 1, FRAME]},
        {"share": hop / FRAME},
    )
    recipe = {
        "sample_rate": rate, "frame": FRAME, "hop": hop, "mask_input": "loudness", "mask_output": "mask",
        "frame_input": "masked", "frame_output": "cleaned",
    }  # fmt: skip
    states = {"states": [{"output": "counted", "input": "count"}]}
    card = {
        "schema": "edgemm.bundle/1",
        "name": "denoiser",
        "driver": "denoising",
        "denoising": recipe,
        "parts": {"mask": {"file": "mask.onnx", "card": states}, "frame": {"file": "frame.onnx"}},
    }
    (folder / "bundle.json").write_text(json.dumps(card))
    return folder


def _write(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, list[int]],
    outputs: dict[str, list[int]],
    numbers: dict[str, float],
) -> None:
    def infos(shapes: dict[str, list[int]]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
        ]

    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, [1, 1, 1], [each]) for name, each in numbers.items()
    ]
    graph = helper.make_graph(nodes, "g", infos(inputs), infos(outputs), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
