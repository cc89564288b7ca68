"""Twelve architectures with seeded weights: float parity, and int8 fidelity in both formats with scheme "auto"."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS, Network, inputs, seeded
from edgemm.converters import convert
from edgemm.converters.importers import export_torch
from edgemm.converters.measure import run_artifact, run_float, worst_error
from edgemm.converters.prepare import prepare
from edgemm.converters.samples import load_samples
from edgemm.converters.written import Settings, write_plan
from edgemm.errors import EdgemmError
from edgemm.inspection import inspect
from edgemm.quantize import make_plan

MAX_FLOAT_ERROR = 1e-5
MIN_MEDIAN_DB = 30.0
SAMPLES = 32


def run(networks: Sequence[Network] = NETWORKS) -> list[dict[str, Any]]:
    """One result per network, and one for all."""
    results = [_measure(network) for network in networks]
    found = [result[key] for result in results for key in ("tflite_db", "onnx_db") if key in result]
    middle = median(found) if found else 0.0
    whole = len(found) == 2 * len(networks)
    return [
        *results,
        {
            "name": "architectures",
            "converted": sum("tflite_db" in result for result in results),
            "median_db": round(middle, 1),
            "limit": MIN_MEDIAN_DB,
            "ok": whole and middle >= MIN_MEDIAN_DB and all(result["ok"] for result in results),
        },
    ]


def _measure(network: Network) -> dict[str, Any]:
    result: dict[str, Any] = {"name": f"architecture_{network.name}", "ok": True}
    model = export_torch(seeded(network), (inputs(network, 1)[0],))
    samples = [tensor.numpy() for tensor in inputs(network, SAMPLES)]
    try:
        result["float_error"] = _float_error(model, samples)
        result["ok"] = result["float_error"] <= MAX_FLOAT_ERROR
        for suffix in ("tflite", "onnx"):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{network.name}.{suffix}"
                done = convert(model, output=path, calibrate=samples, gate="off", explain=True)
                result["scheme"] = done.scheme
                result[f"{suffix}_db"] = round(min(each.snr_db for each in done.fidelity.outputs), 1)
                worst = done.diagnosis.layers[0] if done.diagnosis is not None else None
                if worst is not None:
                    result[f"{suffix}_worst"] = f"{worst.node}: {worst.noise_share:.0%} of the noise"
                result[f"{suffix}_float"] = {each.name: each.count for each in inspect(path).float_operators}
    except EdgemmError as error:
        result.update(ok=False, error=str(error)[:300])
    return result


def _float_error(model: Any, samples: Sequence[np.ndarray]) -> float:
    """Largest difference of the float .tflite from the float graph, of the output's range."""
    prepared = prepare(model, format_="tflite")
    data = load_samples(samples, prepared.inputs, prepared.card.inputs)
    found = run_artifact(
        write_plan(prepared.model, make_plan(prepared.model, None, scheme="float"), "tflite", Settings()),
        data,
    )
    expected = run_float(prepare(model).model, data)
    errors = []
    for name in expected[0]:
        error, spread = worst_error(
            np.stack([each[name] for each in expected]),
            np.stack([each[name] for each in found.outputs]),
        )
        errors.append(error / spread)
    return max(errors)


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
