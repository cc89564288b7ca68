"""`import edgemm` against `import numpy`: processor time of whole processes, in turns."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from statistics import median
from typing import Any

ROUNDS = 15
LIMIT = 1.15


def _cpu_ms(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run() -> dict[str, Any]:
    """Median processor time of each, and their ratio."""
    times: dict[str, list[float]] = {"numpy": [], "edgemm": []}
    for turn in range(ROUNDS + 1):
        for name, each in times.items():
            cost = _cpu_ms(f"import {name}")
            if turn:  # the first one fills the file cache
                each.append(cost)
    numpy_ms, edgemm_ms = median(times["numpy"]), median(times["edgemm"])
    ratio = edgemm_ms / numpy_ms
    return {
        "name": "import_cost",
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "numpy_ms": round(numpy_ms, 1),
        "edgemm_ms": round(edgemm_ms, 1),
    }


if __name__ == "__main__":
    print(run())
