"""Elements by number, counted from either end; sums along an axis that is computed from constants; layout 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.prepare import prepare
from edgemm.errors import UnsupportedOperator

PICKS = {
    "y = Gather(x, i)": ("[3]", "[3,4]", [-1, 2, -6]),
    "y = Gather<axis=1>(x, i)": ("[2,2]", "[6,2,2]", [[-1, 2], [0, -4]]),
    "y = Gather<axis=-1>(x, i)": ("[1]", "[6,1]", [-3]),
    "y = GatherElements<axis=0>(x, i)": ("[2,4]", "[2,4]", [[-1, 2, 3, -6], [0, 1, -2, -3]]),
    "y = GatherElements<axis=1>(x, i)": ("[6,1]", "[6,1]", [[-1], [0], [-4], [3], [2], [-2]]),
    "y = GatherND(x, i)": ("[3,2]", "[3]", [[-1, 2], [3, -4], [0, 0]]),
    "y = GatherND<batch_dims=1>(x, i)": ("[6,1]", "[6]", [[-1], [3], [-4], [0], [1], [2]]),
}


@pytest.mark.parametrize("kind", ["int64", "int32"])
@pytest.mark.parametrize("node", PICKS)
def test_computed_numbers_count_from_the_end(agree: Any, graph: Any, rng: Any, node: str, kind: str) -> None:
    if "GatherND" in node and kind == "int32":
        pytest.skip("ONNX has GatherND with int64 alone")
    given, out, numbers = PICKS[node]
    proto = graph(f"g (float[6,4] x, {kind}{given} i) => (float{out} y) {{ {node} }}")
    agree(proto, {"x": rng.standard_normal((6, 4)).astype(np.float32), "i": np.array(numbers, kind)})


def test_a_scalar_number_takes_an_axis_away(agree: Any, graph: Any, rng: Any) -> None:
    proto = graph("g (float[6,4] x, int64 i) => (float[4] y) { y = Gather(x, i) }")
    agree(proto, {"x": rng.standard_normal((6, 4)).astype(np.float32), "i": np.array(-2)})


AXES = {
    "a constant that is cast": "k = Constant<value_int=-1>() a = Cast<to=6>(k)",
    "a size": "s = Shape(x) z = Constant<value_ints=[1]>() d = Gather(s, z) t = Constant<value_ints=[3]>() "
    "a = Sub(d, t)",
}


@pytest.mark.parametrize("ways", ["", "<exclusive=1>", "<reverse=1>", "<exclusive=1, reverse=1>"])
@pytest.mark.parametrize("axis", AXES)
def test_sums_along_an_axis_from_constants(agree: Any, graph: Any, rng: Any, axis: str, ways: str) -> None:
    proto = graph(f"g (float[6,4] x) => (float[6,4] y) {{ {AXES[axis]} y = CumSum{ways}(x, a) }}")
    agree(proto, {"x": rng.standard_normal((6, 4)).astype(np.float32)})


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("name", "gates"), [("GRU", 3), ("LSTM", 4), ("RNN", 1)])
def test_the_batch_may_come_first(
    agree: Any, graph: Any, rng: Any, onnxruntime_answers: Any, name: str, gates: int, direction: str
) -> None:
    count = 2 if direction == "bidirectional" else 1
    weights = {
        "W": rng.standard_normal((count, 4 * gates, 3)).astype(np.float32),
        "R": rng.standard_normal((count, 4 * gates, 4)).astype(np.float32),
        "B": rng.standard_normal((count, 8 * gates)).astype(np.float32),
    }
    x, h = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 5, 3), (2, count, 4)))
    outs = "y, h, c" if name == "LSTM" else "y, h"

    def layer(layout: int, seen: str, told: list[str]) -> Any:
        shapes = ", ".join(f"float{shape} {out}" for shape, out in zip(told, outs.split(", "), strict=False))
        return graph(
            f"""g ({seen}) => ({shapes}) {{
                {outs} = {name}<hidden_size=4, layout={layout}, direction="{direction}">(x, W, R, B, , h0) }}""",
            **weights,
        )

    last = [f"[{count},2,4]"] * 2
    plain = layer(0, f"float[5,2,3] x, float[{count},2,4] h0", [f"[5,{count},2,4]", *last])
    whole, *states = onnxruntime_answers(plain, {"x": x.transpose(1, 0, 2), "h0": h.transpose(1, 0, 2)})
    first = layer(1, f"float[2,5,3] x, float[2,{count},4] h0", [f"[2,5,{count},4]", *[f"[2,{count},4]"] * 2])
    truth = [whole.transpose(2, 0, 1, 3), *(each.transpose(1, 0, 2) for each in states)]
    agree(first, {"x": x, "h0": h}, truth)
    source = prepare(ir.from_proto(first)).source
    assert source is not None
    onnxruntime_answers(ir.to_proto(source), {"x": x, "h0": h})  # which refuses layout 1


OPEN = {
    "(NonZero): how much it finds": "g (float[2,4] x) => (int64[2,N] y) { y = NonZero(x) }",
    "(Reshape): the shape of its result depends on the data: input 1 ('s')": """
        g (float[2,4] x, int64[2] s) => (float[N,M] y) { y = Reshape(x, s) }""",
    "'NonZero_n' (NonZero)": """g (float[2,4] x) => (float[N] y) {
        n = NonZero(x) t = Transpose(n) p = GatherND(x, t) y = Exp(p) }""",
}


@pytest.mark.parametrize("words", OPEN)
def test_a_shape_that_depends_on_data_names_its_node(operators: Any, graph: Any, words: str) -> None:
    with pytest.raises(UnsupportedOperator) as told:
        operators(graph(OPEN[words]))
    assert words in str(told.value)
