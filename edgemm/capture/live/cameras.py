"""The cameras of this machine: V4L2 devices that can capture, in the order that `camera:N` counts them."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
CSI_DRIVERS = ("unicam", "rp1-cfe", "bcm2835-isp")
"""Drivers of a Raspberry Pi's own camera port. They give raw sensor data, which only libcamera develops."""
_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_DEVICE_CAPS = 0x80000000
_CAPTURE = 0x00000001 | 0x00001000
"""Single- or multi-planar video capture; a codec is memory to memory, and metadata is something else."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One video device."""

    path: str
    """/dev/video0"""
    name: str
    """As the driver calls it."""
    driver: str
    """"uvcvideo"; "" where the system does not tell."""

    @property
    def is_csi(self) -> bool:
        """True for a Raspberry Pi's own camera port."""
        return self.driver.startswith(CSI_DRIVERS) or self.name.startswith(CSI_DRIVERS)

    def __str__(self) -> str:
        return f"{self.path} {self.name}"


def list_cameras(sysfs: Path = SYSFS) -> tuple[Camera, ...]:
    """Those that can capture: nodes of metadata, codecs and outputs are left out, and so are all but the
    first node of a Raspberry Pi's camera port, and its image processor, which is no camera."""
    found: list[Camera] = []
    ports: set[str] = set()
    for node in sorted(sysfs.glob("video*"), key=lambda each: (len(each.name), each.name)):
        camera = describe(node)
        device = os.path.realpath(node / "device")
        if not _captures(node, camera) or (camera.is_csi and device in ports):
            continue
        if camera.is_csi:
            ports.add(device)
        found.append(camera)
    return tuple(found)


def describe(node: Path) -> Camera:
    """What sysfs tells of a node such as /sys/class/video4linux/video0."""
    driver = os.path.basename(os.path.realpath(node / "device" / "driver"))
    return Camera(
        f"/dev/{node.name}", _read(node / "name") or "unknown", "" if driver == "driver" else driver
    )


def _captures(node: Path, camera: Camera) -> bool:
    if _read(node / "index") not in ("", "0") or camera.driver.startswith("bcm2835-isp"):
        return False
    capabilities = _capabilities(camera.path)
    return capabilities is None or bool(capabilities & _CAPTURE)


def _capabilities(path: str) -> int | None:
    """V4L2's `device_caps`, asked without starting anything; None where the device cannot be asked."""
    import fcntl

    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        answer = fcntl.ioctl(device, _QUERYCAP, bytes(_CAPABILITY.size))
    except OSError:
        return None
    finally:
        os.close(device)
    *_, all_nodes, this_node = _CAPABILITY.unpack(answer)
    return int(this_node if all_nodes & _DEVICE_CAPS else all_nodes)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
