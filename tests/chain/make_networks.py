"""Makes the networks of this folder: `python tests/chain/make_networks.py [FOLDER]`.

They are exact by construction: the centre of mass and the spread of what is bright, so that a test can say where a disc
lies to a tenth of a pixel. They are committed, because the device tests run without onnx.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEW = 1e-6
"""Light that counts as none."""


class Graph:
    """An ONNX graph of floats under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: object, kind: type[np.generic] = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: object) -> str:
        to = to or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [to], **attributes))
        return to

    def model(self, shape: list[int], outputs: dict[str, list[int]]) -> bytes:
        def value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        ends = [value(name, each) for name, each in outputs.items()]
        graph = helper.make_graph(self.nodes, "discs", [value("picture", shape)], ends, self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made, full_check=True)
        return bytes(made.SerializeToString(deterministic=True))


def moments(g: Graph, channels: int, height: int, width: int) -> tuple[str, str, str]:
    """Light of each channel [1, C, 1], its centre x, y [1, C, 2], and twice its standard deviation [1, C, 2], which is
    the radius of a disc of even light."""
    light = g.add("ReduceSum", "picture", g.constant([2, 3], np.int64), keepdims=0)
    light = g.add("Reshape", light, g.constant([1, channels, 1], np.int64))
    some = g.add("Add", light, g.constant(FEW))
    centers, radii = [], []
    for axis, size in ((2, width), (3, height)):
        at = np.arange(size) + 0.5
        profile = g.add("ReduceSum", "picture", g.constant([axis], np.int64), keepdims=0)
        sums = g.add("MatMul", profile, g.constant(np.stack([at, at**2], axis=1)))
        means = g.add("Div", sums, some)
        mean = g.add("Slice", means, *(g.constant([each], np.int64) for each in (0, 1, 2)))
        square = g.add("Slice", means, *(g.constant([each], np.int64) for each in (1, 2, 2)))
        variance = g.add("Sub", square, g.add("Mul", mean, mean))
        spread = g.add("Sqrt", g.add("Max", variance, g.constant(0.0)))
        centers.append(mean)
        radii.append(g.add("Mul", spread, g.constant(2.0)))
    return light, g.add("Concat", *centers, axis=2), g.add("Concat", *radii, axis=2)


def discs() -> bytes:
    """float32[1, 3, 48, 64] RGB 0..1 -> rows float32[1, 3, 6]: the box of what is bright in each channel, the score (a
    tenth of its light, at most 1), and the number of the channel."""
    g = Graph()
    light, center, radius = moments(g, 3, 48, 64)
    score = g.add("Min", g.add("Mul", light, g.constant(0.1)), g.constant(1.0))
    low, high = g.add("Sub", center, radius), g.add("Add", center, radius)
    kinds = g.constant([[[0], [1], [2]]])
    g.add("Concat", low, high, score, kinds, to="rows", axis=2)
    return g.model([1, 3, 48, 64], {"rows": [1, 3, 6]})


def shape() -> bytes:
    """float32[1, 1, 48, 48] grey 0..1 -> points float32[1, 10]: centre, right, lower, left and upper end of what is
    bright; presence float32[1, 1]: a fiftieth of its light, at most 1."""
    g = Graph()
    light, center, radius = moments(g, 1, 48, 48)
    ends = [[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]]
    reach = g.add("Mul", radius, g.constant([ends]))
    g.add("Reshape", g.add("Add", center, reach), g.constant([1, 10], np.int64), to="points")
    part = g.add("Min", g.add("Mul", light, g.constant(0.02)), g.constant(1.0))
    g.add("Reshape", part, g.constant([1, 1], np.int64), to="presence")
    return g.model([1, 1, 48, 48], {"points": [1, 10], "presence": [1, 1]})


def centers() -> bytes:
    """float32[1, 3, 96, 96] RGB 0..1 -> points float32[1, 6]: the centre of what is bright in each channel."""
    g = Graph()
    _, center, _ = moments(g, 3, 96, 96)
    g.add("Reshape", center, g.constant([1, 6], np.int64), to="points")
    return g.model([1, 3, 96, 96], {"points": [1, 6]})


def color() -> bytes:
    """float32[1, 3, 8, 8] RGB 0..1 -> scores float32[1, 3]: the part of the light that each channel has; of black all
    three a third."""
    g = Graph()
    light = g.add("ReduceSum", "picture", g.constant([2, 3], np.int64), keepdims=0)
    some = g.add("Add", light, g.constant(FEW))
    g.add("Div", some, g.add("ReduceSum", some, g.constant([1], np.int64), keepdims=1), to="scores")
    return g.model([1, 3, 8, 8], {"scores": [1, 3]})


NETWORKS = {"discs.onnx": discs, "shape.onnx": shape, "centers.onnx": centers, "color.onnx": color}


def main() -> None:
    """Writes every network."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, make in NETWORKS.items():
        (folder / name).write_bytes(make())


if __name__ == "__main__":
    main()
