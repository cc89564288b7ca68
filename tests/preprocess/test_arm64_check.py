"""The comparison of `scripts/arm64`: what it lets pass and what it does not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

HERE = np.arange(1000.0)


@pytest.fixture(scope="module")
def check() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "arm64_check.py"
    spec = importlib.util.spec_from_file_location("arm64_check", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compared(
    check: ModuleType, folder: Path, name: str, there: npt.NDArray[Any], golden: tuple[float, float] = (0, 1)
) -> int:
    goldens = np.array(json.dumps({"digits.int8.onnx": [golden]}))
    for file, numbers in (("a.npz", HERE), ("b.npz", there)):
        contents: dict[str, Any] = {"goldens": goldens, name: numbers}
        np.savez(folder / file, **contents)
    return int(check.compare(str(folder / "a.npz"), str(folder / "b.npz")))


@pytest.mark.parametrize(
    ("name", "least", "passes"),
    [
        ("pixels linear", 1.0, False),
        ("pixels nearest", 1.0, False),
        ("pixels grey", 1.0, False),
        ("pixels area", 1.0, True),
        ("pixels area", 2.0, False),
        ("pixels cubic", 1.0, True),
        ("input digits.int8.onnx", 1.0, False),
        ("int8.tflite digits.int8.tflite logits", 1.0, False),
        ("float digits.float.onnx logits", 1e-3, True),
        ("float digits.float.onnx logits", 0.1, False),
        ("sound logmel16k", 1e-6, False),
        ("resampled waveform silero-vad", 1e-3, True),
        ("resampled waveform silero-vad", 1.0, False),
    ],
)
def test_one_number_that_differs(
    name: str, least: float, passes: bool, check: ModuleType, tmp_path: Path
) -> None:
    """Of numbers from 0 to 999."""
    there = HERE.copy()
    there[17] += least
    assert compared(check, tmp_path, name, there) == (0 if passes else 1)
    assert compared(check, tmp_path, name, HERE) == 0


def test_goldens_that_do_not_hold(check: ModuleType, tmp_path: Path) -> None:
    assert compared(check, tmp_path, "pixels linear", HERE, (2.0, 1.0)) == 1


def test_not_a_number_is_a_difference(check: ModuleType, tmp_path: Path) -> None:
    there = HERE.copy()
    there[3] = np.nan
    for name in ("float digits.float.onnx logits", "resampled waveform silero-vad", "sound logmel16k"):
        assert compared(check, tmp_path, name, there) == 1


def test_another_shape_or_type_is_a_difference(check: ModuleType, tmp_path: Path) -> None:
    assert compared(check, tmp_path, "pixels area", HERE[:-1]) == 1
    assert compared(check, tmp_path, "pixels area", HERE.astype(np.float32)) == 1
