"""A Raspberry Pi's own camera: how picamera2's documented calls are used. No such camera was at hand."""

from __future__ import annotations

import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgemm.capture import open_source
from edgemm.capture.live.picamera import PicameraGrabber
from edgemm.errors import InputError, MissingDependency, SourceNotFound

pytestmark = pytest.mark.device


class Request:
    """What `capture_request` gives: it must be released."""

    def __init__(self, camera: Picamera2) -> None:
        self._camera = camera
        camera.held += 1

    def make_array(self, name: str) -> Any:
        assert name == "main"
        width, height = self._camera.config["main"]["size"]
        return np.full((height, width, 3), (255, 0, 0), np.uint8)

    def get_metadata(self) -> dict[str, int]:
        return {"SensorTimestamp": time.monotonic_ns() - self._camera.age_ns}

    def release(self) -> None:
        self._camera.held -= 1


class Picamera2:
    """The part of picamera2's interface that is used, as its manual has it."""

    last: Picamera2
    age_ns = 20_000_000

    def __init__(self, camera_num: int = 0) -> None:
        self.number, self.held, self.state = camera_num, 0, "open"
        self.config: dict[str, Any] = {}
        Picamera2.last = self

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Num": 0}]

    def create_video_configuration(self, *, main: Any, controls: Any, buffer_count: int) -> dict[str, Any]:
        return {"main": main, "controls": controls, "buffer_count": buffer_count}

    def configure(self, config: dict[str, Any]) -> None:
        self.config = config

    def camera_configuration(self) -> dict[str, Any]:
        return self.config

    def start(self) -> None:
        self.state = "started"

    def capture_request(self) -> Request:
        time.sleep(0.005)
        return Request(self)

    def stop(self) -> None:
        self.state = "stopped"

    def close(self) -> None:
        self.state = "closed"


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("picamera2")
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)


@pytest.mark.usefixtures("library")
def test_a_frame_has_the_sensors_time_and_its_colour() -> None:
    with open_source("picamera2:0?size=64x48&fps=30") as source:
        frame = [source.read(10) for _ in range(10)][-1]  # what was taken before it was opened cannot be true
        assert frame is not None
    assert (frame.color, frame.pixels.shape) == ("bgr", (48, 64, 3))  # type: ignore[union-attr]
    assert 20e6 <= time.monotonic_ns() - frame.captured_ns < 5e9
    assert Picamera2.last.config["main"] == {"size": (64, 48), "format": "RGB888"}
    assert Picamera2.last.config["controls"] == {"FrameRate": 30}
    assert (Picamera2.last.held, Picamera2.last.state) == (0, "closed")


@pytest.mark.usefixtures("library")
def test_a_stamp_of_the_other_clock_is_brought_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """libcamera documents CLOCK_BOOTTIME, which runs on while the system sleeps: for an hour, here."""
    hour_ns = 3600 * 10**9
    monkeypatch.setattr("edgemm.capture.live.picamera._slept_ns", lambda: hour_ns)
    grabber = PicameraGrabber("picamera2:", 0, (64, 48), None)
    grabber.open()
    Picamera2.last.age_ns = 2_000_000 - hour_ns
    shot = grabber.grab()
    assert shot is not None
    assert 2e6 <= time.monotonic_ns() - shot.captured_ns < 5e9


@pytest.mark.usefixtures("library")
def test_a_camera_that_libcamera_does_not_list() -> None:
    with pytest.raises(SourceNotFound, match=r"picamera2:0 imx708.*rpicam-hello"):
        open_source("picamera2:1")


@pytest.mark.usefixtures("library")
def test_a_camera_that_is_plugged_in_later_is_picked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[dict[str, Any]] = []
    monkeypatch.setattr(Picamera2, "global_camera_info", staticmethod(lambda: there))
    with open_source("picamera2:0?wait=1") as source:
        while not source.faults.get("open-failed"):  # type: ignore[attr-defined]
            pass
        there.append({"Model": "imx708", "Num": 0})
        assert source.read(20) is not None
        assert source.faults["appeared"] == 1  # type: ignore[attr-defined]


def test_without_picamera2_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(
        MissingDependency, match=r"sudo apt install python3-picamera2 .*--system-site-packages"
    ):
        open_source("picamera2:")


def test_a_name_is_no_number() -> None:
    with pytest.raises(InputError, match="expected a number, such as picamera2:0"):
        open_source("picamera2:front")
