"""Calibration of a network of MobileNetV2's shape, against ONNX Runtime's MinMax calibrator and against keeping all.

Each way runs in processes of its own, in turns, on one core: CPU time, and how far the process grew beyond what it
was before (model and data in place, packages imported). `kept` is the plain way: every activation of every
picture leaves the runtime, and the extremes are taken at the end.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from benchmarks.mobilenet_blocks import MOBILENET_V2
from benchmarks.timing import in_child

TIME_LIMIT = 0.8
MEMORY_LIMIT = 0.4
METHOD = "EDGEMM_BENCHMARK_METHOD"
"""Environment variable that tells a child which way to go."""
PICTURES = {"edgemm": 16, "ort_minmax": 16, "kept": 4}
SIZE = 224

Ranges = dict[str, tuple[float, float]]


class _Network:
    """MobileNetV2's layers with seeded weights, batch norms folded."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [
            numpy_helper.from_array(np.float32(0), "zero"),
            numpy_helper.from_array(np.float32(6), "six"),
        ]
        self.generator = np.random.default_rng(0)
        self.channels = 3

    def model(self) -> onnx.ModelProto:
        value = self.conv("input", 32, 3, 2)
        for expansion, channels, repeats, stride in MOBILENET_V2:
            for index in range(repeats):
                value = self.block(value, expansion, channels, stride if index == 0 else 1)
        value = self.conv(value, 1280, 1)
        value = self.add("GlobalAveragePool", [value])
        value = self.add("Reshape", [value, self.constant(np.array([1, 1280]))])
        weight, bias = self.normal(1000, 1280, gain=1.0), self.constant(np.zeros(1000, np.float32))
        value = self.add("Gemm", [value, weight, bias], transB=1)
        graph = helper.make_graph(
            self.nodes,
            "mobilenet",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
            [helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, 1000])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)

    def block(self, value: str, expansion: int, channels: int, stride: int) -> str:
        before, given = value, self.channels
        if expansion > 1:
            value = self.conv(value, given * expansion, 1)
        value = self.conv(value, self.channels, 3, stride, group=self.channels)
        value = self.conv(value, channels, 1, relu=False)
        return self.add("Add", [before, value]) if stride == 1 and given == channels else value

    def conv(
        self, value: str, channels: int, size: int, stride: int = 1, *, group: int = 1, relu: bool = True
    ) -> str:
        weight = self.normal(channels, self.channels // group, size, size)
        bias = self.constant(self.generator.standard_normal(channels).astype(np.float32) * np.float32(0.1))
        value = self.add(
            "Conv",
            [value, weight, bias],
            kernel_shape=[size, size],
            strides=[stride, stride],
            dilations=[1, 1],
            pads=[size // 2] * 4,
            group=group,
        )
        self.channels = channels
        return self.add("Clip", [value, "zero", "six"]) if relu else value

    def add(self, op_type: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def normal(self, *shape: int, gain: float = 2.0) -> str:
        deviation = np.sqrt(gain / np.prod(shape[1:]))
        return self.constant((self.generator.standard_normal(shape) * deviation).astype(np.float32))

    def constant(self, array: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def pictures(count: int) -> list[dict[str, npt.NDArray[np.float32]]]:
    """Seeded samples."""
    generator = np.random.default_rng(1)
    return [{"input": generator.standard_normal((1, 3, SIZE, SIZE)).astype(np.float32)} for _ in range(count)]


def edgemm(proto: onnx.ModelProto, samples: list[Any]) -> Ranges:
    from edgemm.quantize import calibrate

    found = calibrate(ir.from_proto(proto), samples).ranges
    return {name: (each.low, each.high) for name, each in found.items()}


def ort_minmax(proto: onnx.ModelProto, samples: list[Any]) -> Ranges:
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left: Iterator[Any] = iter(samples)

        def get_next(self) -> Any:
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        onnx.save(proto, f"{folder}/model.onnx")
        calibrator = create_calibrator(
            f"{folder}/model.onnx",
            augmented_model_path=f"{folder}/augmented.onnx",
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(Reader())
        found = calibrator.compute_data()
    ends = {name: np.ravel(found[name].range_value) for name in found.keys()}  # noqa: SIM118
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def kept(proto: onnx.ModelProto, samples: list[Any]) -> Ranges:
    from edgemm.quantize import Reference
    from edgemm.quantize.calibration import float_values

    model = ir.from_proto(proto)
    there = {value.name for value in model.graph.outputs}
    made = [
        value for value in float_values(model) if value.producer() is not None and value.name not in there
    ]
    model.graph.outputs.extend(made)
    reference = Reference(model, optimize=False)
    everything = [{**sample, **reference.run(sample)} for sample in samples]
    return {
        name: (min(float(each[name].min()) for each in everything), max(float(each[name].max()) for each in everything))
        for name in everything[0]
    }  # fmt: skip


WAYS: dict[str, Callable[[onnx.ModelProto, list[Any]], Ranges]] = {
    "edgemm": edgemm,
    "ort_minmax": ort_minmax,
    "kept": kept,
}


def measure(name: str) -> dict[str, Any]:
    """One way in this process: CPU ms a picture, growth in MB, and what it found."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import onnxruntime.quantization  # noqa: F401

    proto, samples = _Network().model(), pictures(PICTURES[name])
    start_mb = _now_mb()
    WAYS[name](proto, samples[:1])  # warm
    began = time.process_time()
    found = WAYS[name](proto, samples)
    return {
        "ms": (time.process_time() - began) * 1e3 / len(samples),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - start_mb,
        "ranges": {key: found[key] for key in sorted(found)},
    }


def _now_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def run(rounds: int = 3) -> list[dict[str, Any]]:
    """Ratios of the medians, time and memory; `ok` of the first also needs equal ranges."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name in WAYS:
            turns[name].append(in_child("benchmarks.calibration", {METHOD: name}))
    ms = {name: median(each["ms"] for each in found) for name, found in turns.items()}
    mb = {name: median(each["mb"] for each in found) for name, found in turns.items()}
    ours, theirs = turns["edgemm"][0]["ranges"], turns["ort_minmax"][0]["ranges"]
    same = len(theirs) > 0 and all(ours[name] == theirs[name] for name in theirs)
    time_ratio, memory_ratio = ms["edgemm"] / ms["ort_minmax"], mb["edgemm"] / mb["ort_minmax"]
    return [
        {
            "name": "calibration of MobileNetV2, CPU time, against ONNX Runtime's MinMax",
            "ratio": time_ratio,
            "limit": TIME_LIMIT,
            "ok": time_ratio <= TIME_LIMIT and same,
            "details": {"ms_a_picture": ms, "same_ranges": same, "values": len(ours)},
        },
        {
            "name": "calibration of MobileNetV2, memory, against ONNX Runtime's MinMax",
            "ratio": memory_ratio,
            "limit": MEMORY_LIMIT,
            "ok": memory_ratio <= MEMORY_LIMIT,
            "details": {"growth_mb": mb, "pictures": PICTURES},
        },
    ]


def main() -> int:
    """Prints the results as one JSON line; 1 when a limit is missed."""
    if "--measure" in sys.argv:
        print(json.dumps(measure(os.environ[METHOD])))
        return 0
    results = run()
    print(json.dumps(results))
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
