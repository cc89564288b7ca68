"""Two networks that find and read coded stripes, exact by construction, and pictures of such stripes.

A stripe is text: its red is 0, everything else has full red. Its upper half has cells with blue 0 and a green that is
the code of a character, and gaps with full blue between them. Its lower half has a green between two codes, so that a
stripe that is read upside down gives characters with a probability of a half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from needs import package

import edgemm
from edgemm.opencv import opencv

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = onnx.helper

Pixels = npt.NDArray[np.uint8]
ALPHABET = "abcdef"
CODES = np.linspace(0.0, 1.0, len(ALPHABET))
"""Green of each character, 0..1."""
HEIGHT = 16
"""Pixels of a line as the network takes it; a step is as wide."""
CELL = 3
"""Width of a cell, and of a gap, in heights of the stripe."""
SHARP = 400.0
RECIPE: dict[str, Any] = {
    "page": {"color": "rgb", "mean": [0.0], "std": [1.0], "pad_value": 255},
    "line": {"color": "rgb", "resize": "none", "mean": [0.0], "std": [1.0], "pad_value": 255},
    "least_side": 64, "most_side": 640, "multiple": 32, "unclip": 0.0, "ends": 0.0, "line_height": HEIGHT,
    "least_width": 16, "most_width": 640, "overlap": 96, "decode": "logits",
}  # fmt: skip
WHITE = 255


def write_folder(
    folder: Path,
    *,
    page: tuple[int | str, int | str] = ("h", "w"),
    width: int | str = "w",
    alphabet: str | None = ALPHABET,
    **recipe: Any,
) -> Path:
    """A bundle's folder: two networks, their alphabet and bundle.json.

    Args:
        page: height and width of the detector's input.
        width: of the recogniser's.
        alphabet: a character for each line of the asset; None: there is none.
        recipe: keys instead of those of `RECIPE`.
    """
    import json

    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(detector(page), str(folder / "detector.onnx"))
    onnx.save(recognizer(width), str(folder / "recognizer.onnx"))
    content: dict[str, Any] = {
        "schema": "edgemm.bundle/1",
        "name": "stripes",
        "driver": "ocr",
        "ocr": RECIPE | recipe,
        "parts": {"detector": {"file": "detector.onnx"}, "recognizer": {"file": "recognizer.onnx"}},
    }
    if alphabet is not None:
        (folder / "alphabet.txt").write_text("\n".join(alphabet) + "\n", encoding="utf-8")
        content["assets"] = {"alphabet": {"file": "alphabet.txt"}}
    (folder / "bundle.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def loaded(folder: Path, **options: Any) -> Any:
    """The bundle, whose results are `TextLines`."""
    return edgemm.load_bundle(folder, **options)


def detector(size: tuple[int | str, int | str] = ("h", "w")) -> Any:
    """[1, 3, h, w] of 0..1 -> [1, 1, h, w]: 1 where red is below a half."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["map"]),
    ]
    weights = {"w": np.array([-40.0, 0.0, 0.0]).reshape(1, 3, 1, 1), "b": np.array([20.0])}
    return _model(nodes, weights, ["n", 3, *size], ("map", ["n", 1, *size]))


def recognizer(width: int | str = "w") -> Any:
    """[1, 3, 16, w] of 0..1 -> logits [1, w / 16, 7], the blank first."""
    top = np.zeros((2, 3, HEIGHT, HEIGHT))
    top[0, 1, 2:6, 4:12] = top[1, 2, 2:6, 4:12] = (
        1 / 32
    )  # the mean of green, and of blue, in the middle of a cell's step
    codes = np.zeros((len(ALPHABET) + 1, 2, 1, 1))
    codes[1:, 0, 0, 0] = 2 * SHARP * CODES
    codes[0, 1, 0, 0] = 40 * SHARP
    bias = np.concatenate([[-2 * SHARP], -SHARP * CODES**2])
    nodes = [
        helper.make_node("Conv", ["x", "top"], ["cells"], strides=[HEIGHT, HEIGHT]),
        helper.make_node("Conv", ["cells", "codes", "bias"], ["scores"]),
        helper.make_node("Squeeze", ["scores", "axis"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["out"], perm=[0, 2, 1]),
    ]
    weights = {"top": top, "codes": codes, "bias": bias, "axis": np.array([2], np.int64)}
    steps = width // HEIGHT if isinstance(width, int) else "steps"
    return _model(nodes, weights, ["n", 3, HEIGHT, width], ("out", ["n", steps, len(ALPHABET) + 1]))


def _model(
    nodes: Any, weights: dict[str, Any], shape: Sequence[Any], output: tuple[str, Sequence[Any]]
) -> Any:
    constants = [
        onnx.numpy_helper.from_array(each if each.dtype == np.int64 else each.astype(np.float32), name)
        for name, each in weights.items()
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def stripe(text: str, height: int = HEIGHT) -> Pixels:
    """uint8[height, width, 3] of a text of the alphabet."""
    cell = CELL * height
    found = np.zeros((height, cell * (2 * len(text) + 1), 3), np.uint8)
    found[:, :, 2] = WHITE
    for at, letter in enumerate(text):
        left = cell * (2 * at + 1)
        found[: height // 2, left : left + cell, 2] = 0
        found[: height // 2, left : left + cell, 1] = round(255 * CODES[ALPHABET.index(letter)])
    found[height // 2 :, :, 1] = round(255 * (CODES[2] + CODES[3]) / 2)
    found[height // 2 :, :, 2] = 0
    found[:, : cell // 2], found[:, -(cell // 2) :] = (0, 0, WHITE), (0, 0, WHITE)
    return found


def blank_page(width: int = 320, height: int = 240) -> Pixels:
    """White."""
    return np.full((height, width, 3), WHITE, np.uint8)


def put(
    picture: Pixels, text: str, center_xy: tuple[float, float], degrees: float = 0.0, height: int = HEIGHT
) -> None:
    """Draws a stripe into a picture, rotated clockwise about its middle; what is outside is cut off."""
    drawn = stripe(text, height)
    rows, columns = drawn.shape[:2]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    turn[:, 2] = np.array(center_xy) - turn[:, :2] @ (np.array([columns, rows]) / 2)
    turn[:, 2] += turn[:, :2].sum(axis=1) * 0.5 - 0.5  # OpenCV counts from the middle of the first pixel
    size = picture.shape[1], picture.shape[0]
    opencv().warpAffine(
        drawn, turn, size, dst=picture, flags=opencv().INTER_NEAREST, borderMode=opencv().BORDER_TRANSPARENT
    )
