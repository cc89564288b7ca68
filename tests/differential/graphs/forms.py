"""Operators whose form depends on the opset: attributes in old ones, inputs in new ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.differential.graphs.builder import GraphBuilder

AXES_AS_INPUT = {"ReduceSum": 13}
"""Reduction -> first opset that takes its axes as an input; 18 for the others."""


def pad(g: GraphBuilder, x: str, pads: Sequence[int], mode: str = "constant", value: float = 0.0) -> str:
    """Pad by (begins..., ends...)."""
    if g.opset < 11:
        return g("Pad", x, pads=list(pads), mode=mode, value=float(value))
    fill = [g.constant(value)] if mode == "constant" and (value or g.maybe()) else []
    return g("Pad", x, g.whole(*pads), *fill, mode=mode)


def clip(g: GraphBuilder, x: str, low: float | None, high: float | None) -> str:
    """Clip with one end or both."""
    if g.opset < 11:
        ends = {"min": low, "max": high}
        return g("Clip", x, **{key: float(end) for key, end in ends.items() if end is not None})
    inputs = ["" if end is None else g.constant(np.dtype(g.dtype).type(end)) for end in (low, high)]
    return g("Clip", x, *(inputs if high is not None else inputs[:1]))


def reduce(g: GraphBuilder, operator: str, x: str, axes: Sequence[int] | None, keepdims: int = 1) -> str:
    """A reduction over some axes, or all."""
    if g.opset < AXES_AS_INPUT.get(operator, 18):
        known = {} if axes is None else {"axes": list(axes)}
        return g(operator, x, keepdims=keepdims, **known)
    return g(operator, x, *([] if axes is None else [g.whole(*axes)]), keepdims=keepdims)


def split(g: GraphBuilder, x: str, sizes: Sequence[int], axis: int) -> tuple[str, ...]:
    """Parts of the given sizes."""
    if g.opset < 13:
        return g.nodes("Split", x, count=len(sizes), axis=axis, split=list(sizes))
    if len(set(sizes)) == 1 and g.maybe():
        told = {"num_outputs": len(sizes)} if g.opset >= 18 else {}
        return g.nodes("Split", x, count=len(sizes), axis=axis, **told)
    return g.nodes("Split", x, g.whole(*sizes), count=len(sizes), axis=axis)


def cut(
    g: GraphBuilder,
    x: str,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> str:
    """Slice; steps need opset 10."""
    if g.opset < 10:
        return g("Slice", x, starts=list(starts), ends=list(ends), axes=list(axes))
    more = [g.whole(*steps)] if steps is not None else []
    return g("Slice", x, g.whole(*starts), g.whole(*ends), g.whole(*axes), *more)


def squeeze(g: GraphBuilder, x: str, *axes: int) -> str:
    """Without some dimensions of one."""
    return g("Squeeze", x, axes=list(axes)) if g.opset < 13 else g("Squeeze", x, g.whole(*axes))


def unsqueeze(g: GraphBuilder, x: str, *axes: int) -> str:
    """With new dimensions of one."""
    return g("Unsqueeze", x, axes=list(axes)) if g.opset < 13 else g("Unsqueeze", x, g.whole(*axes))


def softmax(g: GraphBuilder, x: str, operator: str = "Softmax") -> str:
    """Over the last axis, which every opset means alike."""
    return g(operator, x, axis=last(g, x))


def last(g: GraphBuilder, x: str) -> int:
    """The last axis; old opsets know no negative ones."""
    return -1 if g.opset >= 11 and g.maybe() else len(g.shape(x)) - 1


def gelu(g: GraphBuilder, x: str) -> str:
    """As one operator where there is one, else as exporters write it."""
    if g.opset >= 20 and g.maybe():
        return g("Gelu", x, approximate=g.choose("none", "tanh"))
    half = g("Mul", x, g.constant(0.5))
    if g.maybe(0.3):
        cube = g("Mul", g("Mul", x, x), x)
        inner = g("Add", x, g("Mul", cube, g.constant(0.044715)))
        return g("Mul", half, g("Add", g("Tanh", g("Mul", inner, g.constant(0.7978846))), g.constant(1.0)))
    return g("Mul", half, g("Add", g("Erf", g("Div", x, g.constant(2**0.5))), g.constant(1.0)))


def layer_norm(g: GraphBuilder, x: str) -> str:
    """Over the last axis, in one operator or as older exporters write it."""
    width = g.shape(x)[-1]
    scale, bias = g.spread(width, low=0.5, high=1.5), g.spread(width)
    if g.opset >= 17 and g.maybe():
        return g("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)
    axes = [last(g, x)]
    centred = g("Sub", x, reduce(g, "ReduceMean", x, axes))
    square = g("Pow", centred, g.constant(2.0)) if g.maybe() else g("Mul", centred, centred)
    spread = g("Sqrt", g("Add", reduce(g, "ReduceMean", square, axes), g.constant(1e-5)))
    return g("Add", g("Mul", g("Div", centred, spread), scale), bias)


def dense(g: GraphBuilder, x: str, width: int, *, bias: bool = True) -> str:
    """x W + b over the last axis, as MatMul and Add."""
    inside = g.shape(x)[-1]
    weights = (g.random.standard_normal((inside, width)) / inside**0.5).astype(g.dtype)
    product = g("MatMul", x, g.constant(weights))
    if not bias:
        return product
    added = g.spread(width)
    return g("Add", product, added) if g.maybe() else g("Add", added, product)
