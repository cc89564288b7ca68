"""Scales of integer inputs and outputs of an .onnx file, told by its metadata."""

from __future__ import annotations

import json

import pytest

from edgemm.card import io_grids
from edgemm.errors import DamagedArtifact
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
SPECS = (TensorSpec("image", (1, 3), "uint8", 0.0078125, 128), TensorSpec("scores", (1, 2), "int8", 0.5, -3))


def test_what_is_told_is_read() -> None:
    read = io_grids.read(io_grids.tell((*SPECS, TensorSpec("count", (1,), "int64"))))
    assert read == {"image": (0.0078125, 128), "scores": (0.5, -3)}
    bare = [TensorSpec(each.name, each.shape, each.dtype) for each in SPECS]
    assert tuple(io_grids.quantized(each, read) for each in bare) == SPECS


def test_nothing_is_told_of_floats() -> None:
    assert io_grids.tell([TensorSpec("x", (1,), "float32")]) == ""
    assert io_grids.read("") == {}


def test_a_tensor_without_a_grid_stays_as_it_is() -> None:
    spec = TensorSpec("other", (1,), "int8")
    assert io_grids.quantized(spec, {"image": (0.5, 0)}) is spec


@pytest.mark.parametrize(
    "found",
    ["nonsense", [1], {"x": 1}, {"x": [1.0]}, {"x": [0.0, 0]}, {"x": [-1.0, 0]}, {"x": [1.0, 0.5]},
     {"x": [True, 0]}, {"x": [1.0, True]}, {"x": ["1", 0]}, {"x": [1.0, 0, 0]}],
)  # fmt: skip
def test_another_record_is_refused(found: object) -> None:
    with pytest.raises(DamagedArtifact, match=r"^io_quantization: "):
        io_grids.read(json.dumps(found))


@pytest.mark.parametrize("text", ["{", "\x00", '{"x": [1e999, 0]}', '{"x": [1, 0], "x": [2, 0]}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(DamagedArtifact, match=r"^io_quantization: expected JSON"):
        io_grids.read(text)


@pytest.mark.parametrize(
    ("spec", "grid", "message"),
    [
        (TensorSpec("x", (1,), "float32"), (0.5, 0), "'x': expected integers, found float32"),
        (TensorSpec("x", (1,), "int8"), (0.5, 128), "'x': expected a zero point that int8 holds, found 128"),
        (TensorSpec("x", (1,), "uint8"), (0.5, -1), "'x': expected a zero point that uint8 holds, found -1"),
    ],
)
def test_a_grid_that_does_not_fit_its_tensor(spec: TensorSpec, grid: tuple[float, int], message: str) -> None:
    with pytest.raises(DamagedArtifact, match=message):
        io_grids.quantized(spec, {"x": grid})
