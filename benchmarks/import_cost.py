"""`import edgemm` against `import numpy`: processor time of whole processes, in turns.

Names of edgemm load when they are first used, and NumPy with them; so the first use is timed too, and counts.
"""

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
    codes = {"numpy": "import numpy", "edgemm": "import edgemm", "first_use": "import edgemm; edgemm.Frame"}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for turn in range(ROUNDS + 1):
        for name, code in codes.items():
            cost = _cpu_ms(code)
            if turn:  # the first one fills the file cache
                times[name].append(cost)
    numpy_ms, edgemm_ms, first_ms = (median(each) for each in times.values())
    ratio = max(edgemm_ms, first_ms) / numpy_ms
    return {
        "name": "import_cost",
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "numpy_ms": round(numpy_ms, 1),
        "edgemm_ms": round(edgemm_ms, 1),
        "first_use_ms": round(first_ms, 1),
    }


if __name__ == "__main__":
    print(run())
