"""What callers hand in: tensors of every kind, refused where they cannot be meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.model.coerce import as_block, as_frame, as_stored
from edgemm.tensors import TensorSpec, integer_limits

pytestmark = pytest.mark.device
FLOAT = TensorSpec("x", (1, 3), "float32")
GRID = TensorSpec("x", (1, 3), "int8", 0.1, 3)


@pytest.mark.parametrize("spec", [FLOAT, GRID], ids=["float", "int8"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(spec: TensorSpec, dtype: str, bad: float) -> None:
    with pytest.raises(InputError, match=r"'x': expected finite numbers, found NaN or infinity"):
        as_stored(np.array([[0.0, bad, 0.0]], dtype), spec)


def test_a_double_that_float32_does_not_hold_is_refused() -> None:
    with pytest.raises(InputError, match="more than float32 holds"):
        as_stored(np.array([[1e300, 0.0, 0.0]]), FLOAT)


def test_large_finite_numbers_are_taken() -> None:
    mask = np.full((1, 3), np.finfo(np.float32).min, np.float32)
    assert as_stored(mask, FLOAT) is mask
    np.testing.assert_array_equal(as_stored(mask, GRID), [[-128, -128, -128]])


def test_a_tensor_without_elements_is_taken() -> None:
    assert as_stored(np.zeros((1, 0), np.float64), TensorSpec("x", (1, 0), "float32")).shape == (1, 0)


@pytest.mark.parametrize(
    ("given", "spec", "stored"),
    [
        (1.5, TensorSpec("x", (), "float32"), np.float32(1.5)),
        (2, TensorSpec("x", (), "float32"), np.float32(2)),
        (np.float32(0.5), TensorSpec("x", (), "float32"), np.float32(0.5)),
        (16000, TensorSpec("x", (), "int64"), np.int64(16000)),
        (True, TensorSpec("x", (), "bool"), np.bool_(True)),
        (0.5, TensorSpec("x", (), "int8", 0.1, 3), np.int8(8)),
        (np.int64(7), TensorSpec("x", (), "int64"), np.int64(7)),
    ],
)
def test_a_number_is_a_tensor_without_dimensions(given: Any, spec: TensorSpec, stored: Any) -> None:
    found = as_stored(given, spec)
    assert (found.shape, found.dtype, found.item()) == ((), stored.dtype, stored.item())


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        (1.5, TensorSpec("x", (), "int32")),
        (300, TensorSpec("x", (), "int8")),
        (float("nan"), TensorSpec("x", (), "float32")),
        (float("nan"), TensorSpec("x", (), "int32")),
        (np.inf, TensorSpec("x", (), "int8", 0.1)),
        ("1", TensorSpec("x", (), "float32")),
        (1.0, TensorSpec("x", (1,), "float32")),
        ([1.0], TensorSpec("x", (1,), "float32")),
        (np.array(["a"]), TensorSpec("x", (1,), "float32")),
        (np.array([1 + 1j]), TensorSpec("x", (1,), "float32")),
        (np.array([1]), TensorSpec("x", (1,), "float32")),
    ],
)
def test_what_cannot_be_meant_is_refused(given: Any, spec: TensorSpec) -> None:
    with pytest.raises(InputError, match=r"(input|tensor) 'x': expected"):
        as_stored(given, spec)


@pytest.mark.parametrize("given", [None, "picture.png", np.zeros((2, 2, 3, 1)), np.zeros(4), [[1]]])
def test_what_is_no_picture_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="takes pictures: expected"):
        as_frame(given)


@pytest.mark.parametrize("given", [None, "word.wav", np.zeros((2, 2)), [0.0]])
def test_what_is_no_sound_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="takes sound: expected"):
        as_block(given, 16000)


def test_an_empty_recording_has_no_answer() -> None:
    with pytest.raises(InputError, match="at least one sample, found an empty recording"):
        as_block(np.zeros(0, np.float32), 16000)
    with pytest.raises(InputError, match="at least one sample"):
        as_block(AudioBlock(np.zeros(0, np.float32), 16000, 0, 0), None)


@pytest.mark.parametrize("rate", ["16000", True, [16000]])
def test_a_rate_is_a_number(rate: Any) -> None:
    with pytest.raises(InputError, match="sample_rate: expected a number of hertz"):
        as_block(np.zeros(4, np.float32), rate)


# quantization


def test_nan_has_no_integer() -> None:
    with pytest.raises(InputError, match="'x': expected numbers to be stored as int8, found NaN"):
        GRID.quantize(np.array([np.nan], np.float32))


def test_infinity_is_the_last_integer() -> None:
    np.testing.assert_array_equal(GRID.quantize(np.array([-np.inf, np.inf])), [-128, 127])


def test_a_wide_integer_saturates_where_float32_can_say_it() -> None:
    spec = TensorSpec("x", (2,), "int32", 1e-3, 0)
    found = spec.quantize(np.array([-1e9, 1e9], np.float32))
    np.testing.assert_array_equal(found, [-(2**31), 2**31 - 128])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_the_limits_of_integers_are_numbers_that_they_hold(dtype: str) -> None:
    low, high = integer_limits(dtype)
    info = np.iinfo(dtype)
    assert int(low) == info.min
    assert info.max - info.max // 2**23 <= int(high) <= info.max


@pytest.mark.parametrize("real", [300.0, -129.0, np.nan, np.inf])
def test_a_number_that_a_plain_integer_does_not_hold_is_refused(real: float) -> None:
    with pytest.raises(InputError, match="expected numbers that int8 holds"):
        TensorSpec("x", (1,), "int8").quantize(np.array([real]))
