"""`model.run` of a model with one input and one output, which has a way of its own: the same rules, the same errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.backends.litert import LitertBackend
from edgemm.errors import DelegateFailed, InputError

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


def one(x: float) -> Any:
    return np.array([x], np.float32)


class Named(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, **arrays: Any) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Any:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


@pytest.fixture(params=["add.tflite", "add.onnx"])
def doubles(request: pytest.FixtureRequest) -> Iterator[edgemm.Model]:
    """y = x + x."""
    with edgemm.load(ASSETS / request.param, delegate="cpu") as model:
        yield model


@pytest.mark.parametrize("inputs", [{"x": one(1.5)}, Named(x=one(1.5))])
def test_runs(doubles: edgemm.Model, inputs: Any) -> None:
    np.testing.assert_array_equal(doubles.run(inputs)["y"], one(3))


def test_gives_copies(doubles: edgemm.Model) -> None:
    first = doubles.run({"x": one(1)})["y"]
    doubles.run({"x": one(7)})
    np.testing.assert_array_equal(first, one(2))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "missing 'x'"),
        ({"z": one(1)}, "missing 'x', unknown 'z'"),
        ({"x": one(1), "z": one(1)}, "unknown 'z'"),
        (Named(x=one(1), z=one(1)), "unknown 'z'"),
        ({"x": np.ones(2, np.float32)}, r"'x': expected float32\[1\], found float32\[2\]"),
        ({"x": np.ones((1, 1), np.float32)}, r"found float32\[1, 1\]"),
        ({"x": np.ones(1)}, r"found float64\[1\]"),
        ({"x": [1.0]}, "found list"),
        ({"x": np.float32(1)}, "found float32"),
        (one(1), "mapping of names to arrays.*found ndarray"),
        ([one(1)], "found list"),
        (None, "found NoneType"),
        (np.zeros(1, [("x", np.float32)]), "found ndarray"),
    ],
)
def test_refuses_what_does_not_fit(doubles: edgemm.Model, inputs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        doubles.run(inputs)


def test_an_equal_type_that_is_another_object_fits(doubles: edgemm.Model) -> None:
    other = np.dtype(np.float32, metadata={"of": "somebody else"})
    out = {"y": np.zeros(1, other)}
    assert doubles.run({"x": one(2).astype(other)}, out)["y"] is out["y"]
    np.testing.assert_array_equal(out["y"], one(4))


def test_fills_out(doubles: edgemm.Model) -> None:
    out = {"y": one(0)}
    assert doubles.run({"x": one(2)}, out)["y"] is out["y"]
    np.testing.assert_array_equal(out["y"], one(4))


@pytest.mark.parametrize("out", [{}, Named()])
def test_makes_what_out_does_not_name(doubles: edgemm.Model, out: Any) -> None:
    np.testing.assert_array_equal(doubles.run({"x": one(2)}, out)["y"], one(4))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ({"z": one(0)}, "unknown 'z'"),
        ({"y": one(0), "z": one(0)}, "unknown 'z'"),
        ({"y": np.zeros(2, np.float32)}, r"expected a writeable float32\[1\], found float32\[2\]"),
        ({"y": np.zeros(1)}, r"found float64\[1\]"),
        (one(0), "out: expected a mapping"),
    ],
)
def test_refuses_an_out_that_does_not_fit(doubles: edgemm.Model, out: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        doubles.run({"x": one(1)}, out)


def test_refuses_an_out_that_is_read_only(doubles: edgemm.Model) -> None:
    out = one(0)
    out.flags.writeable = False
    with pytest.raises(InputError, match="read-only"):
        doubles.run({"x": one(1)}, {"y": out})


def test_the_next_call_gets_its_turn_after_one_that_failed(doubles: edgemm.Model) -> None:
    with pytest.raises(InputError):
        doubles.run({"x": one(1)}, {"y": np.zeros(2, np.float32)})
    assert doubles._lock.acquire(blocking=False)
    doubles._lock.release()
    np.testing.assert_array_equal(doubles.run({"x": one(2)})["y"], one(4))


def test_closed(doubles: edgemm.Model) -> None:
    doubles.close()
    with pytest.raises(InputError, match="closed"):
        doubles.run({"x": one(1)})


def test_a_run_that_fails_is_the_delegates_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise RuntimeError("node 3 failed.\nmore")

    monkeypatch.setattr(LitertBackend, "bare_run", lambda backend: fails)
    with edgemm.load(ASSETS / "add.tflite", delegate="cpu") as model:
        with pytest.raises(DelegateFailed, match=r"^\w+: failed while running: node 3 failed$"):
            model.run({"x": one(1)})
        assert model._lock.acquire(blocking=False)
        model._lock.release()
