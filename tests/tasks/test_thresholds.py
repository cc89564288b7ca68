"""A threshold on the stored grid decides exactly as one on dequantized numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.detection.activations import sigmoid
from edgemm.tasks.thresholds import stored_threshold
from edgemm.tensors import TensorSpec

GRIDS = [(1 / 256, -128), (1 / 255, -128), (0.00390625, 0), (0.0471, 13), (0.1, -128), (3e-8, 5), (1.0, 0)]


def all_of(dtype: str) -> npt.NDArray[Any]:
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1).astype(dtype)


def decided(least: Any, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.zeros(stored.shape, bool) if least is None else np.asarray(stored >= least)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
@pytest.mark.parametrize(("scale", "zero_point"), GRIDS)
def test_every_stored_value_is_decided_as_its_number(dtype: str, scale: float, zero_point: int) -> None:
    spec = TensorSpec("scores", (1,), dtype, scale, zero_point)
    stored = all_of(dtype)
    real = spec.dequantize(stored)
    some = real[:: max(1, len(real) // 50)]
    between = np.nextafter(some, np.float32(np.inf)), np.nextafter(some, np.float32(-np.inf))
    for threshold in [0.0, 0.25, 0.3, 0.5, 0.7, 1.0, *some, *between[0], *between[1]]:
        expected = real >= np.float32(threshold)
        np.testing.assert_array_equal(decided(stored_threshold(spec, float(threshold)), stored), expected)


@pytest.mark.parametrize("clip", [0.0, 2.0])
@pytest.mark.parametrize("threshold", [0.0, 1e-6, 0.25, 0.5, 0.8807, 0.9, 1.0])
def test_a_sigmoid_is_looked_through(threshold: float, clip: float) -> None:
    spec = TensorSpec("scores", (1,), "int8", 0.1, 3)
    stored = all_of("int8")
    expected = sigmoid(clip)(spec.dequantize(stored)) >= np.float32(threshold)
    least = stored_threshold(spec, threshold, sigmoid(clip))
    np.testing.assert_array_equal(decided(least, stored), expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("threshold", [-2.0, 0.0, 0.1, 0.3, 0.5, 1.0])
def test_floats_are_compared_as_float32(dtype: str, threshold: float) -> None:
    least = stored_threshold(TensorSpec("scores", (1,), dtype), threshold)
    assert least.dtype == dtype
    limit = np.float32(threshold)
    assert least >= limit
    below = np.nextafter(least, np.asarray(-np.inf, dtype))
    assert not np.float64(below) >= np.float64(limit)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.75])
def test_a_sigmoid_of_floats(threshold: float) -> None:
    least = stored_threshold(TensorSpec("scores", (1,), "float32"), threshold, sigmoid())
    near = least + np.arange(-2000, 2000).astype(np.float32) * np.float32(1e-6)
    np.testing.assert_array_equal(near >= least, sigmoid()(near) >= np.float32(threshold))


def test_a_threshold_out_of_reach_is_none() -> None:
    assert stored_threshold(TensorSpec("scores", (1,), "int8", 1 / 256, -128), 1.0) is None


def test_all_reach_a_threshold_under_the_grid() -> None:
    assert stored_threshold(TensorSpec("scores", (1,), "int8", 1 / 256, -128), 0.0) == -128


def test_int32_has_no_place_that_overflows() -> None:
    spec = TensorSpec("scores", (1,), "int32", 1e-6, 0)
    least = stored_threshold(spec, 0.5)
    assert spec.dequantize(np.array([least]))[0] >= np.float32(0.5)
    assert spec.dequantize(np.array([least - 1]))[0] < np.float32(0.5)


@pytest.mark.parametrize("clip", [89.0, 100.0, 1e6])
def test_cutting_where_the_sigmoid_is_flat_changes_no_bit(clip: float) -> None:
    numbers = np.concatenate([np.linspace(-200, 200, 8001), [np.inf, -np.inf, np.nan, 1e30, -1e30]]).astype(
        np.float32
    )
    with np.errstate(over="ignore"):
        cut = 1 / (1 + np.exp(-np.clip(numbers, -np.float32(clip), np.float32(clip))))
        assert sigmoid(clip)(numbers).tobytes() == cut.astype(np.float32).tobytes()
        assert sigmoid(5.0)(numbers[:-5]).max() < 0.994
