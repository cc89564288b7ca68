"""Rounding that lets gradients through, against the grids of the writers and against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import parser

from edgemm.quantize.grid import Grid, weight_grid

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from edgemm.quantize.aware.rounding import dynamic, dynamic_rows, on_grid, rounded, symmetric, whole_steps  # noqa: E402

DRAWN = np.random.default_rng(0).standard_normal(4000).astype(np.float32) * 3


@pytest.mark.parametrize("zero_point", [-128, -7, 0, 127])
def test_activations_are_rounded_as_onnxruntime_rounds_them(zero_point: int) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[4000] x, float s, int8 z) => (float[4000] y) '
        "{ q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z) }"
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    scale = np.array(0.03137, np.float32)
    ties = np.arange(4000, dtype=np.float32) % 64 * np.float32(0.5) * scale
    for numbers in (DRAWN, ties):
        truth = session.run(None, {"x": numbers, "s": scale, "z": np.array(zero_point, np.int8)})[0]
        ours = on_grid(torch.from_numpy(numbers), torch.from_numpy(scale), torch.tensor(float(zero_point)))
        assert np.array_equal(ours.numpy(), truth)


def test_halves_go_to_even() -> None:
    assert rounded(torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])).tolist() == [0.0, 2.0, 2.0, -0.0, -2.0]


def test_gradients_pass_inside_a_grid_and_stop_outside() -> None:
    real = torch.tensor([-100.0, 0.3, 100.0], requires_grad=True)
    on_grid(real, torch.tensor(0.1), torch.tensor(0.0)).sum().backward()
    assert real.grad.tolist() == [0.0, 1.0, 0.0]


def test_a_larger_scale_is_asked_for_where_numbers_are_cut_off() -> None:
    scale = torch.tensor(0.1, requires_grad=True)
    on_grid(torch.tensor([100.0, -100.0]), scale, torch.tensor(0.0)).abs().sum().backward()
    assert scale.grad.item() == 127.0 + 128.0


def test_weights_are_rounded_as_the_writers_do() -> None:
    weights = DRAWN.reshape(40, 100)
    grid = weight_grid(weights, 0)
    ours = symmetric(torch.from_numpy(weights), torch.from_numpy(grid.scale).reshape(-1, 1))
    assert np.array_equal(ours.numpy(), grid.dequantize(grid.quantize(weights)))


def test_biases_are_whole_steps() -> None:
    grid = Grid(np.array([3e-4], np.float32), 0, None, "int32")
    ours = whole_steps(torch.from_numpy(DRAWN), torch.tensor(3e-4)).numpy()
    assert np.allclose(ours, grid.dequantize(grid.quantize(DRAWN)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("shift", [0.0, 10.0, -10.0])
def test_dynamic_rounding_is_that_of_onnxruntime(shift: float) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[4000] x) => (float[4000] y) '
        "{ q, s, z = DynamicQuantizeLinear(x)  y = DequantizeLinear(q, s, z) }"
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    numbers = DRAWN + np.float32(shift)
    ours = dynamic(torch.from_numpy(numbers)).numpy()
    truth = session.run(None, {"x": numbers})[0]
    step = float(np.ptp(np.append(numbers, 0))) / 255
    assert np.abs(ours - truth).max() <= step * 1.01
    assert (np.abs(ours - truth) > step / 2).mean() < 0.01


def test_rows_have_steps_of_their_own() -> None:
    rows = torch.tensor([[0.0, 1.0, 0.4999], [0.0, 1000.0, 400.0]])
    assert torch.allclose(dynamic_rows(rows), rows, rtol=5e-3)
    assert not torch.allclose(dynamic(rows), rows, rtol=5e-3)
