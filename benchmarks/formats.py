"""Both formats of one plan against each other, on the bundled models: they must be the same numbers.

Float .tflite against float .onnx, as a share of the output's range; int8 .tflite against int8 .onnx with ONNX
Runtime's optimizations off, in steps of the output's grid. The weight grids are equal: target `arm`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm import data
from edgemm.cli.demo.measure import picture_tensors
from edgemm.converters.measure import Measured, run_artifact
from edgemm.converters.prepare import Prepared, prepare
from edgemm.converters.samples import Samples, load_samples
from edgemm.converters.written import Settings, write_plan
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.plan import Plan

MAX_FLOAT_ERROR = 1e-5
MAX_STEPS = 1.0


def run() -> list[dict[str, Any]]:
    """One result per model and kind of number."""
    results = []
    for name in ("digits", "keywords"):
        prepared = prepare(data.path(f"models/{name}.onnx"))
        samples = _samples(name, prepared)
        calibration = calibrate(prepared.model, samples.inputs[:100])
        plans = {
            "float": make_plan(prepared.model, None, scheme="float"),
            "int8": make_plan(prepared.model, calibration, scheme="static", target="arm"),
        }
        for kind, plan in plans.items():
            results.append(_compare(name, kind, prepared, plan, samples))
    return results


def _samples(name: str, prepared: Prepared) -> Samples:
    if name == "digits":
        tensors = picture_tensors(data.digits()[0])
        return load_samples(tensors, prepared.inputs, prepared.card.inputs, limit=1000)
    return load_samples(data.path("calibration_words"), prepared.inputs, prepared.card.inputs, limit=1000)


def _compare(name: str, kind: str, prepared: Prepared, plan: Plan, samples: Samples) -> dict[str, Any]:
    tflite = write_plan(prepared.model, plan, "tflite", Settings())
    onnx = write_plan(prepared.model, plan, "onnx", Settings())
    first = _stacked(run_artifact(tflite, samples))
    second = _stacked(run_artifact(onnx, samples, emulate=True))
    error = float(np.abs(first - second).max())
    unit = tflite.outputs[0].spec.scale if kind == "int8" else float(np.ptp(second))
    limit = MAX_STEPS if kind == "int8" else MAX_FLOAT_ERROR
    return {
        "name": f"formats_{name}_{kind}",
        "samples": len(samples),
        "ratio": error / unit,
        "unit": "steps" if kind == "int8" else "of the range",
        "limit": limit,
        "ok": error / unit <= limit * (1 + 1e-5),
    }


def _stacked(measured: Measured) -> npt.NDArray[Any]:
    return np.stack([next(iter(outputs.values())) for outputs in measured.outputs])


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result))
