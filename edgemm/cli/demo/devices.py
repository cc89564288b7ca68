"""The demo on the camera and the microphone of this machine, where there are any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgemm
from edgemm.cli.demo.live import LiveRun, Progress, listen, watch
from edgemm.redaction import shown_address

PICTURE_BUDGET_MS = 33.0
HOP_BUDGET_MS = 20.0
CAMERA_BUDGET_MS = 100.0
"""Milliseconds from exposure: a camera and its cable take some tens themselves."""
MICROPHONE_BUDGET_MS = 100.0
SECONDS = 4.0
"""For each device."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One device, and what came of it."""

    uri: str
    run: LiveRun | None
    trouble: str = ""
    """Why there is no run."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"uri": self.uri, "trouble": self.trouble, **(self.run.to_json() if self.run else {})}


def try_devices(folder: Path, camera: str, microphone: str, progress: Progress) -> tuple[Tried, ...]:
    """Looks and listens for a few seconds each. A device that fails is told, and is not an error.

    Args:
        folder: with the converted models.
        camera: a source of pictures, "none", or "auto".
        microphone: a source of sound, "none", or "auto".
    """

    def look(uri: str) -> LiveRun:
        budget = edgemm.Budget(CAMERA_BUDGET_MS)
        return watch(
            shown_address(uri), folder / "digits.int8.tflite", uri, budget, progress, seconds=SECONDS
        )

    def hear(uri: str) -> LiveRun:
        budget = edgemm.Budget(MICROPHONE_BUDGET_MS)
        return listen(
            shown_address(uri), folder / "keywords.int8.tflite", uri, budget, progress, seconds=SECONDS
        )

    chosen = ((_chosen(camera, _first_camera), look), (_chosen(microphone, _first_microphone), hear))
    return tuple(_try(uri, use) for uri, use in chosen if uri)


def _chosen(given: str, first: Callable[[], str]) -> str:
    """The source to try; "" for none."""
    return first() if given == "auto" else "" if given == "none" else given


def _try(uri: str, use: Callable[[str], LiveRun]) -> Tried:
    try:
        return Tried(shown_address(uri), use(uri))
    except edgemm.EdgemmError as error:
        return Tried(shown_address(uri), None, str(error))


def _first_camera() -> str:
    from edgemm.capture.live.cameras import list_cameras

    return "camera:0" if list_cameras() else ""


def _first_microphone() -> str:
    from edgemm.recorder.process import list_microphones

    try:
        found = list_microphones()
    except edgemm.EdgemmError:  # PortAudio is not here
        return ""
    return "microphone:" if any(each.default for each in found) else ""
