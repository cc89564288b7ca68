"""Speed, as ratios measured in one run: each module has `run() -> dict` and can be run by itself.

    python -m benchmarks.letterbox

`run` gives "name", "ratio", "limit", "ok" and "details": absolute times differ from machine to machine,
and from minute to minute on a busy one; the ratio of two ways that took turns holds.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "rigs"))  # the virtual microphone and the cameras
