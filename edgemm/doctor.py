"""What this machine has: runtimes, delegates, cameras, microphones, and what to install."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

import edgemm
from edgemm.capture.live.cameras import Camera, list_cameras
from edgemm.capture.live.picamera import INSTALL as INSTALL_PICAMERA2
from edgemm.delegates import DELEGATES, DelegateStatus, probe_delegate
from edgemm.errors import EdgemmError

FEATURES = {
    "numpy": ("numpy", ""),
    "LiteRT": ("ai_edge_litert", "litert"),
    "tflite-runtime": ("tflite_runtime", ""),
    "ONNX Runtime": ("onnxruntime", "ort"),
    "OpenCV": ("cv2", "vision"),
    "sounddevice": ("sounddevice", "audio"),
    "soxr": ("soxr", "audio"),
    "onnx": ("onnx", "convert"),
    "PyTorch": ("torch", "torch"),
}
"""Part -> the module that it is found by, and the extra that installs it."""


@dataclass(frozen=True, slots=True)
class Package:
    """One optional part of edgemm."""

    feature: str
    version: str
    """"" when it is not installed."""
    detail: str
    """The install command, or what is wrong."""


@dataclass(frozen=True, slots=True)
class Health:
    """The findings."""

    edgemm: str
    machine: str
    python: str
    processors: int
    """How many this process may use."""
    memory_mb: int
    """Of the machine, in 10^6 bytes; 0 where the system does not say."""
    packages: tuple[Package, ...]
    delegates: tuple[DelegateStatus, ...]
    cameras: tuple[str, ...]
    """As `open_source("camera:0")` counts them."""
    microphones: tuple[str, ...]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def examine() -> Health:
    """Looks at the machine; starts no device and loads no accelerator into this process."""
    microphones, trouble = _microphones()
    owners = _owners()
    packages = tuple(_package(feature, *where, owners) for feature, where in FEATURES.items())
    cameras = list_cameras()
    return Health(
        edgemm.__version__,
        f"{platform.machine()} {platform.system()} {_board()}".strip(),
        platform.python_version(),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        _memory_mb(),
        packages,
        tuple(probe_delegate(name) for name in DELEGATES),
        tuple(f"camera:{number} {camera}" for number, camera in enumerate(cameras)),
        microphones,
        (*_twice(owners), *_missing_runtime(packages), *_missing_picamera2(cameras), *trouble),
    )


def _package(feature: str, module: str, extra: str, owners: Mapping[str, list[str]]) -> Package:
    if util.find_spec(module) is None:
        return Package(feature, "", f'pip install "edgemm[{extra}]"' if extra else "")
    names = owners.get(module, [])
    versions = [metadata.version(name) for name in names]
    return Package(feature, versions[0] if versions else "unknown", ", ".join(names))


def _owners() -> dict[str, list[str]]:
    """Module -> the distributions that install it. Slow: it reads the file lists of all of them."""
    return {module: sorted(set(owners)) for module, owners in metadata.packages_distributions().items()}


def _twice(owners: Mapping[str, list[str]]) -> list[str]:
    """Two distributions that install one module overwrite each other's files."""
    return [
        f"{' and '.join(names)} both install {module!r}; keep only one: pip uninstall {' '.join(names)}, "
        "then install the one that you want"
        for module, names in owners.items()
        if len(names) > 1 and module in {where[0] for where in FEATURES.values()}
    ]


def _missing_runtime(packages: tuple[Package, ...]) -> list[str]:
    have = {package.feature for package in packages if package.version}
    if not have & {"LiteRT", "tflite-runtime", "ONNX Runtime"}:
        return ['no runtime is installed: pip install "edgemm[litert]" for .tflite, "edgemm[ort]" for .onnx']
    return []


def _board() -> str:
    try:
        return Path("/proc/device-tree/model").read_text().strip("\0\n")
    except OSError:
        return ""


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    except (OSError, ValueError):
        return 0


def _missing_picamera2(cameras: tuple[Camera, ...]) -> list[str]:
    ports = [str(camera) for camera in cameras if camera.is_csi]
    if ports and util.find_spec("picamera2") is None:
        return [f"{ports[0]} is a Raspberry Pi's own camera, which needs picamera2: {INSTALL_PICAMERA2}"]
    return []


def _microphones() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The microphones by number, and what keeps them from being listed."""
    if util.find_spec("sounddevice") is None:
        return (), ()
    from edgemm.recorder.process import list_microphones

    try:
        return tuple(map(str, list_microphones())), ()
    except EdgemmError as error:
        return (), (str(error),)
