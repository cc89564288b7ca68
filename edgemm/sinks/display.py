"""Whether a window can be opened here, found out without risk: Qt ends a process that it finds no display for."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from edgemm.child_process import Leash, cannot_start, command
from edgemm.errors import InputError, MachineShortage, MissingDependency
from edgemm.opencv import opencv

TIMEOUT_S = 20.0
DISPLAYS = ("WAYLAND_DISPLAY", "DISPLAY")
"""Environment variables, one of which a program needs to open a window."""
_NO_WINDOWS = (
    "--show: this OpenCV has no windows (opencv-python-headless has none). Save a film instead, --save out.mp4, or "
    "install an OpenCV that has them with: pip uninstall -y opencv-python-headless && pip install opencv-python"
)
_NO_DISPLAY = (
    "--show: expected a display, found neither WAYLAND_DISPLAY nor DISPLAY in the environment. Run it in a desktop "
    "session (over ssh: `ssh -X`, or DISPLAY=:0 for the screen of the machine itself), or save a film: --save out.mp4"
)


def require_display() -> None:
    """Opens a window in a child process, and closes it.

    Raises:
        MissingDependency: OpenCV is not installed, or has no windows.
        InputError: there is no display, or none that a window can be opened on.
    """
    if not has_windows(opencv()):
        raise MissingDependency.from_text(_NO_WINDOWS)
    if not has_display(os.environ):
        raise InputError(_NO_DISPLAY)
    said = _try_in_child()
    if said:
        raise InputError(f"--show: no window can be opened on {_named(os.environ)}: {said}. Save a film instead: "
                         "--save out.mp4")  # fmt: skip


def has_windows(cv2: Any) -> bool:
    """False for the headless build, in which functions of windows exist and fail."""
    if hasattr(cv2, "currentUIFramework"):
        return bool(cv2.currentUIFramework())
    lines = [line.split() for line in cv2.getBuildInformation().splitlines()]  # OpenCV before 4.7
    return not any(line[:2] == ["GUI:", "NONE"] for line in lines)


def has_display(environment: Mapping[str, str]) -> bool:
    """True where the environment names one, whether it answers or not."""
    return any(environment.get(name) for name in DISPLAYS)


def _named(environment: Mapping[str, str]) -> str:
    return " and ".join(f"{name}={environment[name]}" for name in DISPLAYS if environment.get(name))


def _try_in_child() -> str:
    """What went wrong; "" when a window was opened."""
    try:
        with Leash() as leash:
            done = subprocess.run(
                command("edgemm.sinks.display:open_a_window", leash=leash),
                pass_fds=leash.passed,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=TIMEOUT_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return f"it does not answer within {TIMEOUT_S:g} s"
    except OSError as error:
        raise MachineShortage(cannot_start(error)) from error
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return next((line for line in said if "display" in line.lower()), (said or ["it ends the program"])[-1])[
        :200
    ]


def open_a_window() -> int:
    """The child: in a thread that is not its first, as `WindowSink` does it."""
    opened = threading.Event()

    def _open() -> None:
        cv2 = opencv()
        cv2.namedWindow("edgemm", cv2.WINDOW_NORMAL)
        cv2.waitKey(1)
        cv2.destroyAllWindows()
        opened.set()

    thread = threading.Thread(target=_open)
    thread.start()
    thread.join()
    return 0 if opened.is_set() else 1
