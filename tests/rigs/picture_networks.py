"""Networks of pictures whose answers are known by construction: the same, twice as large, sharper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from needs import package

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.tasks.picture.recipe import PictureRecipe

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = onnx.helper
numpy_helper = onnx.numpy_helper

SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
"""Looks one pixel far. Whole numbers: grey levels stay whole, so that nothing depends on rounding."""


def write_network(
    path: Path, kind: str, side: int | tuple[int, int] = 16, channels: int = 3, layout: str = "NCHW"
) -> Path:
    """Pictures 0..1 of one size -> pictures.

    Args:
        kind: "same"; "twice" (each pixel becomes 2 x 2); "sharper" (SHARPEN, zeros around); "mean" (each pixel becomes
            the mean of the tile, as a network that looks at all of it).
        side: pixels of the input, or its height and width.
    """
    height, width = (side, side) if isinstance(side, int) else side
    x = 2 if kind == "twice" else 1
    nodes: list[Any] = []
    first = "picture"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [first], ["planar"], perm=[0, 3, 1, 2]))
        first = "planar"
    last = "made" if layout == "NCHW" else "planar_made"
    constants: dict[str, npt.NDArray[Any]] = {}
    if kind == "twice":
        constants["weights"] = np.ones((channels, 1, 2, 2), np.float32)
        nodes.append(
            helper.make_node("ConvTranspose", [first, "weights"], [last], strides=[2, 2], group=channels)
        )
    elif kind == "mean":
        constants["zero"] = np.zeros((), np.float32)
        nodes.append(helper.make_node("ReduceMean", [first], ["mean"], axes=[2, 3], keepdims=1))
        nodes.append(helper.make_node("Mul", [first, "zero"], ["nothing"]))
        nodes.append(helper.make_node("Add", ["nothing", "mean"], [last]))
    else:
        kernel = (
            SHARPEN
            if kind == "sharper"
            else np.eye(3, dtype=np.float32)[1][:, None] * np.eye(3, dtype=np.float32)[1]
        )
        constants["weights"] = np.ascontiguousarray(np.broadcast_to(kernel, (channels, 1, 3, 3)))
        nodes.append(helper.make_node("Conv", [first, "weights"], [last], pads=[1, 1, 1, 1], group=channels))
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [last], ["made"], perm=[0, 2, 3, 1]))
    sizes = [1, channels, height, width], [1, channels, height * x, width * x]
    if layout == "NHWC":
        sizes = [1, height, width, channels], [1, height * x, width * x, channels]
    graph = helper.make_graph(
        nodes, kind,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, sizes[0])],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, sizes[1])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def picture_card(
    color: str = "rgb", resize: str = "none", input_layout: str = "NCHW", **recipe: Any
) -> ModelCard:
    """For one of these: the input is of the output's colours, `color`."""
    taken: Any = "gray" if color in ("gray", "luma") else color
    image = ImageRecipe(color=taken, resize=resize)  # type: ignore[arg-type]
    return ModelCard(
        task="picture",
        inputs=(InputCard("picture", "image", layout=input_layout, image=image),),
        outputs=(OutputCard("made"),),
        recipe=PictureRecipe(color=color, **recipe),  # type: ignore[arg-type]
    )


def scene(height: int, width: int, seed: int = 0, channels: int = 3) -> npt.NDArray[np.uint8]:
    """uint8[height, width, 3] or [height, width]: colours that go over into each other, and some noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / (5 + c) + c) + np.cos(columns / (7 - c)) for c in range(channels)]
    noise = np.random.default_rng(seed).uniform(-20, 20, (height, width, channels))
    picture = np.clip(np.stack(waves, axis=-1) * 50 + 128 + noise, 0, 255).astype(np.uint8)
    return picture if channels > 1 else picture[:, :, 0]


def sharpened(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """SHARPEN of the whole picture by NumPy, mirrored beyond its edges as OpenCV's BORDER_REFLECT_101 does."""
    side = [(1, 1), (1, 1), (0, 0)][: picture.ndim]
    modes = ["edge" if size == 1 else "reflect" for size in picture.shape[:2]]
    padded = np.pad(picture.astype(np.float64), [side[0], (0, 0), (0, 0)][: picture.ndim], mode=modes[0])  # type: ignore[call-overload]
    padded = np.pad(padded, [(0, 0), side[1], (0, 0)][: picture.ndim], mode=modes[1])  # type: ignore[call-overload]
    height, width = picture.shape[:2]
    total = np.zeros(picture.shape)
    for (row, column), weight in np.ndenumerate(SHARPEN):
        total += float(weight) * padded[row : row + height, column : column + width]
    return np.asarray(np.clip(np.rint(total), 0, 255).astype(np.uint8))
