"""An ONNX graph pruned to 0.7 of its multiply-accumulates with calibration data and no training: what accuracy is kept.

Networks: the bundled digits CNN (MNIST), and the ResNet8 of MLPerf Tiny (CIFAR-10), whose float .tflite file is in the
folder that EDGEMM_SHARED names. Each on three seeds, that is on three draws of calibration pictures; judged on pictures
that calibrate nothing. Compared with the usual way without data: filters with the smallest L1 norm go, the same
fraction of every layer, nothing is compensated.

    python -m benchmarks prune_graph
    python -m benchmarks.prune_graph resnet8 --macs 0.7 --seed 1 --judged 2000
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.shared import find

RESNET8 = "models/mlperf_tiny/resnet8_cifar10_f32.tflite"
CIFAR10 = "data/cifar10_jpeg"
MNIST = "data/mnist10k/mnist10k.npz"
CALIBRATED = 768
SEEDS = (0, 1, 2)
Array = npt.NDArray[Any]


class Case(NamedTuple):
    """A network with its data."""

    name: str
    model: Any
    calibration: Sequence[Mapping[str, Array]]
    judged: Sequence[Mapping[str, Array]]
    labels: Array


def digits(seed: int, judged: int = 2000) -> Case | None:
    """The bundled network on MNIST pictures; None where they are not there."""
    root = find(MNIST)
    if root is None:
        return None
    from edgemm import data
    from edgemm.converters.prepare import prepare

    model = prepare(data.path("models/digits.onnx")).model
    with np.load(root / MNIST) as arrays:
        pictures, labels = sorted((arrays[key] for key in arrays.files), key=lambda array: -array.ndim)[:2]
    pictures = pictures.reshape(-1, 1, 1, 28, 28).astype(np.float32)
    pictures *= 1.0 / float(pictures.max())
    order = np.random.default_rng(99).permutation(len(pictures))
    chosen = np.random.default_rng(seed).permutation(order[judged:])[:CALIBRATED]
    shown, held = ([{"image": pictures[index]} for index in part] for part in (chosen, order[:judged]))
    return Case("digits", model, shown, held, labels[order[:judged]])


def resnet8(seed: int, judged: int = 2000) -> Case | None:
    """ResNet8; None where its file is not there."""
    root = find(RESNET8, f"{CIFAR10}/train.zip", f"{CIFAR10}/test.zip")
    if root is None:
        return None
    from edgemm.converters.prepare import prepare

    model = prepare(root / RESNET8).model
    name = str(model.graph.inputs[0].name)
    calibration, _ = _cifar(root / CIFAR10 / "train.zip", name, CALIBRATED, seed)
    others, labels = _cifar(root / CIFAR10 / "test.zip", name, judged, 99)
    return Case("resnet8", model, calibration, others, labels)


def _cifar(path: Path, name: str, count: int, seed: int) -> tuple[list[dict[str, Array]], Array]:
    """Pictures of a zip with a folder for each class, 0..255 as that network takes them."""
    import cv2

    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[1] for name in names})
        chosen = np.random.default_rng(seed).permutation(len(names))[:count]
        inputs, labels = [], []
        for index in chosen:
            picture = cv2.imdecode(np.frombuffer(archive.read(names[index]), np.uint8), cv2.IMREAD_COLOR)
            if picture is None:
                raise ValueError(f"{names[index]} is no picture")
            inputs.append({name: np.ascontiguousarray(picture[:, :, ::-1].astype(np.float32)[None])})
            labels.append(classes.index(names[index].split("/")[1]))
    return inputs, np.array(labels)


def accuracy(model: Any, case: Case) -> float:
    """The fraction of pictures whose class is right."""
    from edgemm.quantize.reference import Reference

    reference = Reference(model)
    name = reference.outputs[0]
    found = [int(reference.run(sample)[name].argmax()) for sample in case.judged]
    return float(np.mean(np.array(found) == case.labels))


def measure(case: Case, macs: float, seed: int) -> dict[str, Any]:
    """Accuracy before, after, and after pruning by L1 norm without compensation."""
    from edgemm.quantize.prune.graph import Settings, prune_graph
    from edgemm.quantize.prune.target import Target

    target = Target("macs", macs)
    ways = {
        "ours": Settings(seed=seed),
        "uncompensated": Settings(seed=seed, compensate=False),
        "l1": Settings(rank="norm", compensate=False, spread="even"),
    }
    found: dict[str, Any] = {
        "name": f"prune_graph {case.name} seed {seed}",
        "source": accuracy(case.model, case),
    }
    for way, settings in ways.items():
        pruned = prune_graph(case.model, case.calibration, target, settings=settings)
        found[way] = accuracy(pruned.model, case)
        found[f"{way}_macs"] = round(pruned.report.left("macs"), 4)
        if way == "ours":
            found["removed"] = [str(each) for each in pruned.report.removed]
    return found


def run() -> list[dict[str, Any]]:
    """Points lost by either network, over three seeds; at most 3 and half of what L1 loses (ResNet8), 1 (digits)."""
    results = []
    for make, most in ((digits, 1.0), (resnet8, 3.0)):
        rows = []
        for seed in SEEDS:
            case = make(seed)
            if case is not None:
                rows.append(measure(case, 0.7, seed))
                print(json.dumps(rows[-1]), flush=True)
        if not rows:
            continue
        ours, plain = (
            100 * float(np.mean([row["source"] - row[way] for row in rows])) for way in ("ours", "l1")
        )
        limit = min(most, plain / 2) if make is resnet8 else most
        results.append(
            {"name": f"prune_graph: points lost by {make.__name__} at 0.7 of its MACs, no training; L1 loses "
             f"{plain:.2f}", "ratio": round(ours, 2), "limit": round(limit, 2), "ok": ours <= limit}
        )  # fmt: skip
    return results


def main() -> None:
    """One network, one seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=("digits", "resnet8"))
    parser.add_argument("--macs", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judged", type=int, default=2000)
    options = parser.parse_args()
    case = {"digits": digits, "resnet8": resnet8}[options.network](options.seed, options.judged)
    if case is not None:
        print(json.dumps(measure(case, options.macs, options.seed), indent=1))


if __name__ == "__main__":
    main()
