"""Seeded .onnx sources of known sizes, as PyTorch's exporter writes such networks: made with onnx alone, so that a
measurement of the converter has no torch in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.mobilenet_blocks import MOBILENET_V2

OPSET = 17
Array = npt.NDArray[Any]


class Draft:
    """A graph under construction: each method adds operators and gives the name of what they compute."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, array: Array | np.float32) -> str:
        """An initializer."""
        name = f"w{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int, fan_in: int) -> str:
        """Seeded, of the size that keeps the variance behind a ReLU."""
        values = self._random.standard_normal(shape, np.float32) * np.float32((2.0 / fan_in) ** 0.5)
        return self.constant(values)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operator."""
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=f"/{kind}_{name}", **attributes))
        return name

    def conv(
        self, x: str, ins: int, outs: int, kernel: int, stride: int = 1, *, groups: int = 1, gain: float = 1.0
    ) -> str:
        """A convolution with a bias, padded to the size of its input."""
        fan_in = int(ins // groups * kernel * kernel / gain**2)
        weights = self.weights(outs, ins // groups, kernel, kernel, fan_in=fan_in)
        bias = self.constant(0.1 * self._random.standard_normal(outs, np.float32))
        pad = kernel // 2
        return self.op(
            "Conv", x, weights, bias, kernel_shape=[kernel, kernel], strides=[stride, stride],
            pads=[pad] * 4, group=groups, dilations=[1, 1],
        )  # fmt: skip

    def linear(self, x: str, ins: int, outs: int, gain: float = 0.7) -> str:
        """MatMul and Add, as torch exports a Linear on three dimensions."""
        product = self.op("MatMul", x, self.weights(ins, outs, fan_in=int(ins / gain**2)))
        return self.op("Add", self.constant(0.1 * self._random.standard_normal(outs, np.float32)), product)

    def gelu(self, x: str) -> str:
        """Written out by the error function, as torch exports it."""
        root, one, half = (self.constant(np.array(each, np.float32)) for each in (2.0**0.5, 1.0, 0.5))
        erf = self.op("Erf", self.op("Div", x, root))
        return self.op("Mul", self.op("Mul", x, self.op("Add", erf, one)), half)

    def norm(self, x: str, size: int) -> str:
        """A layer norm over the last dimension."""
        scale = self.constant(1.0 + 0.1 * self._random.standard_normal(size, np.float32))
        shift = self.constant(0.1 * self._random.standard_normal(size, np.float32))
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-6)

    def model(self, output: str, size: int, outs: int) -> onnx.ModelProto:
        """The whole of it, from a picture to scores."""
        picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, size, size])
        scores = helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, outs])
        graph = helper.make_graph(self._nodes, "main", [picture], [scores], self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def resnet(depths: tuple[int, ...] = (3, 4, 6, 3), width: int = 64, size: int = 224) -> onnx.ModelProto:
    """ResNet50 and smaller: bottlenecks of a quarter of their width, batch norms folded."""
    draft = Draft()
    x = draft.op("Relu", draft.conv("x", 3, width, 7, 2))
    x = draft.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    ins = width
    for stage, depth in enumerate(depths):
        inner = width << stage
        for block in range(depth):
            stride = 2 if stage and not block else 1
            y = draft.op("Relu", draft.conv(x, ins, inner, 1))
            y = draft.op("Relu", draft.conv(y, inner, inner, 3, stride))
            y = draft.conv(y, inner, 4 * inner, 1, gain=0.5)
            short = x if block else draft.conv(x, ins, 4 * inner, 1, stride)
            x, ins = draft.op("Relu", draft.op("Add", y, short)), 4 * inner
    x = draft.op("Flatten", draft.op("GlobalAveragePool", x), axis=1)
    outs = 1000
    weights = draft.weights(outs, ins, fan_in=2 * ins)
    scores = draft.op("Gemm", x, weights, draft.constant(np.zeros(outs, np.float32)), transB=1)
    return draft.model(scores, size, outs)


def mobilenet(size: int = 224) -> onnx.ModelProto:
    """MobileNetV2, batch norms folded."""
    draft = Draft()

    def relu6(x: str) -> str:
        return draft.op(
            "Clip", x, draft.constant(np.array(0, np.float32)), draft.constant(np.array(6, np.float32))
        )

    x, ins = relu6(draft.conv("x", 3, 32, 3, 2)), 32
    for expansion, outs, blocks, first in MOBILENET_V2:
        for block in range(blocks):
            inner, stride = ins * expansion, 1 if block else first
            y = relu6(draft.conv(x, ins, inner, 1)) if expansion > 1 else x
            y = relu6(draft.conv(y, inner, inner, 3, stride, groups=inner))
            y = draft.conv(y, inner, outs, 1, gain=0.7)
            x = draft.op("Add", x, y) if block else y
            ins = outs
    x = relu6(draft.conv(x, ins, 1280, 1))
    x = draft.op("Flatten", draft.op("GlobalAveragePool", x), axis=1)
    weights = draft.weights(1000, 1280, fan_in=2560)
    scores = draft.op("Gemm", x, weights, draft.constant(np.zeros(1000, np.float32)), transB=1)
    return draft.model(scores, size, 1000)


def vit(
    depth: int = 12, width: int = 768, heads: int = 12, size: int = 224, patch: int = 16
) -> onnx.ModelProto:
    """ViT-base and smaller."""
    draft = Draft()
    tokens, each = (size // patch) ** 2, width // heads
    weights = draft.weights(width, 3, patch, patch, fan_in=3 * patch * patch)
    x = draft.op(
        "Conv", "x", weights, draft.constant(np.zeros(width, np.float32)),
        kernel_shape=[patch, patch], strides=[patch, patch], pads=[0] * 4, group=1, dilations=[1, 1],
    )  # fmt: skip
    x = draft.op("Reshape", x, draft.constant(np.array([1, width, tokens], np.int64)))
    x = draft.op("Transpose", x, perm=[0, 2, 1])
    x = draft.op("Concat", draft.weights(1, 1, width, fan_in=2), x, axis=1)
    tokens += 1
    x = draft.op("Add", x, draft.weights(1, tokens, width, fan_in=8))
    split = draft.constant(np.array([1, tokens, heads, each], np.int64))
    joined = draft.constant(np.array([1, tokens, width], np.int64))
    scale = draft.constant(np.array(each**-0.25, np.float32))
    for _ in range(depth):
        y = draft.norm(x, width)
        query, key, value = (draft.op("Reshape", draft.linear(y, width, width), split) for _ in range(3))
        query, value = (draft.op("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
        key = draft.op("Transpose", key, perm=[0, 2, 3, 1])
        scores = draft.op("MatMul", draft.op("Mul", query, scale), draft.op("Mul", key, scale))
        y = draft.op("MatMul", draft.op("Softmax", scores, axis=-1), value)
        y = draft.op("Reshape", draft.op("Transpose", y, perm=[0, 2, 1, 3]), joined)
        x = draft.op("Add", x, draft.linear(y, width, width))
        y = draft.gelu(draft.linear(draft.norm(x, width), width, 4 * width))
        x = draft.op("Add", x, draft.linear(y, 4 * width, width))
    first = draft.op("Gather", draft.norm(x, width), draft.constant(np.array(0, np.int64)), axis=1)
    head = draft.weights(1000, width, fan_in=2 * width)
    return draft.model(
        draft.op("Gemm", first, head, draft.constant(np.zeros(1000, np.float32)), transB=1), size, 1000
    )


def chain(count: int, size: int = 8) -> onnx.ModelProto:
    """A graph of so many nodes that compute next to nothing: what it costs to convert is the converter's own."""
    draft = Draft()
    x = draft.conv("x", 3, 4, 1)
    while len(draft._nodes) < count - 3:
        y = draft.op("Relu", draft.conv(x, 4, 4, 3))
        x = draft.op("Add", draft.conv(y, 4, 4, 1, gain=0.3), x)
    x = draft.op("Flatten", draft.op("GlobalAveragePool", x), axis=1)
    return draft.model(draft.op("Gemm", x, draft.weights(4, 4, fan_in=4)), size, 4)


QUICK: dict[str, tuple[Callable[[], onnx.ModelProto], int]] = {
    "resnet_small": (lambda: resnet((1, 1, 1, 1), 32, 96), 96),
    "mobilenet_v2": (lambda: mobilenet(96), 96),
    "vit_small": (lambda: vit(4, 192, 3, 96), 96),
}
"""Name -> the network, and the side of its picture."""
LARGE: dict[str, tuple[Callable[[], onnx.ModelProto], int]] = {
    "mobilenet_v2_224": (mobilenet, 224),
    "resnet50": (resnet, 224),
    "vit_base": (vit, 224),
}


def write(model: onnx.ModelProto, size: int, folder: Path, samples: int) -> tuple[Path, Path]:
    """The source and data to calibrate with.

    Returns:
        The .onnx and an .npz of `samples` seeded pictures, smooth as photographs are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source, data = folder / "source.onnx", folder / "data.npz"
    source.write_bytes(model.SerializeToString())
    random = np.random.default_rng(1)
    coarse = random.standard_normal((samples, 3, size // 8, size // 8), np.float32)
    smooth = coarse.repeat(8, axis=2).repeat(8, axis=3)
    fine = np.float32(0.3) * random.standard_normal(smooth.shape, np.float32)
    np.savez(data, x=smooth[:, None] + fine[:, None])
    return source, data
