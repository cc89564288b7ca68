from __future__ import annotations

from typing import Any

import numpy as np


def test_what_nobody_reads_goes_and_inputs_stay(build: Any, canonical: Any, operators: Any) -> None:
    text = "g (float[2] x, float[2] unused) => (float[2] y) { a = Exp(x) b = Add(a, c) y = Relu(x) }"
    model = canonical(build(text, c=np.ones(2, np.float32)))
    assert operators(model) == ["Relu"]
    assert [value.name for value in model.graph.inputs] == ["x", "unused"]
    assert not model.graph.initializers
