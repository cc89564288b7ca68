"""Large layers as two of lower rank each, against channels alone: what an ONNX graph keeps and how fast it becomes.

Real networks and pictures of EDGEMM_SHARED, no training. `dB` is the signal to noise of the pruned float file against
its source, on pictures that calibrate nothing; the latencies are shares of the source's in the same runtime,
medians taken in turns by the command itself, one thread.

    python -m benchmarks low_rank
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair import CASES, Array, Case, samples
from benchmarks.shared import find
from benchmarks.timing import instruction_set
from edgemm.converters.fidelity import snr_db
from edgemm.converters.pruning import prune_file
from edgemm.errors import EdgemmError

NETWORKS = ("models/enhance/esrgan_slim_x2.onnx", "models/ocr/ppocr3_rec.onnx")
ENERGY, LEFT, JUDGED = 0.99, 0.5, 8


def run() -> list[dict[str, Any]]:
    """One result per network and way; none without EDGEMM_SHARED."""
    cases = [case for case in CASES if case.path in NETWORKS]
    root = find("data/coco128_val", "data/images", *(case.path for case in cases))
    if root is None:
        return []
    results = []
    for case in cases:
        data = list(samples(root, case))
        for way, energy in (("low rank", ENERGY), ("channels", None)):
            results.append(_one(root / case.path, case, data, way, energy))
            print(json.dumps(results[-1]), flush=True)
    return results


def _one(source: Path, case: Case, data: list[Array], way: str, energy: float | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "name": f"{source.stem}: {way}", "instructions": instruction_set(), "macs asked": LEFT, "ok": False,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.onnx"
        try:
            done = prune_file(
                source, output=small, target=f"macs={LEFT}", calibrate=data[JUDGED:], shapes=case.shapes,
                low_rank=energy,
            )  # fmt: skip
        except EdgemmError as error:
            return {**result, "refused": str(error)[:300], "ok": True}
        result["macs"] = round(done.report.left("macs"), 3)
        result["dB"] = round(_decibels(source, small, data[:JUDGED]), 1)
        result |= {
            runtime: round(after.median_ms / before.median_ms, 3)
            for runtime, (before, after) in done.latencies.items()
        }
    result["ok"] = True
    return result


def _decibels(source: Path, small: Path, data: list[Array]) -> float:
    """Both in ONNX Runtime, which reads them without edgemm between."""
    import onnxruntime

    right, found = (
        np.stack([session.run(None, {session.get_inputs()[0].name: each})[0] for each in data])
        for session in (onnxruntime.InferenceSession(path) for path in (source, small))
    )
    return snr_db(right, found)


if __name__ == "__main__":
    run()
