"""Recurrent networks, embeddings, attention with masks of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.differential.graphs.builder import GraphBuilder, flags, whole
from tests.differential.graphs.convolutions import conv
from tests.differential.graphs.forms import dense, gelu, layer_norm, softmax, squeeze, unsqueeze

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(g: GraphBuilder) -> None:
    """One or two recurrent layers of any direction, their states given or not, asked for or not."""
    steps, width = g.between(4, 9), g.between(5, 10)
    x = g.noise(steps, 1, width)
    kind = g.choose(*GATES)
    for _ in range(g.between(1, 2)):
        sequence, last = _layer(g, kind, x)
        x = _joined(g, sequence)
    how = g.choose("sequence", "dense", "last", "both")
    if how == "dense":
        x = dense(g, x, 5)
    if how != "last":
        g.output(x)
    if how in ("last", "both"):
        g.output(last)


def _layer(g: GraphBuilder, kind: str, x: str) -> tuple[str, str]:
    _, batch, width = g.shape(x)
    direction = g.choose("forward", "forward", "reverse", "bidirectional")
    ways, hidden, gates = 2 if direction == "bidirectional" else 1, g.between(6, 12), GATES[kind]
    weights = g.weight(ways, gates * hidden, width, gain=(gates * hidden) ** 0.5)
    again = g.weight(ways, gates * hidden, hidden, gain=(gates * hidden) ** 0.5 * 0.8)
    bias = g.spread(ways, 2 * gates * hidden) if g.maybe(0.8) else ""
    first = g.noise(ways, batch, hidden, scale=0.5) if g.maybe(0.3) else ""
    states = [first, g.noise(ways, batch, hidden)] if first and kind == "LSTM" else [first]
    more: dict[str, Any] = {"linear_before_reset": g.between(0, 1)} if kind == "GRU" else {}
    inputs = [x, weights, again, bias, "", *states]
    while not inputs[-1]:
        inputs.pop()
    found = g.nodes(
        kind, *inputs, count=3 if kind == "LSTM" else 2, hidden_size=hidden, direction=direction, **more
    )
    return found[0], found[1]


def _joined(g: GraphBuilder, sequence: str) -> str:
    """[steps, directions, batch, hidden] -> [steps, batch, directions * hidden]."""
    steps, ways, batch, hidden = g.shape(sequence)
    if ways == 1 and g.maybe():
        return squeeze(g, sequence, 1)
    turned = g("Transpose", sequence, perm=[0, 2, 1, 3])
    return g("Reshape", turned, g.whole(steps, batch, ways * hidden))


def words(g: GraphBuilder) -> None:
    """An embedding, a recurrent layer, the last step classified."""
    steps, size = g.between(5, 8), g.between(20, 40)
    ids = g.input(whole(1, steps, high=size, dtype=g.choose("int64", "int32")))
    table = g.constant(g.random.standard_normal((size, 10)).astype(g.dtype))
    x = g("Transpose", g("Gather", table, ids, axis=0), perm=[1, 0, 2])
    sequence, _ = _layer(g, g.choose("LSTM", "GRU"), x)
    x = _joined(g, sequence)
    last = (
        g("Gather", x, g.constant(np.array(g.choose(-1, steps - 1), np.int64)), axis=0)
        if g.opset >= 11
        else x
    )
    scores = dense(g, last, 4)
    g.output(softmax(g, scores) if g.maybe() else scores)


def speech(g: GraphBuilder) -> None:
    """Convolutions over a spectrum, a recurrent layer along time, a label per step."""
    x = g("Relu", conv(g, g.noise(1, 1, 12, g.between(10, 14)), 4, (3, 3), pads=[1, 1, 1, 1], strides=[2, 1]))
    n, channels, height, width = g.shape(x)
    x = g("Transpose", g("Reshape", x, g.whole(n, channels * height, width)), perm=[2, 0, 1])
    x = _joined(g, _layer(g, g.choose(*GATES), x)[0])
    scores = dense(g, g("Transpose", x, perm=[1, 0, 2]), 6)
    g.output(softmax(g, scores, g.choose("Softmax", "LogSoftmax")))


def attention(g: GraphBuilder) -> None:
    """Self-attention without a mask, in several heads, with what stands around it."""
    g.output(_block(g, _tokens(g), ""))


def masked_attention(g: GraphBuilder) -> None:
    """Self-attention with a mask: constant or computed, by Add, Sub, Where or Mul, of several depths."""
    x = _tokens(g)
    x = _block(g, x, g.choose("Add", "Add", "Sub", "Where", "Mul"))
    g.output(x if g.maybe() else dense(g, x, 5))


def _tokens(g: GraphBuilder) -> str:
    length = g.between(5, 8)
    if g.maybe(0.3):
        table = g.constant(g.random.standard_normal((30, 16)).astype(g.dtype))
        x = g("Gather", table, g.input(whole(1, length, high=30)), axis=0)
        return layer_norm(
            g, g("Add", x, g.constant(g.random.standard_normal((1, length, 16)).astype(g.dtype)))
        )
    return dense(g, g.noise(1, length, 12), 16)


def _block(g: GraphBuilder, x: str, mask: str) -> str:
    n, length, width = g.shape(x)
    heads = g.choose(1, 2, 4)
    split = g.whole(n, length, heads, width // heads)
    query, key, value = (g("Reshape", dense(g, x, width), split) for _ in range(3))
    turned = g("Transpose", query, perm=[0, 2, 1, 3])
    scores = g("MatMul", turned, g("Transpose", key, perm=[0, 2, 3, 1]))
    size = (width // heads) ** 0.5
    scores = g("Div", scores, g.constant(size)) if g.maybe() else g("Mul", scores, g.constant(1 / size))
    shares = _shares(g, scores, length, mask)
    mixed = g("Transpose", g("MatMul", shares, g("Transpose", value, perm=[0, 2, 1, 3])), perm=[0, 2, 1, 3])
    x = g("Add", x, dense(g, g("Reshape", mixed, g.whole(n, length, width)), width))
    if g.maybe():
        x = layer_norm(g, x)
    return g("Add", x, dense(g, gelu(g, dense(g, x, 24)), width)) if g.maybe() else x


def _shares(g: GraphBuilder, scores: str, length: int, mask: str) -> str:
    if not mask:
        return softmax(g, scores)
    depth = g.choose(-1e4, -1e9, -3.4028235e38, -np.inf) if g.dtype == "float32" else -1e4
    if not np.isfinite(depth) and mask in ("Sub", "Mul"):
        depth = -1e4
    kept = _kept(g, length)
    low = g.constant(np.array(depth, g.dtype))
    if mask == "Where":
        scores = g("Where", kept, scores, low)
    elif mask == "Mul":  # x * m - (1 - m) * depth, as older encoders write it
        there = g("Cast", kept, to=g_type(g))
        gone = g("Mul", g("Sub", g.constant(1.0), there), low)
        scores = g("Add", g("Mul", scores, there), gone)
    elif mask == "Add" and not np.isfinite(depth):
        scores = g("Add", scores, g("Where", kept, g.constant(0.0), low))
    else:
        gone = g("Sub", g.constant(1.0), g("Cast", kept, to=g_type(g)))
        sunk = g("Mul", gone, g.constant(np.array(abs(depth) if mask == "Sub" else depth, g.dtype)))
        scores = g(mask, scores, sunk)
    shares = softmax(g, scores)
    if g.maybe(0.3):  # torch's guard against rows that see nothing
        shares = g("Where", g("IsNaN", shares), g.constant(0.0), shares)
    return shares


def g_type(g: GraphBuilder) -> int:
    """ONNX's number of the graph's own precision."""
    return {"float32": 1, "float16": 10}[g.dtype]


def _kept(g: GraphBuilder, length: int) -> str:
    """bool: what may be seen, [length, length] causal and constant, or [1, 1, 1, length] and an input."""
    if g.maybe():
        return g.constant(np.tril(np.ones((length, length), bool)))
    lead = np.ones((1, 1), bool)  # the first token is always there

    def draw(random: np.random.Generator) -> Any:
        return np.concatenate([lead, flags(1, length - 1, share=0.7)(random)], axis=1)

    if g.maybe():
        return unsqueeze(g, g.input(draw, "mask"), 1, 2)
    ids = g.input(lambda random: draw(random).astype(np.int64), "attention_mask")
    return unsqueeze(g, g("Cast", ids, to=9), 1, 2)
