"""Convolutional networks: geometry, groups, residuals, branches, norms, transposed convolutions."""

from __future__ import annotations

from typing import Any

from tests.differential.graphs.builder import GraphBuilder
from tests.differential.graphs.forms import clip, pad, reduce


def activation(g: GraphBuilder, x: str) -> str:
    """One that convolutional networks use, or none."""
    kind = g.choose("Relu", "Relu", "relu6", "LeakyRelu", "Sigmoid", "Tanh", "none")
    if kind == "relu6":
        return clip(g, x, 0.0, 6.0)
    return x if kind == "none" else g(kind, x)


def conv(
    g: GraphBuilder,
    x: str,
    out: int,
    kernel: tuple[int, ...],
    *,
    group: int = 1,
    bias: bool = True,
    **attributes: Any,
) -> str:
    """A convolution with seeded weights."""
    channels = g.shape(x)[1]
    weights = g.weight(out, channels // group, *kernel, gain=1.4)
    inputs = [x, weights, *([g.spread(out)] if bias else [])]
    return g("Conv", *inputs, group=group, **attributes)


def same(g: GraphBuilder, x: str, out: int, size: int = 3, **attributes: Any) -> str:
    """A convolution that keeps the size of the picture."""
    return conv(g, x, out, (size, size), pads=[size // 2] * 4, bias=g.maybe(0.7), **attributes)


def batch_norm(g: GraphBuilder, x: str) -> str:
    """A batch normalization with statistics as after training."""
    channels = g.shape(x)[1]
    scale, bias = g.spread(channels, low=0.5, high=1.5), g.spread(channels)
    mean, variance = g.spread(channels), g.spread(channels, low=0.3, high=2.0)
    return g("BatchNormalization", x, scale, bias, mean, variance, epsilon=g.choose(1e-5, 1e-3))


def geometry(g: GraphBuilder) -> None:
    """Kernels, strides, dilations, groups, pads of every kind."""
    x = g.noise(1, g.choose(1, 3, 4, 6), g.between(11, 17), g.between(18, 24))
    for _ in range(g.between(1, 3)):
        channels = g.shape(x)[1]
        group = g.choose(*[d for d in (1, 1, 2, 3, channels) if channels % d == 0])
        kernel = (g.between(1, 4), g.between(1, 4))
        attributes: dict[str, Any] = {"strides": [g.between(1, 2), g.between(1, 2)]}
        how = g.choose("pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID")
        if how == "pads":
            attributes["pads"] = [g.between(0, 2) for _ in range(4)]
        elif how != "none":
            attributes["auto_pad"] = how
        if g.maybe(0.3) and how in ("pads", "none"):
            attributes["dilations"] = [g.between(1, 2), g.between(1, 2)]
        if g.maybe():
            attributes["kernel_shape"] = list(kernel)
        x = activation(
            g, conv(g, x, group * g.between(1, 4), kernel, group=group, bias=g.maybe(), **attributes)
        )
        if min(g.shape(x)[2:]) < 5:
            break
    g.output(x)


def depthwise(g: GraphBuilder) -> None:
    """Depthwise and pointwise convolutions, with multipliers and batch norms."""
    x = activation(g, same(g, g.noise(1, 3, 12, 16), 8, strides=[2, 2]))
    for _ in range(g.between(1, 3)):
        channels, size = g.shape(x)[1], g.choose(3, 5)
        x = same(g, x, channels * g.choose(1, 1, 2), size, group=channels)
        x = clip(g, batch_norm(g, x) if g.maybe() else x, 0.0, 6.0)
        x = same(g, x, g.choose(8, 12), 1)
        x = activation(g, batch_norm(g, x))
    g.output(x)


def residual(g: GraphBuilder) -> None:
    """Sums over skipped layers, the skip projected at times."""
    x = g("Relu", same(g, g.noise(1, 3, 10, 14), 8))
    for _ in range(g.between(1, 3)):
        out = g.choose(8, 8, 12)
        body = same(g, g("Relu", batch_norm(g, same(g, x, out))), out)
        skip = x if out == g.shape(x)[1] else same(g, x, out, 1)
        x = g("Add", *((body, skip) if g.maybe() else (skip, body)))
        x = activation(g, x)
    if g.maybe():
        x = g("Flatten", g("GlobalAveragePool", x))
    g.output(x)


def branches(g: GraphBuilder) -> None:
    """Branches of unlike range, joined by Concat along the channels."""
    x = g("Relu", same(g, g.noise(1, 3, 11, 13), 6))
    parts = [
        g("Mul", same(g, x, 4), g.constant(g.choose(0.1, 1.0, 8.0))),
        g("Relu", same(g, x, 3, 5)),
        g("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1]),
        g("Sigmoid", same(g, x, 2, 1)),
        x,
    ]
    chosen = parts[: g.between(2, 5)]
    joined = g("Concat", *chosen, axis=1)
    g.output(same(g, joined, 5) if g.maybe(0.7) else joined)


def normed(g: GraphBuilder) -> None:
    """Batch norms behind and before convolutions, on the input, and alone."""
    x = g.noise(1, 4, 9, 13)
    if g.maybe():
        x = batch_norm(g, x)
    x = g("Relu", batch_norm(g, same(g, x, 8)))
    if g.maybe():
        x = same(g, g("Relu", batch_norm(g, x)), 6)
    if g.maybe():
        x = g("InstanceNormalization", x, g.spread(g.shape(x)[1], low=0.5, high=1.5), g.spread(g.shape(x)[1]))
    g.output(batch_norm(g, x) if g.maybe() else x)


def excited(g: GraphBuilder) -> None:
    """Squeeze and excitation: channels scaled by what a small branch says."""
    x = activation(g, same(g, g.noise(1, 3, 12, 9), 8))
    pooled = g("GlobalAveragePool", x) if g.maybe() else reduce(g, "ReduceMean", x, [2, 3])
    inner = g("Relu", same(g, pooled, 4, 1))
    gate = g(g.choose("Sigmoid", "HardSigmoid"), same(g, inner, 8, 1))
    x = g("Mul", *((x, gate) if g.maybe() else (gate, x)))
    g.output(same(g, x, 5))


def transposed(g: GraphBuilder) -> None:
    """ConvTranspose with its pads, groups and batch norms, as generators have them."""
    x = g.noise(1, g.choose(4, 6), g.between(3, 5), g.between(6, 8))
    for _ in range(g.between(1, 2)):
        channels = g.shape(x)[1]
        group = g.choose(1, 1, 1, 2) if channels % 2 == 0 else 1
        kernel, stride = g.choose((4, 2), (3, 2), (2, 2), (3, 1), (5, 2), (4, 4), (1, 2))
        out = 3 * g.between(1, 2)
        fan = channels // group * max(1, kernel // stride) ** 2
        weights = g.weight(channels, out, kernel, kernel, gain=(out * kernel * kernel / fan) ** 0.5)
        attributes: dict[str, Any] = {"strides": [stride, stride], "group": group}
        if kernel > 2 and g.maybe():
            attributes["pads"] = [1, 1, g.between(0, 1), 1]
        if stride == 2 and kernel == 3 and g.maybe():
            attributes["output_padding"] = [1, 1]
        elif g.maybe(0.2):
            attributes = {
                "strides": [stride, stride],
                "group": group,
                "auto_pad": g.choose("SAME_UPPER", "VALID"),
            }
        bias = [g.spread(out * group)] if g.maybe() else []
        x = g("ConvTranspose", x, weights, *bias, **attributes)
        x = g(g.choose("Relu", "LeakyRelu", "Tanh"), batch_norm(g, x) if g.maybe() else x)
        if max(g.shape(x)[2:]) > 20:
            break
    g.output(x)


def unet(g: GraphBuilder) -> None:
    """Down and up again, the way down joined to the way up."""
    one = activation(g, same(g, g.noise(1, 3, 8, 12), 6))
    two = activation(g, same(g, g("MaxPool", one, kernel_shape=[2, 2], strides=[2, 2]), 8))
    up = g("ConvTranspose", two, g.weight(8, 6, 2, 2, gain=1.7), strides=[2, 2])
    joined = g("Concat", up, one, axis=1)
    g.output(same(g, activation(g, same(g, joined, 6)), 2, 1))


def one_dimension(g: GraphBuilder) -> None:
    """Sound: 1-D convolutions and pools."""
    x = g.noise(1, g.choose(1, 4), g.between(40, 60))
    for _ in range(g.between(1, 3)):
        channels, group = g.shape(x)[1], 1
        if channels > 1 and g.maybe(0.4):
            group = channels
        pads = [g.between(0, 3), g.between(0, 3)]
        x = conv(g, x, group * g.between(2, 3), (g.between(1, 5),), group=group, pads=pads, strides=[g.between(1, 2)],
                 dilations=[g.between(1, 2)])  # fmt: skip
        x = activation(g, batch_norm(g, x) if g.maybe() else x)
        if g.maybe(0.3):
            x = g(g.choose("MaxPool", "AveragePool"), x, kernel_shape=[2], strides=[2])
    g.output(g("GlobalAveragePool", x) if g.maybe() else x)


def causal(g: GraphBuilder) -> None:
    """Dilated 1-D convolutions that look back alone, gated as in WaveNet."""
    x = conv(g, g.noise(1, 2, g.between(24, 40)), 6, (1,))
    for dilation in (1, 2, 4)[: g.between(1, 3)]:
        padded = pad(g, x, [0, 0, 2 * dilation, 0, 0, 0])
        inner = g("Tanh", conv(g, padded, 6, (3,), dilations=[dilation]))
        gate = g("Sigmoid", conv(g, padded, 6, (3,), dilations=[dilation]))
        x = g("Add", x, conv(g, g("Mul", inner, gate), 6, (1,)))
    g.output(conv(g, g("Relu", x), 3, (1,)))


def three_dimensions(g: GraphBuilder) -> None:
    """Video: a 3-D convolution and pool."""
    x = conv(g, g.noise(1, 2, 5, 8, 9), 4, (3, 3, 3), pads=[1] * 6, strides=[1, g.between(1, 2), 1])
    x = g("Relu", batch_norm(g, x) if g.maybe() else x)
    if g.maybe():
        x = g(g.choose("MaxPool", "AveragePool"), x, kernel_shape=[2, 2, 2], strides=[1, 2, 2])
    g.output(g("GlobalAveragePool", x) if g.maybe(0.3) else x)
