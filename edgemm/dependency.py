"""Optional packages: importing one, and what to install where one is missing.

A package that is not there and one that is there but cannot be imported are two faults with two messages. What can be
installed depends on the machine: most packages have no wheel for 32-bit systems.
"""

from __future__ import annotations

import platform
import sys
from importlib import import_module
from typing import Any

from edgemm.errors import MachineShortage, MissingDependency
from edgemm.shortage import has_room, no_memory, shortage

_FROM_DEBIAN = {"numpy": "python3-numpy", "cv2": "python3-opencv"}
"""Module -> Debian's package (and Raspberry Pi OS's) where there is no wheel for 32 bit."""
_FROM_PIP = {"sounddevice": "sounddevice"}
"""Module -> the requirement that installs on 32 bit; the extra that it is part of does not."""
_LAST_TFLITE_PYTHON = (3, 11)
"""tflite-runtime, whose last release is 2.14, has wheels for no newer Python."""
_ARM = ("arm", "aarch64")
"""How `platform.machine()` begins; a 32-bit system may run on a 64-bit kernel."""
_REASON_LENGTH = 300
ROOM_MB = {
    "onnxruntime": 64,
    "ai_edge_litert.interpreter": 48,
    "tflite_runtime.interpreter": 48,
    "cv2": 192,
}
"""Module -> MB of address space that must be free before it is imported. With less, its native code crashes, or says
that something else is wrong. Measured on x86-64, as VmPeak after the import less VmSize before it: 22 MB for ONNX
Runtime 1.17, 38 for 1.31; 7 for LiteRT 1.2, 22 for 2.3; 137 for OpenCV 4.8, 171 for 5.0. The rest is for opening a
small model, or a picture."""


def load_dependency(module: str, feature: str, extra: str = "", *, command: str = "") -> Any:
    """Imports `module`, a package that edgemm works without.

    Args:
        feature: what the package is called in messages.
        extra: the extra of edgemm that installs it.
        command: what installs it, when that is no extra.

    Raises:
        MissingDependency: it is not installed; or it is, and something in it cannot be imported.
        MachineShortage: it is installed, and there was no memory or no file descriptor to load it.
    """
    check_room(module, feature)
    try:
        return import_module(module)
    except Exception as error:
        raise import_error(error, module, feature, extra, command=command) from error


def check_room(module: str, feature: str) -> None:
    """Before `module` is imported for the first time.

    Raises:
        MachineShortage: less memory is left than it needs to be imported.
    """
    if module in ROOM_MB and module not in sys.modules and not has_room(ROOM_MB[module]):
        raise MachineShortage(f"{feature} cannot be loaded: {no_memory()}")


def import_error(
    error: BaseException, module: str, feature: str, extra: str = "", *, command: str = ""
) -> MissingDependency | MachineShortage:
    """What to raise when importing `module` failed with `error`: only what is not there "is not installed"."""
    lacking = shortage(error)
    if lacking:
        return MachineShortage(f"{feature} cannot be loaded: {lacking}")
    top = module.partition(".")[0]
    command = command or install_command(top, extra)
    if isinstance(error, ModuleNotFoundError) and error.name == top:
        if command:
            return MissingDependency(feature, command=command)
        return MissingDependency.from_text(f"{feature} is not installed. {without_wheel()}")
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:_REASON_LENGTH]
    return MissingDependency(feature, command=again(command), broken=reason)


def install_command(module: str, extra: str) -> str:
    """What installs a package on this machine; "" where nothing does, or where it is no part of edgemm."""
    if is_32_bit():
        if module == "tflite_runtime":
            return 'pip install "edgemm[tflite]"' if has_tflite_wheel() else ""
        if module in _FROM_DEBIAN:
            return f"sudo apt install {_FROM_DEBIAN[module]}"
        return f"pip install {_FROM_PIP[module]}" if module in _FROM_PIP else ""
    return f'pip install "edgemm[{extra}]"' if extra else ""


def again(command: str) -> str:
    """The command that replaces what is installed and broken."""
    return command.replace("pip install", "pip install --force-reinstall").replace(
        "apt install", "apt install --reinstall"
    )


def is_32_bit() -> bool:
    """Whether this Python is a 32-bit program, as on a 32-bit system with a 64-bit kernel."""
    return sys.maxsize <= 1 << 32


def has_tflite_wheel() -> bool:
    """Whether a 32-bit Python finds a tflite-runtime: on ARM, up to Python 3.11."""
    return platform.machine().startswith(_ARM) and sys.version_info[:2] <= _LAST_TFLITE_PYTHON


def missing_litert() -> MissingDependency:
    """What to raise where no runtime for .tflite files is installed."""
    if not is_32_bit():
        return MissingDependency("LiteRT", "litert")
    if has_tflite_wheel():
        return MissingDependency("tflite-runtime, which runs .tflite files on 32-bit ARM,", "tflite")
    return MissingDependency.from_text(
        f"no runtime for .tflite files exists for this 32-bit {platform.machine()} and Python "
        f"{platform.python_version()}: LiteRT needs a 64-bit system, tflite-runtime 32-bit ARM and Python 3.11 or older"
    )


def without_wheel() -> str:
    """Why a package cannot be installed here, and what to do."""
    return "It has no package for 32-bit systems: use a 64-bit system"
