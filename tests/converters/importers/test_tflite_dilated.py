"""Convolutions between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND are dilated ones."""

from __future__ import annotations

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters.file_source import FileSource  # noqa: E402
from edgemm.converters.importers.tflite_graph import import_tflite  # noqa: E402
from edgemm.converters.passes import canonicalize  # noqa: E402
from edgemm.converters.reference import GraphSource  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402

Edges = tuple[list[list[int]], list[list[int]]]
"""Paddings and crops, of both axes."""
BLOCK, TAPS, HIGH, WIDE, CHANNELS = (2, 3), 3, 7, 8, 2


def dilated(code: str, edges: Edges, *, relu: bool = True, stride: int = 1) -> Model:
    """A convolution of 3 x 3 over what is spread over the batch, and put together again."""
    draw = np.random.default_rng(0)
    pads, crops = edges
    apart = [(size + sum(pad)) // block for size, pad, block in zip((HIGH, WIDE), pads, BLOCK, strict=True)]
    small = [-(-(size - TAPS + 1) // stride) for size in apart]
    filters = 4 if code == "CONV_2D" else CHANNELS
    weights = (filters, TAPS, TAPS, CHANNELS) if code == "CONV_2D" else (1, TAPS, TAPS, CHANNELS)
    count = BLOCK[0] * BLOCK[1]
    together = [size * block - sum(crop) for size, block, crop in zip(small, BLOCK, crops, strict=True)]
    tensors = [
        Given((1, HIGH, WIDE, CHANNELS)), constant(BLOCK, "int32"), constant(pads, "int32"),
        Given((count, *apart, CHANNELS)), constant(draw.normal(0, 0.4, weights).astype(np.float32)),
        constant(draw.normal(0, 0.4, filters).astype(np.float32)), Given((count, *small, filters)),
        constant(crops, "int32"), Given((1, *together, filters)),
    ]  # fmt: skip
    fields = {
        "padding": 1, "strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1,
        "fusedActivationFunction": int(relu),
    }  # fmt: skip
    options = ("Conv2DOptions", fields)
    if code != "CONV_2D":
        options = ("DepthwiseConv2DOptions", {**fields, "depthMultiplier": 1})
    steps = [
        Step("SPACE_TO_BATCH_ND", [0, 1, 2], [3]),
        Step(code, [3, 4, 5], [6], options),
        Step("BATCH_TO_SPACE_ND", [6, 1, 7], [8]),
    ]
    return Model(tensors, steps, [0], [8])


SAME: Edges = [[2, 3], [3, 4]], [[0, 1], [0, 1]]
"""Of 7 x 8, to 7 x 8."""
BEFORE: Edges = [[4, 1], [6, 1]], [[0, 1], [0, 1]]
MORE: Edges = [[0, 1], [0, 1]], [[1, 0], [0, 2]]
"""More is cropped than was padded."""


def kinds(model: Model) -> list[str]:
    graph = import_tflite(model.payload(), "m").model
    canonicalize(graph)
    return [node.op_type for node in graph.graph]


@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("edges", [SAME, BEFORE, MORE], ids=["same", "before", "more cropped"])
def test_it_computes_what_the_file_does(code: str, edges: Edges) -> None:
    found = import_tflite(dilated(code, edges).payload(), "m")
    draw = np.random.default_rng(1)
    name = found.file.inputs[0].name
    samples = Samples(
        tuple({name: draw.normal(size=(1, HIGH, WIDE, CHANNELS)).astype(np.float32)} for _ in range(3))
    )
    for ours, theirs in zip(
        GraphSource(found.model).answers(samples), FileSource(found.file).answers(samples), strict=True
    ):
        for each, right in theirs.items():
            np.testing.assert_allclose(ours[each], right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_it_is_one_convolution(code: str) -> None:
    assert kinds(dilated(code, SAME, relu=False)) == ["Transpose", "Conv", "Transpose"]


def test_a_stride_is_something_else() -> None:
    edges = [[4, 1], [6, 1]], [[0, 0], [0, 0]]
    assert "Reshape" in kinds(dilated("CONV_2D", edges, stride=2))
