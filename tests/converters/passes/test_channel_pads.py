"""Pads of channels that wider convolutions take the place of; ONNX Runtime says that the graph computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.channel_pads import widen_channels
from edgemm.converters.pipeline.forms import graph_for
from edgemm.quantize.declared import declare
from edgemm.quantize.target import TARGETS
from tests.converters.passes.conftest import run

BLOCK = """g (float[1,3,8,8] x) => (float[1,{last},{size},{size}] y{also}) {{
    a = Conv<pads=[1,1,1,1]>(x, first, bias)  s = Relu(a)
    d = Conv<pads=[1,1,1,1], group={few}>(s, each)  c = Conv(d, more)
    p = Pad(s, pads, fill)  sum = Add(p, c)  {behind} }}"""
_TYPES = {"pads": np.int64, "longer": np.int64, "shorter": np.int64}
LAST = "t = Relu(sum)  y = Conv(t, out)"


def block(
    build: Any,
    few: int,
    many: int,
    behind: str = LAST,
    *,
    size: int = 8,
    last: int = 5,
    also: str = "",
    **more: Any,
) -> Any:
    """A residual block whose shortcut has `few` channels and whose sum has `many`, and what is behind it."""
    rng = np.random.default_rng(few)
    constants = {
        "first": rng.standard_normal((few, 3, 3, 3)),
        "bias": rng.standard_normal(few),
        "each": rng.standard_normal((few, 1, 3, 3)),
        "more": rng.standard_normal((many, few, 1, 1)) / 8,
        "out": rng.standard_normal((last, many, 1, 1)) / 8,
        "fill": 0,
        **more,
    }
    constants = {"pads": [0, 0, 0, 0, 0, many - few, 0, 0], **constants}
    text = BLOCK.format(few=few, last=last, size=size, behind=behind, also=also)
    used = {name: each for name, each in constants.items() if f" {name}" in text}
    return build(
        text, **{name: np.asarray(each, _TYPES.get(name, np.float32)) for name, each in used.items()}
    )


def widened(source: Any, count: int) -> Any:
    """The canonical graph after the pass, which computes what the source does."""
    model = source.clone()
    canonicalize(model)
    assert widen_channels(model) == count
    canonicalize(model)
    for expected, found in zip(run(source), run(model), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    for value in (value for node in model.graph for value in node.outputs):
        made = tuple(value.shape.numpy())
        value.shape = None
        assert made == shapes(model)[str(value.name)]
    return model


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """As ONNX infers them."""
    import onnx
    import onnx_ir as ir

    proto = ir.to_proto(model)
    del proto.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    return {
        each.name: tuple(size.dim_value for size in each.type.tensor_type.shape.dim)
        for each in (*inferred.graph.value_info, *inferred.graph.output)
    }


@pytest.mark.parametrize(("few", "many"), [(20, 24), (17, 32), (2, 16), (24, 28)])
def test_a_shortcut_in_idle_lanes_is_as_wide_as_its_sum(
    build: Any, operators: Any, few: int, many: int
) -> None:
    model = widened(block(build, few, many), 1)
    assert operators(model) == ["Conv", "Relu", "Conv", "Conv", "Add", "Relu", "Conv"]
    depthwise = model.graph[2]
    assert depthwise.attributes["group"].as_int() == many
    assert not depthwise.inputs[1].const_value.numpy()[few:].any()


@pytest.mark.parametrize(("few", "many"), [(16, 20), (12, 17), (30, 40)])
def test_another_vector_of_channels_costs_more_than_the_pad(
    build: Any, operators: Any, few: int, many: int
) -> None:
    assert "Pad" in operators(widened(block(build, few, many), 0))


@pytest.mark.parametrize(
    "changed",
    [
        {"fill": np.float32(1)},
        {"pads": [0, 2, 0, 0, 0, 2, 0, 0]},
        {"pads": [0, 4, 0, 0, 0, 0, 0, 0]},
    ],
    ids=["other value", "both sides", "before"],
)
def test_other_pads_stay(build: Any, operators: Any, changed: Any) -> None:
    assert "Pad" in operators(widened(block(build, 20, 24, **changed), 0))


@pytest.mark.parametrize(
    ("between", "count"),
    [
        ("t = Relu(sum)  q = MaxPool<kernel_shape=[2,2], strides=[2,2]>(t)", 2),
        ("t = Clip(sum, zero, six)  q = AveragePool<kernel_shape=[2,2], strides=[2,2]>(t)", 2),
        ("t = LeakyRelu(sum)  q = HardSwish(t)", 2),
        ("t = Clip(sum, one, six)  q = Relu(t)", 1),
        ("t = Sigmoid(sum)  q = Relu(t)", 1),
        ("t = Mul(sum, sum)  q = Relu(t)", 1),
        ("t = Add(sum, channels)  q = Relu(t)", 1),
    ],
)
def test_zeros_go_through_what_keeps_them(build: Any, between: str, count: int) -> None:
    """A second Pad, behind: what it needs wider reaches back to the first convolution."""
    source = block(
        build,
        20,
        24,
        f"{between}  z = Pad(q, pads, fill)  y = Conv(z, out)",
        size=4 if "Pool" in between else 8,
        out=np.random.default_rng(1).standard_normal((5, 28, 1, 1)),
        channels=np.ones((1, 24, 1, 1)),
        zero=0,
        one=1,
        six=6,
    )
    widened(source, count)


@pytest.mark.parametrize(
    ("behind", "last"),
    [
        ("y = Relu(p)", 24),
        ("t = Relu(sum)  y = Add(t, p)", 24),
        ("y = Conv(sum, out)", 5),
    ],
)
def test_the_padded_tensor_may_be_read_by_more(build: Any, behind: str, last: int) -> None:
    widened(block(build, 20, 24, behind, last=last), 1)


@pytest.mark.parametrize("also", ["s", "d"])
def test_what_the_graph_gives_keeps_its_channels(build: Any, operators: Any, also: str) -> None:
    source = block(build, 20, 24, also=f", float[1,20,8,8] {also}")
    assert "Pad" in operators(widened(source, 0))


def test_what_the_graph_is_given_keeps_its_channels(build: Any, operators: Any) -> None:
    text = "g (float[1,20,8,8] x) => (float[1,24,8,8] y) { r = Relu(x)  y = Pad(r, pads, fill) }"
    pads = np.array([0, 0, 0, 0, 0, 4, 0, 0], np.int64)
    assert operators(widened(build(text, pads=pads, fill=np.float32(0)), 0)) == ["Relu", "Pad"]


def test_a_tensor_on_a_grid_of_its_source_stays(build: Any, canonical: Any) -> None:
    model = canonical(block(build, 20, 24))
    (shortcut,) = model.graph[1].outputs
    declare(shortcut, 0.1, 0, (-128, 127))
    assert widen_channels(model) == 0


def test_a_second_pad_that_adds_less_stays_the_limit(build: Any, operators: Any) -> None:
    behind = "l = Pad(s, shorter, fill)  t = Relu(sum)  o = Conv(t, out)  y = Add(l, o)"
    model = widened(block(build, 20, 24, behind, last=22, shorter=[0, 0, 0, 0, 0, 2, 0, 0]), 1)
    assert "Slice" not in operators(model)
    (left,) = [node for node in model.graph if node.op_type == "Pad"]
    assert left.inputs[1].const_value.numpy()[5] == 2


def test_a_second_pad_of_the_shortcut_adds_less(build: Any) -> None:
    behind = "l = Pad(s, longer, fill)  t = Relu(sum)  o = Conv(t, out)  y = Add(l, o)"
    model = widened(block(build, 20, 24, behind, last=36, longer=[0, 0, 0, 0, 0, 16, 0, 0]), 1)
    (left,) = [node for node in model.graph if node.op_type == "Pad"]
    assert left.inputs[1].const_value.numpy()[5] == 12


def test_a_pad_before_that_stays_adds_more(build: Any) -> None:
    """14 channels become 18 in another vector, so that this Pad stays; the 22 of the next one are in idle lanes."""
    out = np.random.default_rng(4).standard_normal((5, 22, 1, 1))
    source = block(build, 14, 18, "t = Relu(sum)  z = Pad(t, pads, fill)  y = Conv(z, out)", out=out)
    model = widened(source, 1)
    (left,) = [node for node in model.graph if node.op_type == "Pad"]
    assert left.inputs[1].const_value.numpy()[5] == 8


@pytest.mark.parametrize(("groups", "shape"), [(20, (40, 1, 1, 1)), (2, (40, 10, 1, 1))])
def test_a_convolution_in_other_groups_stays(build: Any, groups: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    behind = f"o = Conv<group={groups}>(s, grouped)  r = Conv(o, fewer)  q = Conv(sum, out)  y = Add(r, q)"
    constants: dict[str, Any] = {
        "grouped": rng.standard_normal(shape),
        "fewer": rng.standard_normal((5, 40, 1, 1)),
    }
    widened(block(build, 20, 24, behind, **constants), 0)


@pytest.mark.parametrize(("last", "count"), [(16, 1), (64, 0)])
def test_a_large_kernel_behind_costs_more_than_the_pad(build: Any, last: int, count: int) -> None:
    """Four channels more for 3x3 and 16 filters: 576 multiplications a place, against a Pad of 24 numbers; for 64 it
    is 2,304."""
    rng = np.random.default_rng(2)
    behind = "o = Conv<pads=[1,1,1,1]>(s, out)  t = Relu(sum)  q = Conv(t, back)  y = Add(o, q)"
    out, back = rng.standard_normal((last, 20, 3, 3)), rng.standard_normal((last, 24, 1, 1))
    widened(block(build, 20, 24, behind, last=last, out=out, back=back), count)


@pytest.mark.parametrize(
    ("scheme", "format_", "target", "pads"),
    [
        ("static", "tflite", "cpu", 0),
        ("mixed", "tflite", "arm", 0),
        ("static", "tflite", "coral", 1),
        ("float", "tflite", "cpu", 1),
        ("dynamic", "tflite", "cpu", 1),
        ("static", "onnx", "cpu", 1),
    ],
)
def test_forms_of_integers_in_tflite_are_planned_so(
    build: Any, canonical: Any, operators: Any, scheme: str, format_: str, target: str, pads: int
) -> None:
    model = canonical(block(build, 20, 24))
    before = operators(model)
    assert operators(graph_for(model, scheme, format_, TARGETS[target], others=True)).count("Pad") == pads
    assert operators(model) == before
