"""Activations, dense layers, heads of classifiers, arithmetic."""

from __future__ import annotations

from tests.differential.graphs.builder import GraphBuilder, uniform
from tests.differential.graphs.convolutions import same
from tests.differential.graphs.forms import clip, dense, gelu, layer_norm, reduce, softmax

PLAIN = ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Elu", "Selu", "Erf", "Abs", "HardSigmoid")
"""Activations that every opset has in the same form."""


def activated(g: GraphBuilder, x: str) -> str:
    """One of all the activations."""
    kinds = [
        *PLAIN,
        "LeakyRelu",
        "PRelu",
        "ThresholdedRelu",
        "silu",
        "gelu",
        "gelu",
        "relu6",
        "low",
        "high",
        "swish",
    ]
    kinds += ["HardSwish"] if g.opset >= 14 else []
    kinds += ["Celu"] if g.opset >= 12 else []
    kinds += ["Mish"] if g.opset >= 18 else []
    kind = g.choose(*kinds)
    made = {
        "LeakyRelu": lambda: g("LeakyRelu", x, alpha=g.choose(0.01, 0.2)),
        "PRelu": lambda: g("PRelu", x, _slopes(g, x)),
        "ThresholdedRelu": lambda: g("ThresholdedRelu", x, alpha=0.5),
        "silu": lambda: g("Mul", x, g("Sigmoid", x)),
        "gelu": lambda: gelu(g, x),
        "relu6": lambda: clip(g, x, 0.0, 6.0),
        "low": lambda: clip(g, x, g.choose(-1.0, 0.0, 0.3), None),
        "high": lambda: clip(g, x, None, g.choose(1.0, 0.2)),
        "swish": lambda: g(
            "Mul", x, g("Div", clip(g, g("Add", x, g.constant(3.0)), 0.0, 6.0), g.constant(6.0))
        ),
        "Celu": lambda: g("Celu", x, alpha=g.choose(1.0, 0.5)),
    }
    return made[kind]() if kind in made else g(kind, x)


def _slopes(g: GraphBuilder, x: str) -> str:
    shape = g.shape(x)
    return g.spread(shape[1], *[1] * (len(shape) - 2)) if len(shape) > 2 else g.spread(1)


def activations_of_pictures(g: GraphBuilder) -> None:
    """Between convolutions."""
    x = g.noise(1, 3, 8, 11)
    for _ in range(g.between(1, 3)):
        x = activated(g, same(g, x, 6))
    g.output(same(g, x, 4) if g.maybe(0.7) else x)


def activations_of_rows(g: GraphBuilder) -> None:
    """Between dense layers, and alone on the input."""
    x = g.noise(g.choose(1, 3), g.between(8, 20), scale=2.0)
    if g.maybe():
        x = activated(g, x)
    for _ in range(g.between(1, 2)):
        x = activated(g, dense(g, x, 16))
    g.output(dense(g, x, 7) if g.maybe(0.7) else x)


def perceptron(g: GraphBuilder) -> None:
    """Gemm in all its attributes, and MatMul of several ranks."""
    x = g.noise(g.choose(1, 1, 4), g.between(10, 24))
    for width in (g.between(8, 32), g.between(8, 32), g.between(3, 10))[: g.between(1, 3)]:
        x = g("Relu", _gemm(g, x, width)) if g.maybe(0.7) else dense(g, x, width, bias=g.maybe())
    g.output(x)


def _gemm(g: GraphBuilder, x: str, width: int) -> str:
    rows, inside = g.shape(x)
    turned = g.between(0, 1)
    weights = g.weight(width, inside) if turned else g.weight(inside, width, gain=(width / inside) ** 0.5)
    if g.maybe(0.3):
        x, alone = g("Transpose", x, perm=[1, 0]), {"transA": 1}
    else:
        alone = {}
    bias = (
        [g.spread(*g.choose((width,), (1, width), (1,), (rows, width)))]
        if g.opset < 11 or g.maybe(0.8)
        else []
    )
    scale = {"alpha": 0.5, "beta": g.choose(1.0, 2.0)} if g.maybe(0.3) else {}
    return g("Gemm", x, weights, *bias, transB=turned, **alone, **scale)


def products(g: GraphBuilder) -> None:
    """MatMul of two computed tensors, batched, and of ranks that differ."""
    x = g.noise(g.choose(1, 2), g.between(4, 7), g.between(8, 12))
    query, key = dense(g, x, 8), dense(g, x, 8)
    scores = g("MatMul", query, g("Transpose", key, perm=[0, 2, 1]))
    if g.maybe():
        g.output(scores)
    mixed = g("MatMul", g("Tanh", scores), dense(g, x, 6))
    g.output(mixed)


def classifier(g: GraphBuilder) -> None:
    """A picture classified: the scores behind a softmax, a log of it, or divided before it."""
    x = g("Relu", same(g, g.noise(1, 3, 10, 13), 8))
    x = g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]) if g.maybe() else x
    scores = dense(g, g("Flatten", g("GlobalAveragePool", g("Relu", same(g, x, 16)))), g.between(3, 12))
    scores = g("Mul", scores, g.constant(4.0))
    kind = g.choose("plain", "plain", "temperature", "power", "where")
    if kind == "temperature":
        scores = g("Div", scores, g.constant(g.choose(0.5, 3.0)))
    if kind == "power":
        scores = g("Pow", g("Sub", scores, g.constant(1.0)), g.constant(2.0))
    if kind == "where":
        scores = g("Where", g("Greater", scores, g.constant(0.0)), scores, g("Mul", scores, g.constant(0.2)))
    g.output(softmax(g, scores, g.choose("Softmax", "Softmax", "LogSoftmax")))


def normalized_rows(g: GraphBuilder) -> None:
    """Layer norms, root mean squares, in networks of dense layers."""
    x = g.noise(1, g.between(3, 6), g.between(12, 20), scale=g.choose(1.0, 5.0))
    x = dense(g, x, 16)
    for _ in range(g.between(1, 2)):
        if g.maybe(0.3):
            square = reduce(g, "ReduceMean", g("Mul", x, x), [2])
            scale = g("Reciprocal", g("Sqrt", g("Add", square, g.constant(1e-6))))
            normal = g("Mul", g("Mul", x, scale), g.spread(16, low=0.5, high=1.5))
        else:
            normal = layer_norm(g, x)
        x = g("Add", x, dense(g, gelu(g, dense(g, normal, 24)), 16))
    g.output(layer_norm(g, x) if g.maybe() else x)


def arithmetic(g: GraphBuilder) -> None:
    """Element by element, between two inputs of shapes that are broadcast, and constants."""
    wide, narrow = g.choose(
        ((1, 4, 5, 7), (1, 4, 1, 1)), ((2, 6), (6,)), ((1, 5, 8), (1, 1, 8)), ((1, 3, 4, 6), (1, 3, 4, 6))
    )
    x, y = g.noise(*wide), g.input(uniform(*narrow, low=0.5, high=2.0, dtype=g.dtype))
    for _ in range(g.between(2, 4)):
        kind = g.choose("Add", "Sub", "Mul", "Div", "Min", "Max", "rest", "rest", "constant")
        if kind == "rest":
            x = _unary(g, x)
        elif kind == "constant":
            x = g(g.choose("Add", "Sub", "Mul"), g.constant(g.choose(0.3, 2.0)), x)
        else:
            x = g(kind, x, y)
    g.output(x)


def _unary(g: GraphBuilder, x: str) -> str:
    kind = g.choose("Exp", "Sqrt", "Log", "Neg", "Pow", "Floor", "Round", "Sign", "Sin", "Cos", "Reciprocal")
    if kind == "Round" and g.opset < 11:
        kind = "Ceil"
    if kind in ("Sqrt", "Log", "Reciprocal"):
        return g(kind, g("Add", g("Abs", x), g.constant(0.3)))
    if kind == "Exp":
        return g("Exp", clip(g, x, None, 2.0))
    return g("Pow", g("Abs", x), g.constant(g.choose(0.5, 2.0, 3.0))) if kind == "Pow" else g(kind, x)


def reductions(g: GraphBuilder) -> None:
    """Reductions of each kind over one axis, several, all."""
    shape = g.choose((1, 4, 6, 9), (2, 5, 7), (3, 8))
    x = g.noise(*shape)
    if len(shape) == 4 and g.maybe():
        x = same(g, x, 5)
    kinds = ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceLogSumExp"]
    kinds += ["ReduceSumSquare", "ReduceProd"]
    for _ in range(g.between(1, 3)):
        rank = len(shape)
        axes = g.choose([rank - 1], [1], [0], list(range(1, rank)), None)
        g.output(reduce(g, g.choose(*kinds), x, axes, g.between(0, 1)))
