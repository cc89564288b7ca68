"""ONNX Runtime, loaded when it is first needed, with its telemetry off. Every import of it goes through here.

From version 1.31 on, ONNX Runtime looks up a server of its maker some seconds after it was loaded, and writes a
device id and a database under the user's cache. Only the environment variable ORT_DISABLE_TELEMETRY, set before the
first import, keeps it from doing so; its own `disable_telemetry_events()` comes too late.
"""

from __future__ import annotations

import os
from typing import Any

from edgemm.errors import MachineShortage, MissingDependency
from edgemm.shortage import shortage

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
    try:
        import onnxruntime
    except (ImportError, OSError, MemoryError) as error:
        raise import_error(error, "onnxruntime", "ONNX Runtime", "ort") from error
    return onnxruntime


def import_error(error: BaseException, module: str, feature: str, extra: str) -> Exception:
    """What to raise when `module` could not be imported: only what is not there "is not installed".

    Args:
        feature: the package as people call it.
        extra: the extra of edgemm that installs it.
    """
    lacking = shortage(error)
    if lacking:
        return MachineShortage(f"{feature} cannot be loaded: {lacking}")
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return MissingDependency(feature, extra)
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return MissingDependency(feature, extra, broken=reason)
