"""Pools, resizing and moves of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.differential.graphs.builder import GraphBuilder
from tests.differential.graphs.convolutions import activation, same
from tests.differential.graphs.forms import pad


def pools(g: GraphBuilder) -> None:
    """Ceil mode, counted pads, dilation, auto_pad; one pool or two."""
    x = g.noise(1, 4, g.between(9, 14), g.between(15, 19))
    if g.maybe():
        x = activation(g, same(g, x, 5))
    for _ in range(g.between(1, 2)):
        operator = g.choose("MaxPool", "AveragePool")
        size = [g.between(2, 4), g.between(2, 4)]
        attributes: dict[str, Any] = {"kernel_shape": size, "strides": [g.between(1, 3), g.between(1, 3)]}
        if g.maybe(0.7):
            attributes["pads"] = [g.between(0, each - 1) for each in (*size, *size)]
        elif g.maybe():
            attributes["auto_pad"] = g.choose("SAME_UPPER", "SAME_LOWER", "VALID")
        if g.opset >= 10 and g.maybe() and "auto_pad" not in attributes:
            attributes["ceil_mode"] = 1
        if operator == "AveragePool":
            attributes["count_include_pad"] = g.between(0, 1)
        elif g.opset >= 10 and g.maybe(0.3) and "auto_pad" not in attributes:
            attributes["dilations"] = [g.between(1, 2), g.between(1, 2)]
        x = g(operator, x, **attributes)
        if min(g.shape(x)[2:]) < 6:
            break
    g.output(x)


def global_pools(g: GraphBuilder) -> None:
    """Pools over the whole picture, joined."""
    x = activation(g, same(g, g.noise(1, 3, 9, 12), 6))
    parts = [g("GlobalAveragePool", x), g("GlobalMaxPool", x)]
    g.output(g("Flatten", g("Concat", *parts[: g.between(1, 2)], axis=1)))


def resized(g: GraphBuilder) -> None:
    """Upsample and Resize by scales and by sizes, in the forms of every opset."""
    x = g.noise(1, 3, g.between(4, 6), g.between(7, 9))
    if g.maybe(0.8):
        x = activation(g, same(g, x, 4))
    x = resize(g, x)
    g.output(same(g, x, 3) if g.maybe(0.8) else x)


def resize(g: GraphBuilder, x: str) -> str:
    """One Resize, as the opset has it."""
    scale = g.choose(1.5, 2.0, 2.0, 2.0, 3.0, 4.0, 0.5)
    mode = g.choose("nearest", "linear", "linear")
    if g.opset < 11:
        operator = "Upsample" if g.opset == 9 else "Resize"
        scale = max(scale, 1.0)
        return g(operator, x, g.constant(np.array([1, 1, scale, scale], np.float32)), mode=mode)
    ways = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": g.choose(*ways)}
    if mode == "nearest":
        attributes["coordinate_transformation_mode"] = g.choose("asymmetric", "half_pixel")
        attributes["nearest_mode"] = g.choose("floor", "round_prefer_floor")
    elif g.maybe(0.2):
        attributes |= {"mode": "cubic", "cubic_coeff_a": -0.75}
    absent = g.opset >= 13
    roi = "" if absent and g.maybe(0.7) else g.constant(np.zeros(0, np.float32))
    if g.maybe(0.6):
        return g("Resize", x, roi, g.constant(np.array([1, 1, scale, scale], np.float32)), **attributes)
    height, width = g.shape(x)[2:]
    sizes = g.whole(*g.shape(x)[:2], int(height * scale), int(width * scale))
    scales = "" if absent else g.constant(np.zeros(0, np.float32))
    return g("Resize", x, roi, scales, sizes, **attributes)


def pyramid(g: GraphBuilder) -> None:
    """A coarse map brought up and added to a fine one, twice: as detectors do."""
    fine = activation(g, same(g, g.noise(1, 3, 8, 12), 6))
    coarse = activation(g, same(g, fine, 6, strides=[2, 2]))
    smallest = activation(g, same(g, coarse, 6, strides=[2, 2]))
    scales = g.constant(np.array([1, 1, 2, 2], np.float32))
    for skip in (coarse, fine):
        roi = "" if g.opset >= 13 else g.constant(np.zeros(0, np.float32))
        up = g("Resize", smallest, roi, scales, mode="nearest", nearest_mode="floor",
               coordinate_transformation_mode="asymmetric")  # fmt: skip
        smallest = g("Add", up, skip) if g.maybe() else same(g, g("Concat", up, skip, axis=1), 6)
    g.output(same(g, smallest, 4))


def padded(g: GraphBuilder) -> None:
    """Pads of every mode in front of convolutions."""
    x = g.noise(1, 3, 9, 12)
    for _ in range(g.between(1, 2)):
        mode = g.choose("constant", "reflect", "edge")
        pads = [0, 0, g.between(0, 3), g.between(0, 3), 0, 0, g.between(0, 3), g.between(0, 3)]
        x = pad(g, x, pads, mode, g.choose(0.0, 0.0, 1.5) if mode == "constant" else 0.0)
        x = activation(g, same(g, x, 4))
    g.output(x)


def shuffled(g: GraphBuilder) -> None:
    """Depth to space and back, and channels shuffled as in ShuffleNet."""
    x = activation(g, same(g, g.noise(1, 3, 6, 8), 8))
    if g.maybe():
        n, channels, height, width = g.shape(x)
        x = g("Reshape", x, g.whole(n, 2, channels // 2, height, width))
        x = g("Reshape", g("Transpose", x, perm=[0, 2, 1, 3, 4]), g.whole(n, -1, height, width))
        x = activation(g, same(g, x, 8, 1))
    mode = {"mode": g.choose("DCR", "CRD")} if g.opset >= 11 else {}
    x = g("DepthToSpace", x, blocksize=2, **mode) if g.maybe() else g("SpaceToDepth", x, blocksize=2)
    g.output(same(g, x, 4) if g.maybe() else x)
