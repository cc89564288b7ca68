"""Conversion of a MobileNetV2 of 3.5 million weights with 100 calibration pictures: whole process, time and memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mobilenet_blocks import MOBILENET_V2

MAX_SECONDS = 20.0
MAX_PEAK_MB = 1000.0
PICTURES = 100


def run() -> list[dict[str, Any]]:
    """One result per format."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        write_model(where / "mobilenet.onnx")
        _write_pictures(where / "pictures")
        return [_convert(where, suffix) for suffix in ("tflite", "onnx")]


def write_model(path: Path) -> None:
    """MobileNetV2 1.0 at 224 pixels, seeded weights, exported to ONNX."""
    import onnx_ir as ir
    import torch

    from edgemm.converters.importers import export_torch

    torch.manual_seed(0)
    model = export_torch(mobilenet_v2().eval(), (torch.zeros(1, 3, 224, 224),))
    ir.save(model, path)


def mobilenet_v2() -> Any:
    """The module, width 1.0."""
    from torch import nn

    def conv(i: int, o: int, k: int, s: int = 1, g: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o), nn.ReLU6()]

    class Block(nn.Module):
        def __init__(self, i: int, o: int, stride: int, expansion: int) -> None:
            super().__init__()
            wide = i * expansion
            first = conv(i, wide, 1) if expansion != 1 else []
            last = [nn.Conv2d(wide, o, 1, bias=False), nn.BatchNorm2d(o)]
            self.body = nn.Sequential(*first, *conv(wide, wide, 3, stride, wide), *last)
            self.adds = stride == 1 and i == o

        def forward(self, x: Any) -> Any:
            return x + self.body(x) if self.adds else self.body(x)

    layers, channels = conv(3, 32, 3, 2), 32
    for expansion, out, blocks, stride in MOBILENET_V2:
        for index in range(blocks):
            layers.append(Block(channels, out, stride if index == 0 else 1, expansion))
            channels = out
    layers += [*conv(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers)


def _write_pictures(folder: Path) -> None:
    """Seeded pictures with structure: smooth colours with edges in them."""
    import cv2

    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(PICTURES):
        small = generator.integers(0, 256, (6, 8, 3), np.uint8)
        picture = cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)
        left, top = generator.integers(0, 200, 2).tolist()
        cv2.rectangle(picture, (left, top), (left + 90, top + 60), generator.integers(0, 256, 3).tolist(), -1)
        cv2.imwrite(str(folder / f"{index:03}.jpg"), picture)


def _convert(folder: Path, suffix: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "edgemm", "convert", str(folder / "mobilenet.onnx"), "--json"]
    command += ["-o", str(folder / f"mobilenet.{suffix}"), "--preset", "imagenet", "--gate", "warn"]
    command += ["--calibrate", str(folder / "pictures")]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = _wait(process.pid)
    seconds, peak_mb = time.perf_counter() - began, usage.ru_maxrss / 1000
    if status:
        return {"name": f"mobilenet_{suffix}", "ok": False, "exit": status}
    content = json.loads(said)
    return {
        "name": f"mobilenet_{suffix}",
        "seconds": round(seconds, 1),
        "peak_mb": round(peak_mb),
        "limits": [MAX_SECONDS, MAX_PEAK_MB],
        "snr_db": content["outputs"][0]["snr_db"],
        "size_ratio": round(content["size_bytes"] / content["source_size_bytes"], 3),
        "ok": seconds <= MAX_SECONDS and peak_mb <= MAX_PEAK_MB,
    }


def _wait(pid: int) -> tuple[int, int, resource.struct_rusage]:
    """Waits for a child, with what it used: kilobytes of peak memory among it."""
    import os

    return os.wait4(pid, 0)


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result))
