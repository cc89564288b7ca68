"""Transposed convolutions: every way of cutting and padding, in float and in int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from edgemm.converters.importers import export_torch
from edgemm.converters.measure import run_artifact, run_float
from edgemm.converters.prepare import prepare
from edgemm.converters.samples import Samples
from edgemm.converters.written import Settings, write_plan
from edgemm.quantize import calibrate, make_plan

CASES: list[dict[str, Any]] = [
    {"kernel_size": 4, "stride": 2, "padding": 1},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 3, "padding": 1, "output_padding": 2},
    {"kernel_size": 5, "stride": 1, "padding": 2},
    {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 2},
    {"kernel_size": (2, 4), "stride": (1, 2), "padding": (0, 1)},
    {"kernel_size": 4, "stride": 2, "padding": 1, "groups": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 4, "bias": False},
]
FLOAT_ERROR = 1e-5
"""Of the output's range: float32 sums in another order."""


def prepared(case: dict[str, Any], shape: tuple[int, ...] = (1, 4, 5, 6)) -> tuple[Any, Samples]:
    torch.manual_seed(0)
    kind = torch.nn.ConvTranspose2d if len(shape) == 4 else torch.nn.ConvTranspose1d
    model = export_torch(kind(4, 4, **case).eval(), (torch.zeros(shape),))
    ready = prepare(model, format_="tflite")
    inputs = [{ready.inputs[0].name: torch.randn(shape).numpy()} for _ in range(8)]
    return ready, Samples(tuple(inputs))


@pytest.fixture(scope="module", params=CASES, ids=str)
def geometry(request: pytest.FixtureRequest) -> tuple[Any, Samples]:
    """One case, exported once."""
    return prepared(request.param)


def stacked(measured: Any) -> Any:
    return np.stack([next(iter(each.values())) for each in measured])


def test_float_is_the_same(geometry: tuple[Any, Samples]) -> None:
    ready, samples = geometry
    file = write_plan(ready.model, make_plan(ready.model, None, scheme="float"), "tflite", Settings())
    expected = stacked(run_float(ready.model, samples))
    assert np.abs(stacked(run_artifact(file, samples).outputs) - expected).max() <= FLOAT_ERROR * np.ptp(
        expected
    )


def test_int8_is_near(geometry: tuple[Any, Samples]) -> None:
    ready, samples = geometry
    plan = make_plan(ready.model, calibrate(ready.model, samples.inputs), scheme="static")
    file = write_plan(ready.model, plan, "tflite", Settings())
    expected = stacked(run_float(ready.model, samples))
    # Half a step of the input through a handful of weights, and half a step of the output.
    assert (
        np.abs(stacked(run_artifact(file, samples).outputs) - expected).max()
        <= 4 * file.outputs[0].spec.scale
    )


def test_one_dimension() -> None:
    ready, samples = prepared({"kernel_size": 4, "stride": 2, "padding": 1}, (1, 4, 9))
    file = write_plan(ready.model, make_plan(ready.model, None, scheme="float"), "tflite", Settings())
    expected = stacked(run_float(ready.model, samples))
    assert np.abs(stacked(run_artifact(file, samples).outputs) - expected).max() <= FLOAT_ERROR * np.ptp(
        expected
    )
