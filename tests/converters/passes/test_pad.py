from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import UnsupportedOperator

TEXT = "g (float[1,1,4,4] x) => (float[n,c,h,w] y) {{ y = {} }}"


def test_attributes_of_old_opsets_become_inputs(build: Any, canonical: Any, operators: Any) -> None:
    model = canonical(build(TEXT.format("Pad<pads=[0,0,1,2,0,0,3,4], value=2.5>(x)"), opset=10))
    assert operators(model) == ["Pad"]
    assert float(model.graph[0].inputs[2].const_value.numpy()) == 2.5


def test_a_value_that_is_left_out_is_0(build: Any, canonical: Any) -> None:
    node = canonical(build(TEXT.format("Pad(x, pads)"), pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]))).graph[0]
    assert float(node.inputs[2].const_value.numpy()) == 0.0


def test_negative_pads_become_a_slice(build: Any, canonical: Any, operators: Any) -> None:
    model = canonical(build(TEXT.format("Pad(x, pads)"), pads=np.array([0, 0, -1, 1, 0, 0, 2, -2])))
    assert operators(model) == ["Slice", "Pad"]


def test_pads_of_named_axes_are_written_for_all(build: Any, canonical: Any, operators: Any) -> None:
    source = build(TEXT.format("Pad(x, pads, , axes)"), opset=18, pads=np.array([1, 2]), axes=np.array([-1]))
    model = canonical(source)
    assert list(model.graph[0].inputs[1].const_value.numpy()) == [0, 0, 0, 1, 0, 0, 0, 2]


def test_computed_pads_are_refused(build: Any, canonical: Any) -> None:
    with pytest.raises(UnsupportedOperator, match="computed pads"):
        canonical(build("g (float[4] x, int64[2] p) => (float[8] y) { y = Pad(x, p) }"))
