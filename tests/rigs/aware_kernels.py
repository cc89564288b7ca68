"""One integer operator by itself: as training computes it, and as a written file does in its runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx import numpy_helper, parser

from edgemm.converters.measure import run_artifact
from edgemm.converters.passes import canonicalize
from edgemm.converters.samples import Samples
from edgemm.converters.written import Format, Settings, write_plan
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.aware import QuantizedNetwork

PICTURE, ROWS = (1, 8, 12, 12), (1, 6, 16)
OPERATORS: dict[str, tuple[tuple[int, ...], str]] = {
    "average of 2 x 2": (PICTURE, "y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)"),
    "average of 3 x 3, pads as SAME": (PICTURE, "y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)"),
    "average of 4 x 2 and Relu": (PICTURE, "a = AveragePool<kernel_shape=[4,2]>(x) y = Relu(a)"),
    "sum": (PICTURE, "a = Conv(x, w) y = Add(x, a)"),
    "sum and Relu": (PICTURE, "a = Conv(x, w) b = Add(x, a) y = Relu(b)"),
    "sum with a constant": (PICTURE, "y = Add(x, c)"),
    "difference": (PICTURE, "a = Conv(x, w) y = Sub(x, a)"),
    "picture of twice the size": (PICTURE, 'y = Resize<mode="linear">(x, , t)'),
    "picture of five thirds": (
        PICTURE,
        'y = Resize<mode="linear", coordinate_transformation_mode="asymmetric">(x, , , u)',
    ),
    "nearest": (PICTURE, 'y = Resize<mode="nearest">(x, , t)'),
    "LeakyRelu": (PICTURE, "y = LeakyRelu<alpha=0.2>(x)"),
    "PRelu": (PICTURE, "y = PRelu(x, c)"),
    "product with weights": (ROWS, "y = MatMul(x, v)"),
    "product of two activations": (ROWS, "a = Transpose<perm=[0,2,1]>(x) y = MatMul(x, a)"),
}
"""Name -> the shape of its input, and its graph."""


def model_of(shape: tuple[int, ...], nodes: str, seed: int = 0) -> ir.Model:
    """A canonical graph; `w` is a 1 x 1 convolution of 8 channels, `c` one number for each, `v` a dense
    layer."""
    size = ",".join(map(str, shape))
    proto = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g (float[{size}] x) => (float y) {{ {nodes} }}'
    )
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    generator = np.random.default_rng(seed)
    for name, many in (("t", np.array([1, 1, 2, 2], np.float32)), ("u", np.array([1, 8, 20, 20], np.int64))):
        if f" {name})" in nodes:
            proto.graph.initializer.append(numpy_helper.from_array(many, name))
    used = {name for node in proto.graph.node for name in node.input}
    for name, each in {"w": (8, 8, 1, 1), "c": (8, 1, 1), "v": (16, 10)}.items():
        if name in used:
            array = generator.standard_normal(each).astype(np.float32)
            proto.graph.initializer.append(numpy_helper.from_array(array, name))
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


def steps_apart(
    shape: tuple[int, ...],
    nodes: str,
    suffix: Format,
    *,
    format_: str | None,
    seed: int = 0,
    count: int = 40,
    sizes: tuple[float, ...] = (0.3, 1.0, 1.5),
) -> Any:
    """File minus training, in whole steps of the output's grid.

    Args:
        sizes: of the input's numbers; each sample has one of them.
    """
    generator = np.random.default_rng(seed + 1)
    drawn = [
        {"x": (generator.standard_normal(shape) * generator.choice(sizes)).astype(np.float32)}
        for _ in range(count + 16)
    ]
    model = model_of(shape, nodes, seed)
    plan = make_plan(model, calibrate(model, drawn[:16]), scheme="static")
    net = QuantizedNetwork(model, plan, format=format_)
    written = write_plan(model, plan, suffix, Settings())
    name = written.outputs[0].name
    theirs = np.stack([each[name] for each in run_artifact(written, Samples(tuple(drawn[16:]))).outputs])
    with torch.no_grad():
        ours = np.stack([net(torch.from_numpy(each["x"])).numpy() for each in drawn[16:]])
    return np.rint((theirs - ours) / plan.activations[name].scalar)
