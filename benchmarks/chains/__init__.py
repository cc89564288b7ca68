"""Chains of faces and bodies on a clip of 720p: against MediaPipe's own, and tracked against detected in every frame.

All on one core: this process, and MediaPipe Solutions 0.10.14 without smoothing in a process of its own, by the Python
that EDGEMM_MEDIAPIPE names (`make chains-bench` makes one). The two take turns, a stretch of the clip each, and the
figure of a stretch is the median of its rounds, in CPU time of the whole process. Needs EDGEMM_SHARED.
"""

from __future__ import annotations

from benchmarks.chains.measuring import run

__all__ = ["run"]
