"""Writes artifacts of both bundled models with inputs and the outputs that edgemm's runtime gives for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.networks import NETWORKS, Network, inputs, seeded
from edgemm import data
from edgemm.backends.backend import Backend
from edgemm.cli.demo.measure import picture_tensors
from edgemm.converters import convert
from edgemm.converters.importers import export_torch

CASES = 64
STEPS = {"float": 1e-5, "static": 1 / 256, "dynamic": 1 / 64}
"""What counts as one step of a float output. With "dynamic" each runtime quantizes activations in its own way:
LiteRT asymmetrically, tflite-runtime 2.14 symmetrically, which is coarser."""


def main(folder: Path) -> None:
    """One artifact and one .npz beside it per model, scheme and format."""
    folder.mkdir(parents=True, exist_ok=True)
    calibration: dict[str, Any] = {
        "digits": picture_tensors(data.calibration_digits()[0]),
        "keywords": data.path("calibration_words"),
    }
    for model, known in calibration.items():
        for scheme in ("float", "static", "dynamic"):
            for suffix in ("tflite", "onnx"):
                path = folder / f"{model}.{scheme}.{suffix}"
                source = data.path(f"models/{model}.onnx")
                target = "tflite-2.14" if suffix == "tflite" else "cpu"
                convert(source, output=path, calibrate=known, scheme=scheme, target=target)  # type: ignore[arg-type]
                write_cases(path)
    for network in NETWORKS:
        write_network(folder, network)


def write_network(folder: Path, network: Network) -> None:
    """One of the twelve architectures for tflite-runtime 2.14, on the scheme that is chosen for it, and in float."""
    model = export_torch(seeded(network), (inputs(network, 1)[0],))
    samples = [tensor.numpy() for tensor in inputs(network, 16)]
    for scheme in ("float", "auto"):
        path = folder / f"{network.name}.{scheme}.tflite"
        done = convert(
            model,
            output=path,
            calibrate=samples,
            scheme=scheme,
            target="tflite-2.14",
            gate="off",  # type: ignore[arg-type]
        )
        named = path.with_name(f"{network.name}.{done.scheme}.tflite")
        path.rename(named)
        write_cases(named)


def write_cases(path: Path) -> None:
    """Seeded inputs over the input's whole grid, what comes out here, both as stored, and what float answers."""
    generator = np.random.default_rng(7)
    with edgemm.load(path) as model:
        spec, out = model.backend.inputs[0], model.backend.outputs[0]
        shape = (CASES, *spec.shape)
        real = generator.uniform(0, 1, shape) if "digits" in path.name else generator.normal(0, 1, shape)
        stored = spec.quantize(real.astype(np.float32))
        answers_array = answered(model.backend, stored)
    with edgemm.load(path.with_name(f"{path.name.split('.')[0]}.float{path.suffix}")) as model:
        plain = model.backend.outputs[0]
        truth = plain.dequantize(
            answered(model.backend, model.backend.inputs[0].quantize(spec.dequantize(stored)))
        )
    step = out.scale
    if not step:  # a float output, whose step is a share of its range
        share = next(share for scheme, share in STEPS.items() if f".{scheme}." in path.name)
        step = float(np.ptp(answers_array)) * share
    np.savez(
        path.with_suffix(path.suffix + ".npz"),
        inputs=stored,
        outputs=answers_array.astype(np.float64) * (out.scale or 1.0),
        truth=truth.astype(np.float64) + out.zero_point * (out.scale or 0.0),
        step=step,
        scale=out.scale or 1.0,
    )


def answered(backend: Backend, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The first output for each sample, as stored."""
    answers = []
    for sample in stored:
        backend.input_buffer(0)[...] = sample
        backend.run()
        answers.append(backend.output_buffer(0).copy())
    return np.stack(answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
