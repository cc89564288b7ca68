"""ONNX Runtime, loaded when it is first needed, with its telemetry off. Every import of it goes through here.

From version 1.31 on, ONNX Runtime looks up a server of its maker some seconds after it was loaded, and writes a
device id and a database under the user's cache. Only the environment variable ORT_DISABLE_TELEMETRY, set before the
first import, keeps it from doing so; its own `disable_telemetry_events()` comes too late.
"""

from __future__ import annotations

import os
from typing import Any

from edgemm.dependency import load_dependency

TELEMETRY = "ORT_DISABLE_TELEMETRY"


def disable_telemetry() -> None:
    """Asks ONNX Runtime to send nothing. A variable that the user has set, to whatever value, is left as it is.

    Child processes inherit it. It has an effect until ONNX Runtime is imported for the first time.
    """
    os.environ.setdefault(TELEMETRY, "1")


def onnx_runtime() -> Any:
    """The `onnxruntime` module.

    Raises:
        MissingDependency: it is not installed, or is and cannot be imported.
        MachineShortage: it is installed, and there was no memory or no file descriptor to load it.
    """
    disable_telemetry()
    return load_dependency("onnxruntime", "ONNX Runtime", "ort")
