"""Single zeros: the smallest weights of each layer, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from edgemm import data
from edgemm.converters.prepare import prepare
from edgemm.errors import InputError
from edgemm.quantize.prune.graph.zeros import zeroed
from edgemm.quantize.reference import serialize


@pytest.fixture(scope="module")
def model() -> ir.Model:
    return prepare(Path(str(data.path("models/digits.onnx")))).model


def arrays(graph: ir.Model) -> dict[str, np.ndarray]:
    return {name: value.const_value.numpy() for name, value in graph.graph.initializers.items()}  # type: ignore[union-attr]


def test_the_smallest_weights_of_each_layer_become_zero_and_nothing_else_changes(model: ir.Model) -> None:
    before, made = arrays(model), zeroed(model, 0.75)
    after = arrays(made.model)
    layers = {str(node.inputs[1].name) for node in model.graph if node.op_type in ("Conv", "Gemm")}  # type: ignore[union-attr]
    assert layers
    assert after.keys() == before.keys()
    for name, array in before.items():
        gone = (after[name] == 0) & (array != 0)
        np.testing.assert_array_equal(after[name][~gone], array[~gone])
        assert gone.sum() == (int(0.75 * array.size) if name in layers else 0)
        if name in layers:
            assert np.abs(array[gone]).max() <= np.abs(array[~gone]).min()
    assert made.zeros == sum(int((after[name] == 0).sum()) for name in layers)
    assert made.weights == sum(before[name].size for name in layers)


def test_the_source_is_left_as_it_is(model: ir.Model) -> None:
    before = serialize(model)
    zeroed(model, 0.5)
    assert serialize(model) == before


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan"), float("inf"), True, "0.5"])
def test_a_fraction_out_of_range_is_refused(model: ir.Model, fraction: float) -> None:
    with pytest.raises(InputError, match="above 0 and below 1"):
        zeroed(model, fraction)
