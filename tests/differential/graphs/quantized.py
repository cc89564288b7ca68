"""Sources that onnxruntime quantized: Q/DQ pairs or integer operators, on grids that clip at times."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tests.differential.graphs.builder import GraphBuilder
from tests.differential.graphs.convolutions import same
from tests.differential.graphs.forms import clip, dense

CALIBRATION = 12


def clipped(g: GraphBuilder) -> None:
    """Convolutions with the activations that onnxruntime leaves to the grid: Relu and Clip."""
    x = g.noise(1, 3, 8, 10)
    for _ in range(g.between(1, 2)):
        x = same(g, x, 6)
        x = g("Relu", x) if g.maybe(0.6) else clip(g, x, 0.0, g.choose(1.0, 6.0))
    g.output(same(g, x, 4) if g.maybe() else x)


def rows(g: GraphBuilder) -> None:
    """Dense layers with Relu between."""
    x = g.noise(1, 12)
    for width in (16, 8)[: g.between(1, 2)]:
        x = (
            dense(g, x, width)
            if g.maybe()
            else g("Gemm", x, g.weight(12 if width == 16 else 16, width), g.spread(width))
        )
        x = g("Relu", x) if g.shape(x)[1] == 16 or g.maybe() else x
        if g.shape(x)[1] == 8:
            break
    g.output(x)


def added(g: GraphBuilder) -> None:
    """A residual sum with Relu, pooled at times."""
    x = g("Relu", same(g, g.noise(1, 3, 8, 10), 6))
    x = g("Relu", g("Add", x, same(g, x, 6)))
    x = g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]) if g.maybe() else x
    g.output(same(g, x, 4) if g.maybe() else x)


def turned(g: GraphBuilder) -> None:
    """A transposed convolution with Relu."""
    x = g("Relu", same(g, g.noise(1, 3, 5, 6), 6))
    x = g("Relu", g("ConvTranspose", x, g.weight(6, 4, 2, 2, gain=1.6), g.spread(4), strides=[2, 2]))
    g.output(same(g, x, 3) if g.maybe() else x)


def quantize(model: onnx.ModelProto, samples: list[dict[str, Any]], seed: int) -> onnx.ModelProto:
    """The model as onnxruntime's `quantize_static` writes it, in one of its forms."""
    from onnxruntime.quantization import QuantFormat

    random = np.random.default_rng(seed)
    form = QuantFormat.QOperator if random.random() < 0.4 else QuantFormat.QDQ
    per_channel = bool(random.random() < 0.5) and form is QuantFormat.QDQ
    symmetric = {"ActivationSymmetric": True} if random.random() < 0.2 and form is QuantFormat.QDQ else {}
    return static(model, samples, form=form, per_channel=per_channel, options=symmetric)


def static(
    model: onnx.ModelProto,
    samples: list[dict[str, Any]],
    *,
    form: Any = None,
    per_channel: bool = True,
    options: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    """`quantize_static` with u8 activations and a reduced range, so that AVX2 without VNNI saturates nothing."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    chosen: Callable[..., None] = quantize_static
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
            onnx.save(model, source)
            chosen(
                str(source),
                str(target),
                _Reader(samples),
                quant_format=form or QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=per_channel,
                reduce_range=True,
                extra_options=options or {},
            )
            return onnx.load(target)
    finally:
        logging.getLogger().setLevel(level)


class _Reader:
    """What `quantize_static` calls a CalibrationDataReader."""

    def __init__(self, samples: list[dict[str, Any]]) -> None:
        self._samples = iter(samples)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)
