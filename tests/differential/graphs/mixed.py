"""Heads of detectors, moves, choices, types, outputs, values that are infinite on the way."""

from __future__ import annotations

import numpy as np

from tests.differential.graphs.builder import GraphBuilder, flags, uniform, whole
from tests.differential.graphs.convolutions import activation, conv, same
from tests.differential.graphs.forms import clip, cut, dense, pad, reduce, softmax, split, squeeze, unsqueeze
from tests.differential.graphs.sequences import g_type


def detector(g: GraphBuilder) -> None:
    """Boxes in pixels and scores in one output, or in one each, from one map or two."""
    x = activation(g, same(g, g.noise(1, 3, 12, 16), 8, strides=[2, 2]))
    classes, rows = g.between(2, 5), []
    for stride in (2, 4)[: g.between(1, 2)]:
        raw = conv(g, x, 4 + classes, (1, 1))
        n, channels, height, width = g.shape(raw)
        flat = g("Reshape", raw, g.whole(n, channels, height * width))
        boxes, scores = split(g, flat, [4, classes], 1)
        sizes = g("Mul", g("Exp", clip(g, boxes, -2.0, 2.0)), g.constant(20.0 * stride))
        rows.append((sizes, g("Sigmoid", scores)))
        x = activation(g, same(g, x, 8, strides=[2, 2]))
    parts = [g("Concat", *each, axis=2) if len(each) > 1 else each[0] for each in zip(*rows, strict=True)]
    if g.maybe(0.6):
        joined = g("Concat", *parts, axis=1)
        g.output(g("Transpose", joined, perm=[0, 2, 1]) if g.maybe() else joined)
    else:
        g.output(*parts)


def moves(g: GraphBuilder) -> None:
    """Slice, Pad, Gather, Split, Transpose, Reshape, Expand, Tile, Concat in a row, behind a layer or none."""
    x = g.noise(1, 4, 6, 8)
    if g.maybe(0.7):
        x = activation(g, same(g, x, 4))
    for _ in range(g.between(2, 4)):
        x = _moved(g, x)
    g.output(x)


def _moved(g: GraphBuilder, x: str) -> str:
    shape = g.shape(x)
    rank, axis = len(shape), g.between(1, len(shape) - 1)
    kind = g.choose("cut", "back", "pad", "gather", "split", "turn", "flat", "expand", "tile", "twice")
    if kind == "cut" and shape[axis] > 2:
        return cut(g, x, [1], [shape[axis] - 1], [axis])
    if kind == "back" and g.opset >= 10:
        return cut(g, x, [-1], [-(2**31)], [axis], [-1])
    if kind == "pad":
        return pad(g, x, [0] * axis + [1] + [0] * (rank - axis - 1) + [0] * rank)
    if kind == "gather":
        return g("Gather", x, g.whole(*(g.between(0, shape[axis] - 1) for _ in range(3))), axis=axis)
    if kind == "split" and shape[axis] % 2 == 0:
        one, two = split(g, x, [shape[axis] // 2] * 2, axis)
        return g("Concat", two, one, axis=axis)
    if kind == "turn":
        return g("Transpose", x, perm=[0, *(1 + int(i) for i in g.random.permutation(rank - 1))])
    if kind == "flat" and rank == 4:
        return unsqueeze(g, g("Reshape", x, g.whole(0, -1, shape[3])), g.between(1, 2))
    if kind == "expand" and g.maybe(0.4):
        return squeeze(g, g("Expand", unsqueeze(g, x, 1), g.whole(1, 2, *shape[1:])), 0)
    if kind == "tile":
        return g("Tile", x, g.whole(*(2 if i == axis and shape[i] < 9 else 1 for i in range(rank))))
    return g("Concat", x, g("Neg", x), axis=axis) if shape[axis] < 9 else x


def shapes_computed(g: GraphBuilder) -> None:
    """Sizes that the graph finds out by itself, as exporters of open shapes write them."""
    x = activation(g, same(g, g.noise(1, 3, 6, 9), 4))
    shape = g("Shape", x)
    batch = unsqueeze(g, g("Gather", shape, g.constant(np.array(0, np.int64)), axis=0), 0)
    rest = g("Concat", batch, g.whole(-1), axis=0)
    flat = g("Reshape", x, rest)
    if g.maybe():
        ones = g("ConstantOfShape", g("Shape", flat), value=_scalar(0.5))
        flat = g("Add", flat, ones)
    g.output(dense(g, flat, 5))


def _scalar(value: float) -> object:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array([value], np.float32))


def choices(g: GraphBuilder) -> None:
    """Comparisons, logic and Where, the answers in numbers or booleans."""
    x, y = g.noise(2, 7), g.noise(2, 7)
    x = dense(g, x, 7) if g.maybe(0.6) else x
    more, less = g("Greater", x, y), g("Less", x, g.constant(0.5))
    both = g(g.choose("And", "Or", "Xor"), more, g("Not", less))
    kind = g.choose("where", "where", "bool", "count", "cast")
    if kind == "where":
        g.output(g("Where", both, x, g.choose(y, g.constant(-1.0))))
    elif kind == "bool":
        g.output(both)
    elif kind == "count":
        g.output(reduce(g, "ReduceSum", g("Cast", both, to=g_type(g)), [1]))
    else:
        g.output(g("Mul", g("Cast", both, to=g_type(g)), x))


def picked(g: GraphBuilder) -> None:
    """The best class, the k best and their places."""
    scores = dense(g, g.noise(g.choose(1, 3), 12), g.between(6, 10))
    kind = g.choose("ArgMax", "ArgMin", "TopK", "TopK", "map")
    if kind == "map":
        classes = same(g, g("Relu", same(g, g.noise(1, 3, 7, 10), 6)), 4)
        g.output(g("ArgMax", classes, axis=1, keepdims=g.between(0, 1)))
    elif kind == "TopK":
        amount = g.between(1, 3)
        if g.opset < 10:
            g.output(*g.nodes("TopK", scores, count=2, k=amount, axis=1))
        else:
            smallest = {"largest": g.between(0, 1)} if g.opset >= 11 else {}
            g.output(*g.nodes("TopK", scores, g.whole(amount), count=2, axis=1, **smallest))
    else:
        g.output(g(kind, scores, axis=1, keepdims=g.between(0, 1)))
        if g.maybe():
            g.output(softmax(g, scores))


def types(g: GraphBuilder) -> None:
    """Inputs and outputs that are booleans or whole numbers, and casts between them."""
    kind = g.choose("bool in", "int in", "bytes in", "bool out", "int out", "int arithmetic")
    x = g.noise(1, 9)
    if kind == "bool in":
        x = g("Where", g.input(flags(1, 9)), x, g("Neg", x))
    elif kind == "int in":
        x = g(
            "Add", x, g("Cast", g.input(whole(1, 9, high=5, dtype=g.choose("int32", "int64"))), to=g_type(g))
        )
    elif kind == "bytes in":
        pixels = g("Cast", g.input(whole(1, 9, high=256, dtype="uint8")), to=g_type(g))
        x = g("Add", x, g("Div", pixels, g.constant(255.0)))
    elif kind == "int arithmetic":
        numbers = g.input(whole(1, 9, low=-20, high=20, dtype=g.choose("int32", "int64")))
        g.output(g("Add", g("Mul", numbers, numbers), numbers))
    x = dense(g, x, 6)
    if kind == "bool out":
        x = g("Greater", x, g.constant(0.0))
    if kind == "int out":
        x = g("Cast", g("Mul", x, g.constant(10.0)), to=g.choose(6, 7))
    g.output(x)


def ports(g: GraphBuilder) -> None:
    """Several inputs and outputs; outputs that are inputs, constants, or given twice."""
    x, y = g.noise(1, 6), g.noise(1, 6)
    z = dense(g, g("Add", x, y), 6)
    kind = g.choose("many", "twice", "through", "constant", "unused", "middle")
    if kind == "twice":
        g.output(z, g("Identity", z))
    elif kind == "through":
        g.output(z, g("Identity", x))
    elif kind == "constant":
        g.output(z, g("Identity", g.constant(np.arange(3, dtype=g.dtype))))
    elif kind == "unused":
        g.input(uniform(1, 4, dtype=g.dtype), "unused")
        g.output(z)
    elif kind == "middle":
        g.output(z, dense(g, g("Relu", z), 4), g("Relu", z))
    else:
        g.output(g("Mul", z, y), g("Tanh", z), reduce(g, "ReduceMean", z, [1]))


def infinite(g: GraphBuilder) -> None:
    """Values that are infinite or no numbers on the way, and finite at the end; or a log of zero at the end."""
    x = dense(g, g.noise(2, 8), 8)
    zero = g("Relu", x)
    kind = g.choose("log exp", "one over", "where", "minimum", "masked maximum", "root", "log at the end")
    if kind == "log exp":
        x = g("Exp", g("Mul", g("Log", zero), g.constant(0.5)))
    elif kind == "one over":
        x = g("Div", g.constant(1.0), g("Add", g.constant(1.0), g("Div", g.constant(1.0), zero)))
    elif kind == "where":
        x = g("Where", g("Greater", x, g.constant(0.0)), g("Log", zero), g.constant(0.0))
    elif kind == "minimum":
        x = (
            g("Min", g("Div", g.constant(1.0), zero), g.constant(3.0))
            if g.maybe()
            else clip(g, g("Log", zero), -5.0, 5.0)
        )
    elif kind == "masked maximum":
        low = g.constant(np.array(-np.inf, g.dtype))
        x = reduce(g, "ReduceMax", g("Where", g("Greater", x, g.constant(-9.0)), x, low), [1])
    elif kind == "root":  # the root of what is below zero, not taken
        x = g("Where", g("Less", x, g.constant(0.0)), g.constant(0.0), g("Sqrt", x))
    else:
        g.output(g("Log", zero))
        return
    g.output(x if g.maybe() else dense(g, x, 4))
