"""A map of classes back to a 1280x720 picture, against a bare `cv2.resize` of it; and the best of 21 classes.

`to_source` is the whole decoder: a uint8 map as the model stores it, to a `Segmentation` in a new array, borders of the
letterbox cut off. `resize` is `cv2.resize` with INTER_NEAREST of the same map into a new array, which cuts no borders.
The details also give the class with the highest score of deeplab's 513 x 513 x 21 stored numbers, against
`numpy.argmax`. All on one thread; medians in turns. `instructions` names what the processor has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.timing import in_child, instruction_set, interleaved
from edgemm.card import ImageRecipe, ModelCard
from edgemm.preprocess.placement import place
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.segmentation import SegmentationRecipe, SegmentationTask
from edgemm.tensors import TensorSpec

LIMIT = 2.0
SOURCE_WH = (1280, 720)
SIZES = (256, 320, 513)
MEMORY: dict[str, dict[str, str]] = {
    "fresh_pages": {"MALLOC_MMAP_THRESHOLD_": str(128 << 10), "MALLOC_TRIM_THRESHOLD_": str(128 << 10)},
    "kept_pages": {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)},
}
"""Settings of glibc's allocator: results are new arrays, and what these cost depends on it."""


def run() -> dict[str, Any]:
    """The largest ratio of medians over sizes, resizes and settings of the allocator."""
    details = {name: in_child("benchmarks.masks", settings) for name, settings in MEMORY.items()}
    ratio = max(each["ratio"] for case in details.values() for each in case["to_source"].values())
    return {
        "name": "uint8 class map to 1280x720, against cv2.resize",
        "ratio": ratio,
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "instructions": instruction_set(),
        "details": details,
    }


def measure(rounds: int = 100) -> dict[str, Any]:
    """Medians in this process."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    to_source = {}
    for size in SIZES:
        grid = rng.integers(0, 21, (1, size, size), np.uint8)
        for resize in ("stretch", "letterbox", "center-crop"):
            medians = interleaved(
                {
                    "decoder": _decoder(grid, _context(resize, size), SegmentationRecipe()),
                    "resize": partial(cv2.resize, grid[0], SOURCE_WH, interpolation=cv2.INTER_NEAREST),
                },
                rounds,
            )
            to_source[f"{size} {resize}"] = {"ratio": medians["decoder"] / medians["resize"], **_us(medians)}
    return {
        "to_source": to_source,
        "best_class": {dtype: _best_class(rng, dtype) for dtype in ("uint8", "float32")},
    }


def _best_class(rng: np.random.Generator, dtype: str) -> dict[str, float]:
    """Both layouts, decoded in the size of the output."""
    last = rng.integers(0, 256, (1, 513, 513, 21)).astype(dtype)
    first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
    medians = interleaved(
        {
            "NHWC": _decoder(last, Context(), SegmentationRecipe(kind="scores", layout="NHWC")),
            "NCHW": _decoder(first, Context(), SegmentationRecipe(kind="scores", layout="NCHW")),
            "numpy_NHWC": lambda: last.argmax(axis=-1),
            "numpy_NCHW": lambda: first.argmax(axis=1),
        },
        15,
    )
    return _us(medians)


def _context(resize: str, size: int) -> Context:
    placement = place(ImageRecipe(resize=resize), SOURCE_WH, (size, size))  # type: ignore[arg-type]
    return Context(placement.to_source, SOURCE_WH, (size, size))


def _decoder(stored: npt.NDArray[Any], context: Context, recipe: SegmentationRecipe) -> Callable[[], Any]:
    spec = TensorSpec("map", stored.shape, str(stored.dtype), 1 / 256 if recipe.kind == "scores" else 0.0)
    decoder = SegmentationTask().open(ModelCard(), recipe, [spec])
    state, outputs = decoder.begin(), Outputs.of([spec], {"map": stored})
    return lambda: decoder.decode(outputs, context, state)


def _us(medians: dict[str, float]) -> dict[str, float]:
    return {f"{name}_us": median * 1e6 for name, median in medians.items()}


def main() -> int:
    """Prints the result as JSON; 1 when the limit is missed."""
    if "--measure" in sys.argv:
        print(json.dumps(measure()))
        return 0
    result = run()
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
