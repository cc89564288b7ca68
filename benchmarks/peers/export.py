"""The source of each network and what the peers make of it: `python -m benchmarks.peers.export --out DIR [NAME ...]`.

Runs in the peers' environment, where edgemm is not needed; each step of each network in a process of its own. What is
there is not made again; a line of JSON for each step in DIR/made.jsonl: processor time and peak memory, measured as
those of our conversions (benchmarks/spent.py): the whole command, imports included. Of litert-torch, what comes before
it is not counted: torch's own import, the module, and torch.export, which it begins with.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

from benchmarks.spent import spent

SAMPLES = 40
CALIBRATE = 32
TIMEOUT_S = 1800


def main() -> int:
    """Exit 1 when a step failed."""
    from benchmarks.peers.networks import NETWORKS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="*")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.step:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        print(json.dumps({"left_out_s": STEPS[given.step][0](given.name[0], given.out)}))
        return 0
    failed = 0
    for name in given.name or NETWORKS:
        for step in STEPS:
            failed += _in_child(step, name, given.out)
    return 1 if failed else 0


def done(step: str, name: str, out: Path) -> bool:
    """All that the step makes is there."""
    return all((out / f"{name}.{suffix}").exists() for suffix in STEPS[step][1])


def _in_child(step: str, name: str, out: Path) -> bool:
    """True when it failed."""
    if done(step, name, out):
        return False
    command = [sys.executable, "-m", "benchmarks.peers.export", "--out", str(out), "--step", step, name]
    row: dict[str, Any] = {"name": name, "step": step}
    try:
        used = spent(command, TIMEOUT_S)
        left_out_s = json.loads(used.said.splitlines()[-1])["left_out_s"]
        row |= {"cpu_s": round(used.cpu_s - left_out_s, 2), "peak_mb": round(used.peak_mb)}
    except subprocess.TimeoutExpired:
        row["error"] = f"took more than {TIMEOUT_S} s"
    except subprocess.CalledProcessError as error:
        row["error"] = (error.stderr.strip().splitlines() or ["no message"])[-1][:300]
    print(json.dumps(row), flush=True)
    with (out / "made.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    return "error" in row


def _written(path: Path, write: Callable[[Path], Any]) -> None:
    """Under its own name only when it is whole."""
    part = path.with_name(f"part.{path.name}")
    write(part)
    part.rename(path)


def source(name: str, out: Path) -> float:
    """The ONNX file by PyTorch's exporter, and the samples with the module's own answers."""
    import numpy as np
    import torch

    from benchmarks.peers.networks import find, inputs, seeded

    torch.backends.mha.set_fastpath_enabled(
        False
    )  # an operator of PyTorch's own, which exporters cannot write
    module, samples = seeded(find(name)), inputs(find(name), SAMPLES)
    with torch.no_grad():
        answers = np.concatenate([module(each).numpy() for each in samples])
        np.savez(
            out / f"{name}.npz", input=np.concatenate([each.numpy() for each in samples]), output=answers
        )
        _written(
            out / f"{name}.onnx",
            lambda path: torch.onnx.export(
                module, (samples[0],), str(path), input_names=["input"], output_names=["output"],
                opset_version=18, dynamo=True, external_data=False, verbose=False,
            ),
        )  # fmt: skip
    return 0.0


def litert(name: str, out: Path) -> float:
    """litert-torch's float .tflite."""
    import torch

    from benchmarks.peers.networks import find, inputs, seeded

    torch.backends.mha.set_fastpath_enabled(False)
    module, sample = seeded(find(name)), inputs(find(name), 1)
    exported, left_out_s = torch.export.export, time.process_time()
    import litert_torch

    def timed(*given: Any, **options: Any) -> Any:
        nonlocal left_out_s
        start = time.process_time()
        made = exported(*given, **options)
        left_out_s += time.process_time() - start
        return made

    torch.export.export = timed
    converted = litert_torch.convert(module, tuple(sample))
    _written(out / f"{name}.litert.tflite", lambda path: converted.export(str(path)))
    return left_out_s


def edge_quantizer(name: str, out: Path) -> float:
    """ai-edge-quantizer's static w8a8 and dynamic int8 of litert-torch's float file."""
    import numpy as np
    from ai_edge_quantizer import quantizer, recipe

    samples = np.load(out / f"{name}.npz")["input"][:CALIBRATE]
    path = out / f"{name}.litert.tflite"
    recipes = {"static": recipe.static_wi8_ai8(), "dynamic": recipe.dynamic_wi8_afp32()}
    for form, chosen in recipes.items():
        maker = quantizer.Quantizer(str(path), chosen)
        key = _signature(path)
        ranges = (
            maker.calibrate({key[0]: [{key[1]: each[None]} for each in samples]})
            if maker.need_calibration
            else None
        )
        made = maker.quantize(ranges)
        _written(out / f"{name}.aeq_{form}.tflite", methodcaller("write_bytes", bytes(made.quantized_model)))
    return 0.0


def _signature(path: Path) -> tuple[str, str]:
    """Name of the signature and of its one input."""
    from ai_edge_litert.interpreter import Interpreter

    ((name, ports),) = Interpreter(str(path)).get_signature_list().items()
    return name, ports["inputs"][0]


def onnx_quantizer(name: str, out: Path) -> float:
    """ONNX Runtime's quantizer: static with u8 and with s8 activations, weights s8 per channel, and dynamic."""
    import numpy as np
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    samples = np.load(out / f"{name}.npz")["input"][:CALIBRATE]

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(samples)

        def get_next(self) -> Any:
            found = next(self.left, None)
            return None if found is None else {"input": found[None]}

    ready = out / f"part.{name}.ready.onnx"
    quant_pre_process(str(out / f"{name}.onnx"), str(ready), skip_symbolic_shape=True)
    signed = quantization.QuantType.QInt8

    def static(path: Path, activations: Any) -> None:
        quantization.quantize_static(
            str(ready), str(path), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=activations, weight_type=signed,
        )  # fmt: skip

    for form, activations in (("u8s8", quantization.QuantType.QUInt8), ("s8s8", signed)):
        _written(out / f"{name}.ort_{form}.onnx", partial(static, activations=activations))
    _written(
        out / f"{name}.ort_dynamic.onnx",
        lambda path: quantization.quantize_dynamic(
            str(ready), str(path), per_channel=True, weight_type=signed
        ),
    )
    ready.unlink()
    return 0.0


STEPS: dict[str, tuple[Callable[[str, Path], float], tuple[str, ...]]] = {
    "source": (source, ("onnx", "npz")),
    "litert": (litert, ("litert.tflite",)),
    "edge_quantizer": (edge_quantizer, ("aeq_static.tflite", "aeq_dynamic.tflite")),
    "onnx_quantizer": (onnx_quantizer, ("ort_u8s8.onnx", "ort_s8s8.onnx", "ort_dynamic.onnx")),
}
"""Step -> what does it and returns the seconds of processor time that are not counted, and the files that it leaves,
after the name."""


if __name__ == "__main__":
    sys.exit(main())
