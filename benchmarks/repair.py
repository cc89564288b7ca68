"""Real networks whose int8 form misses its gate: the dB that repair regains, and the seconds it takes.

The networks and photographs are those under EDGEMM_SHARED; each is converted to static int8 in both formats, once as
it comes and once repaired. Text is cut out of a page, so that a recogniser sees words.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.shared import find
from edgemm.converters import convert
from edgemm.errors import EdgemmError, FidelityMissed

Array = npt.NDArray[np.float32]
SAMPLES = 32
MAX_SECONDS = 75.0
"""The time limit of 60, and the step that it ends in."""
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@dataclass(frozen=True, slots=True)
class Case:
    """One network."""

    path: str
    size_wh: tuple[int, int]
    prepare: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
    """RGB uint8 -> real numbers, of the same shape."""
    shapes: dict[str, tuple[int, ...]] | None = None


CASES = (
    Case("models/detect/ultraface_rfb320.onnx", (320, 240), lambda image: (image - 127.0) / 128.0),
    Case("models/ocr/ppocr3_det.onnx", (320, 320), lambda image: (image / 255.0 - MEAN) / STD, {"x": (1, 3, 320, 320)}),
    Case("models/ocr/ppocr3_rec.onnx", (320, 48), lambda image: image / 127.5 - 1.0, {"x": (1, 3, 48, 320)}),
    Case("models/segment/sinet_portrait.onnx", (320, 320), lambda image: (image[..., ::-1] - 110.0) / 64.0 / 255.0),
    Case("models/enhance/esrgan_slim_x2.onnx", (128, 128), lambda image: image / 255.0),
    Case("models/generate/style_wave.onnx", (256, 256), lambda image: image.astype(np.float64)),
)  # fmt: skip


def run() -> list[dict[str, Any]]:
    """One result per network and format; none without EDGEMM_SHARED."""
    root = find("data/coco128_val", "data/images", *(case.path for case in CASES))
    if root is None:
        return []
    results = []
    for case in CASES:
        data = list(samples(root, case))
        results += [_one(root / case.path, case, data, suffix) for suffix in ("tflite", "onnx")]
    return results


def samples(root: Path, case: Case) -> Iterator[Array]:
    """[1, 3, height, width] each: photographs, or lines of a page for what is as flat as a line."""
    flat = case.size_wh[0] > 4 * case.size_wh[1]
    pictures = _lines(root) if flat else _photographs(root)
    for picture in pictures:
        small = cv2.resize(picture, case.size_wh, interpolation=cv2.INTER_AREA)
        yield np.ascontiguousarray(case.prepare(small).transpose(2, 0, 1)[None], np.float32)


def _photographs(root: Path) -> Iterator[npt.NDArray[np.uint8]]:
    for path in sorted((root / "data/coco128_val/images").glob("*.jpg"))[:SAMPLES]:
        yield cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def _lines(root: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Strips of the two pages of text."""
    for name in ("page.png", "text.png"):
        page = cv2.cvtColor(cv2.imread(str(root / "data/images" / name)), cv2.COLOR_BGR2RGB)
        high = max(page.shape[0] // (SAMPLES // 2), 12)
        for top in range(0, page.shape[0] - high + 1, high):
            yield page[top : top + high, : high * 7]


def _one(path: Path, case: Case, data: list[Array], suffix: str) -> dict[str, Any]:
    result: dict[str, Any] = {"name": f"repair {path.stem} {suffix}", "ok": False}
    with tempfile.TemporaryDirectory() as folder:
        for mode in ("off", "auto"):
            began = time.perf_counter()
            try:
                done = convert(
                    path, output=Path(folder) / f"a.{suffix}", calibrate=data, shapes=case.shapes,
                    scheme="static", gate="warn", repair=mode,
                )  # fmt: skip
            except FidelityMissed as error:
                done = error.conversion
            except EdgemmError as error:
                return {**result, "refused": str(error)[:200]}
            seconds = round(time.perf_counter() - began, 1)
            key = "repaired" if mode == "auto" else "as it comes"
            result[key] = {
                "seconds": seconds,
                "worst_db": round(done.fidelity.worst_db, 1),
                "missed": list(done.fidelity.missed),
            }
        result["repair_seconds"] = round(result["repaired"]["seconds"] - result["as it comes"]["seconds"], 1)
        result["steps"] = [note for note in done.notes if note.startswith("repair")]
    result["ok"] = result["repair_seconds"] <= MAX_SECONDS
    return result
