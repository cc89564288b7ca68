"""What this machine has: runtimes, delegates, cameras, microphones, speakers, and what to install."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib import util
from pathlib import Path
from typing import Any

import edgemm
from edgemm.capture.live.cameras import Camera, list_cameras
from edgemm.capture.live.picamera import INSTALL as INSTALL_PICAMERA2
from edgemm.costs import table_for
from edgemm.delegates import DELEGATES, DelegateStatus, probe_delegate
from edgemm.dependency import is_32_bit, missing_litert
from edgemm.errors import EdgemmError
from edgemm.installed import Package, examine_packages
from edgemm.instructions import instructions

_RUNTIMES = ("LiteRT", "tflite-runtime", "ONNX Runtime")


@dataclass(frozen=True, slots=True)
class Health:
    """What was found on this machine."""

    edgemm: str
    machine: str
    python: str
    instructions: str
    """What of its processor int8 hangs on: "AVX2 AVX512 VNNI", "NEON DOTPROD"."""
    target: str
    """What a file is best converted for, to run here: "vnni", "x86", "arm", or "cpu"."""
    costs: str
    """The table of what operators cost that `edgemm convert` has for such a processor, and whether it was measured."""
    processors: int
    """Number of processors that this process may use."""
    memory_mb: int
    """Of the machine, 10^6 bytes; 0 when the system does not say."""
    packages: tuple[Package, ...]
    delegates: tuple[DelegateStatus, ...]
    cameras: tuple[str, ...]
    """In the order of `open_source("camera:0")`, `camera:1` ..."""
    microphones: tuple[str, ...]
    speakers: tuple[str, ...]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def examine() -> Health:
    """Looks at the machine; starts no device and loads no accelerator into this process."""
    microphones, speakers, trouble = _sound_devices()
    packages, faults = examine_packages()
    cameras = list_cameras()
    return Health(
        edgemm.__version__,
        f"{platform.machine()} {platform.system()} {_board()}".strip(),
        platform.python_version(),
        str(instructions()),
        instructions().target,
        _costs(),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        _memory_mb(),
        packages,
        tuple(probe_delegate(name) for name in DELEGATES),
        tuple(f"camera:{number} {camera}" for number, camera in enumerate(cameras)),
        microphones,
        speakers,
        (*faults, *_missing_runtime(packages), *_on_32_bit(), *_missing_picamera2(cameras), *trouble),
    )


def _costs() -> str:
    table = table_for("here")
    advice = "measure this machine with `edgemm bench --costs -o costs.json`"
    return f"{table.name}, measured" if table.measured else f"{table.name}, not measured: {advice}"


def _missing_runtime(packages: tuple[Package, ...]) -> list[str]:
    works = {package.feature for package in packages if package.works}
    if works & set(_RUNTIMES):
        return []
    if any(package.version for package in packages if package.feature in _RUNTIMES):
        return []  # one is installed and broken, which has its own advice
    if not is_32_bit():
        return ['no runtime is installed: pip install "edgemm[litert]" for .tflite, "edgemm[ort]" for .onnx']
    return [str(missing_litert())]


def _on_32_bit() -> list[str]:
    if not is_32_bit():
        return []
    return [
        "this Python is a 32-bit program. It runs .tflite files with tflite-runtime (ARM, Python 3.11 or older), "
        "numpy and OpenCV from Debian (sudo apt install python3-numpy python3-opencv, in a virtual environment made "
        "with --system-site-packages), and records with sounddevice. LiteRT, ONNX Runtime, soxr and the converter "
        "have no 32-bit packages"
    ]


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


def _sound_devices() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Microphones and speakers by number, and the error where they cannot be listed."""
    if util.find_spec("sounddevice") is None:
        return (), (), ()
    from edgemm.player.process import list_speakers
    from edgemm.recorder.process import list_microphones

    try:
        return tuple(map(str, list_microphones())), tuple(map(str, list_speakers())), ()
    except EdgemmError as error:
        return (), (), (str(error),)
