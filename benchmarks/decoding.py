"""Decoding a detector's outputs: 8,400 candidates of 80 classes, a few of which reach the threshold.

float32 and stored int8, in three layouts: columns as YOLOv8 has them, rows, boxes and scores apart. The whole decode is
timed: threshold, boxes, NMS, names, back to the source. The baseline is what one writes first:
dequantize all, best class of all, boxes of all, then the threshold and the same NMS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.timing import interleaved
from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection.nms import suppress
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.task import DetectionTask
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

CANDIDATES, CLASSES, SIZE = 8400, 80, 640
LIMITS_MS = {"int8": 0.3, "float32": 1.0}
LABELS = tuple(f"class {at}" for at in range(CLASSES))
CONTEXT = Context(np.array([[2.0, 0, 0], [0, 2.0, -280]]), (1280, 720), (SIZE, SIZE))
FOUND = 6
"""Objects, three candidates each."""


def run() -> list[dict[str, Any]]:
    """A case each: median of the decode in ms against its limit; `ok` also needs the baseline's boxes."""
    return [_case(layout, dtype) for layout in ("columns", "rows", "apart") for dtype in LIMITS_MS]


def _case(layout: str, dtype: str) -> dict[str, Any]:
    specs, stored = _tensors(layout, dtype)
    unit: Literal["normalized", "pixels"] = (
        "normalized" if dtype == "int8" and layout != "apart" else "pixels"
    )
    recipe = DetectionRecipe(threshold=0.4, coordinates=unit)
    decoder = DetectionTask().open(SimpleNamespace(labels=LABELS, inputs=()), recipe, specs)
    outputs = Outputs.of(specs, stored)
    decode: Callable[[], Detections] = lambda: next(iter(decoder.decode(outputs, CONTEXT, None)))  # noqa: E731
    plain: Callable[[], Any] = lambda: _plain(specs, stored, layout, recipe)  # noqa: E731
    medians = interleaved({"edgemm": decode, "plain": plain}, 200)
    ours, theirs = decode(), plain()
    same = np.array_equal(ours.class_ids, theirs[1]) and np.allclose(ours.boxes_xyxy, theirs[0], atol=1e-3)
    return {
        "name": f"decode {CANDIDATES} x {CLASSES} {dtype}, {layout}, ms",
        "ratio": medians["edgemm"] * 1e3,
        "limit": LIMITS_MS[dtype],
        "ok": bool(medians["edgemm"] * 1e3 <= LIMITS_MS[dtype] and same and len(ours.scores) == FOUND),
        "details": {
            "plain_ms": medians["plain"] * 1e3,
            "of_plain": medians["edgemm"] / medians["plain"],
            "found": len(ours.scores),
            "instruction_set": instruction_set(),
        },
    }


def _tensors(layout: str, dtype: str) -> tuple[list[TensorSpec], dict[str, npt.NDArray[Any]]]:
    rng = np.random.default_rng(7)
    scores = rng.uniform(0, 0.3, (CANDIDATES, CLASSES)).astype(np.float32)
    boxes = rng.uniform(20, 60, (CANDIDATES, 4)).astype(np.float32)
    for at in range(FOUND):
        for copy in range(3):
            row = at * 700 + copy
            boxes[row] = (60 + 100 * (at % 4) + copy, 200 + 90 * (at // 4), 50, 40)
            scores[row, (at * 7) % CLASSES] = 0.9 - 0.1 * copy - 0.005 * at
    whole = np.concatenate([boxes, scores], axis=1)
    parts = {"boxes": boxes, "scores": scores} if layout == "apart" else {"rows": whole}
    if layout == "columns":
        parts = {"rows": np.ascontiguousarray(whole.T)}
    specs, stored = [], {}
    for name, real in parts.items():
        spec = TensorSpec(name, (1, *real.shape), dtype)
        if dtype == "int8":
            spec = TensorSpec(name, (1, *real.shape), dtype, scale=float(real.max()) / 255, zero_point=-128)
            if name == "rows":  # boxes as well as scores in 0..1, as a shared scale needs it
                real = real.copy()
                (real[:4] if layout == "columns" else real[:, :4])[...] /= SIZE
                spec = TensorSpec(name, (1, *real.shape), dtype, scale=1 / 255, zero_point=-128)
        specs.append(spec)
        stored[name] = spec.quantize(real[None])
    return specs, stored


def _plain(
    specs: list[TensorSpec], stored: dict[str, npt.NDArray[Any]], layout: str, recipe: DetectionRecipe
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What one writes first."""
    real = [spec.dequantize(stored[spec.name])[0] for spec in specs]
    boxes, scores = real if layout == "apart" else (None, None)
    if boxes is None or scores is None:
        rows = real[0].T if layout == "columns" else real[0]
        boxes, scores = rows[:, :4], rows[:, 4:]
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    corners = np.concatenate([centre - half, centre + half], axis=1)
    numbers, best = scores.argmax(axis=1), scores.max(axis=1)
    keep = best >= recipe.threshold
    corners, numbers, best = corners[keep], numbers[keep], best[keep]
    order = np.argsort(-best, kind="stable")
    corners, numbers = corners[order] * (SIZE if recipe.coordinates == "normalized" else 1), numbers[order]
    kept = suppress(corners, recipe.iou, recipe.max_detections, numbers)
    placed = CONTEXT.boxes(corners[kept])
    return np.clip(placed, 0, [1280, 720, 1280, 720]), numbers[kept]


def instruction_set() -> str:
    """The widest that numpy uses here."""
    core = "numpy._core" if hasattr(np, "_core") else "numpy.core"
    features = importlib.import_module(f"{core}._multiarray_umath").__cpu_features__
    wanted = ("AVX512_SKX", "AVX512F", "AVX2", "ASIMD", "NEON", "SSE42")
    return next((name for name in wanted if features.get(name)), "baseline")
