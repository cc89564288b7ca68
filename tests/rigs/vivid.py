"""The kernel's `vivid` cameras, plugged in, unplugged and made to misbehave.

    sudo modprobe vivid n_devs=2      or `scripts/devices`, which has them in an emulated machine

Webcams with a test picture: eight vertical bars, from white and yellow to black. To unplug them takes root.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

from edgemm.capture.live.cameras import Camera, list_cameras

DRIVER = Path("/sys/bus/platform/drivers/vivid")
_PORT = "vivid.0"
"""Where the driver's cameras hang, all of them."""
_QUERYCTRL, _S_CTRL = 0xC0445624, 0xC008561C
_QUERY = struct.Struct("=II32siiiiI8x")
_CONTROL = struct.Struct("=Ii")
_NEXT = 0x80000000
DROPPED, FATAL, DISCONNECT, STAMPED = (
    "Percentage of Dropped Buffers",
    "Inject Fatal Streaming Error",
    "Disconnect",
    "Timestamp Source",
)
"""Controls: of 100, no frame comes; the queue fails; the camera is gone until it is plugged in; what the time of a
frame is: 0, the end of its exposure, which `vivid` places in the future, or 1, the start."""


class Vivid:
    """The cameras of the driver."""

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """Those that are plugged in."""
        return tuple(camera for camera in list_cameras() if camera.driver == "vivid")

    def unplug(self) -> None:
        """All of them; an open one gives nothing from now on."""
        (DRIVER / "unbind").write_text(_PORT)

    def plug_in(self) -> None:
        """As they were at first."""
        if not (DRIVER / _PORT).exists():
            (DRIVER / "bind").write_text(_PORT)

    def set(self, camera: Camera, control: str, value: int = 1) -> None:
        """Changes a control of a camera, also while another one has it open."""
        device = os.open(camera.path, os.O_RDWR)
        try:
            fcntl.ioctl(device, _S_CTRL, _CONTROL.pack(_find(device, control), value))
        finally:
            os.close(device)


def missing() -> str:
    """ "" where there are such cameras and they may be unplugged, or what to do."""
    if not Vivid().cameras:
        return "there are no vivid cameras: sudo modprobe vivid n_devs=2, or run scripts/devices"
    return "" if os.access(DRIVER / "unbind", os.W_OK) else "cameras are unplugged by root alone"


def _find(device: int, name: str) -> int:
    number = 0
    while True:  # ends with EINVAL after the last one
        number, _, found, *_ = _QUERY.unpack(
            fcntl.ioctl(device, _QUERYCTRL, _QUERY.pack(number | _NEXT, 0, b"", 0, 0, 0, 0, 0))
        )
        if found.rstrip(b"\0").decode() == name[:31]:
            return int(number)
