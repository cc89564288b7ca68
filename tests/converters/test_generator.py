"""A generator of pictures: transposed convolutions, and a Tanh at the end that few draws of noise drive far."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

NOISE = 32
CHANNELS = (NOISE, 32, 16, 8, 3)
"""Of 1, 4, 8, 16 and 32 pixels in each direction."""


@pytest.fixture(scope="module")
def generator(source: Any) -> Any:
    """As DCGAN's: its batch normalizations are folded, so the weights keep the variance by themselves."""
    random = np.random.default_rng(0)
    lines, weights, last = [], {}, "z"
    for index, (inner, outer) in enumerate(pairwise(CHANNELS)):
        stride, pad = (1, 0) if index == 0 else (2, 1)
        taps = inner * (16 if index else 1) / stride**2
        gain = 6.0 if index == len(CHANNELS) - 2 else np.sqrt(2.0)
        array = random.normal(size=(inner, outer, 4, 4)) * gain / np.sqrt(taps)
        weights[f"w{index}"] = array.astype(np.float32)
        shape = f"strides = [{stride}, {stride}], pads = [{pad}, {pad}, {pad}, {pad}]"
        lines.append(f"c{index} = ConvTranspose <{shape}> ({last}, w{index})")
        last = f"r{index}"
        lines.append(f"{last} = Relu (c{index})" if index < len(CHANNELS) - 2 else f"y = Tanh (c{index})")
    text = f"(float[1,{NOISE},1,1] z) => (float[1,3,32,32] y) {{ {' '.join(lines)} }}"
    return source(text, **weights)


def draws(seed: int, count: int = 32) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [{"z": random.normal(size=(1, NOISE, 1, 1)).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_32_draws_calibrate_it_whichever_they_are(
    generator: Any, decibels: Callable[[Any, Any], float], format_: str, seed: int
) -> None:
    """One draw in each set is twice as loud as noise should be."""
    calibration, others = draws(seed), draws(100 + seed, 8)
    calibration[seed]["z"] *= 2
    found, plan = generator.written(format_, "static", calibration, others)
    assert {precision.value for precision in plan.precision.values()} == {"int8"}
    assert decibels(generator.truth(others), found) >= 22.0
