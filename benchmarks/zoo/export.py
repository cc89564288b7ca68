"""Writes each network as ONNX files, by both exporters, with its inputs: `python -m benchmarks.zoo.export --out DIR`.

Runs where timm and transformers are installed, each network in a process of its own; edgemm is not needed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

FAMILIES = ("pictures", "sequences", "own")
EXPORTERS = ("torchscript", "dynamo")
SAMPLES = 40
TIMEOUT_S = 600


def names(family: str) -> list[str]:
    """Of the networks of a family."""
    return list(importlib.import_module(f"benchmarks.zoo.{family}").NETWORKS)


def main() -> int:
    """A line per network; exit 1 when one was not written by any exporter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="*")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.one:
        family, name, exporter = given.one
        _write(family, name, exporter, given.out)
        return 0
    failed = 0
    for family in FAMILIES:
        for name in names(family):
            if given.name and name not in given.name:
                continue
            done = {each: _in_child(family, name, each, given.out) for each in EXPORTERS}
            failed += not any(said == "" for said in done.values())
            print(
                json.dumps({"name": name, **{key: said or "written" for key, said in done.items()}}),
                flush=True,
            )
    return 1 if failed else 0


def _in_child(family: str, name: str, exporter: str, out: Path) -> str:
    """What went wrong; "" for nothing."""
    if (out / f"{name}.{exporter}.onnx").exists():
        return ""
    command = [
        sys.executable,
        "-m",
        "benchmarks.zoo.export",
        "--out",
        str(out),
        "--one",
        family,
        name,
        exporter,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"took more than {TIMEOUT_S} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1][:200]


def _write(family: str, name: str, exporter: str, out: Path) -> None:
    import numpy as np
    import torch

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.backends.mha.set_fastpath_enabled(
        False
    )  # an operator of PyTorch's own, which exporters cannot write
    build, makers = importlib.import_module(f"benchmarks.zoo.{family}").NETWORKS[name]
    torch.manual_seed(0)
    module = build().eval()
    _settle(module)
    torch.manual_seed(1)
    samples = [tuple(make() for make in makers) for _ in range(SAMPLES)]
    part = out / f"{name}.{exporter}.part"
    inputs = [f"input_{number}" for number in range(len(makers))]
    options: dict[str, Any] = (
        {"dynamo": True, "external_data": False} if exporter == "dynamo" else {"dynamo": False}
    )
    with torch.no_grad():
        torch.onnx.export(module, samples[0], str(part), input_names=inputs, output_names=["output"],
                          opset_version=18 if exporter == "dynamo" else 17, **options)  # fmt: skip
        truth = np.stack([module(*each).numpy() for each in samples])
    arrays = {key: np.stack([each[at].numpy() for each in samples]) for at, key in enumerate(inputs)}
    np.savez(out / f"{name}.npz", output=truth, **arrays)  # type: ignore[arg-type]
    part.rename(out / f"{name}.{exporter}.onnx")


def _settle(module: Any) -> None:
    """Batch norms with statistics as after training; no layer that is zero before it."""
    import torch

    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
        if isinstance(part, torch.nn.Linear) and not part.weight.any():
            torch.nn.init.normal_(part.weight, std=0.05)


if __name__ == "__main__":
    sys.exit(main())
