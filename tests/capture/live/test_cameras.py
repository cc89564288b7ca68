"""Which cameras there are, read from a sysfs that is written here, and which one a name means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from needs import needs

from edgemm.capture.live.camera import AwaitedCameraGrabber, CameraGrabber, find_camera, open_camera
from edgemm.capture.live.camera_request import CameraRequest, request_of
from edgemm.capture.live.cameras import SYSFS, Camera, list_cameras
from edgemm.capture.uri import parse_uri
from edgemm.errors import InputError, SourceNotFound
from edgemm.opencv import opencv

pytestmark = pytest.mark.device

Plug = Callable[..., None]


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    folder = tmp_path / "video4linux"
    folder.mkdir()
    return folder


@pytest.fixture
def plug(sysfs: Path, tmp_path: Path) -> Plug:
    """Plugs in a device: /dev/video`number`, which no machine has."""

    def make(number: int, name: str, *, driver: str = "uvcvideo", index: int = 0, device: str = "") -> None:
        node, parent = sysfs / f"video{number}", tmp_path / (device or f"device{number}")
        node.mkdir()
        parent.mkdir(exist_ok=True)
        (tmp_path / driver).mkdir(exist_ok=True)
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
        (node / "device").symlink_to(parent)
        if not (parent / "driver").exists():
            (parent / "driver").symlink_to(tmp_path / driver)

    return make


def test_cameras_are_listed_by_number_and_metadata_is_not(sysfs: Path, plug: Plug) -> None:
    plug(9710, "Logitech BRIO")
    plug(9702, "HD Webcam", device="webcam")
    plug(9703, "HD Webcam", device="webcam", index=1)
    found = list_cameras(sysfs)
    assert [str(camera) for camera in found] == ["/dev/video9702 HD Webcam", "/dev/video9710 Logitech BRIO"]
    assert found[0].driver == "uvcvideo"


def test_a_raspberry_pis_port_is_one_camera(sysfs: Path, plug: Plug) -> None:
    plug(9700, "rp1-cfe-csi2_ch0", driver="rp1-cfe", device="port")
    plug(9701, "rp1-cfe-csi2_ch1", driver="rp1-cfe", device="port")
    plug(9713, "bcm2835-isp-output0", driver="bcm2835-isp")
    assert [camera.path for camera in list_cameras(sysfs)] == ["/dev/video9700"]
    assert list_cameras(sysfs)[0].is_csi


@pytest.mark.parametrize(
    ("name", "number"), [("camera", 9702), ("camera:1", 9710), ("camera:logi", 9710), ("webcam:HD Web", 9702)]
)
def test_a_name_means_a_camera(sysfs: Path, plug: Plug, name: str, number: int) -> None:
    plug(9702, "HD Webcam")
    plug(9710, "Logitech BRIO")
    assert find_camera(parse_uri(name), sysfs).path == f"/dev/video{number}"


@pytest.mark.parametrize("name", ["camera:2", "camera:Elgato", "/dev/video9799", "/dev/v4l/by-id/usb-gone"])
def test_what_is_not_there_lists_what_is(sysfs: Path, plug: Plug, name: str) -> None:
    plug(9702, "HD Webcam")
    with pytest.raises(SourceNotFound, match=r"There are camera:0 /dev/video9702 HD Webcam"):
        find_camera(parse_uri(name), sysfs)


def test_no_camera_at_all(sysfs: Path) -> None:
    with pytest.raises(SourceNotFound, match="No camera is connected"):
        find_camera(parse_uri("camera:0"), sysfs)


def test_a_name_that_several_have_is_refused(sysfs: Path, plug: Plug) -> None:
    plug(9702, "Webcam C270")
    plug(9704, "Webcam C920")
    with pytest.raises(SourceNotFound, match=r"several: /dev/video9702 Webcam C270; /dev/video9704"):
        find_camera(parse_uri("camera:webcam"), sysfs)


@pytest.mark.skipif(SYSFS.exists(), reason="there is a camera")
def test_a_machine_without_a_camera_says_so() -> None:
    with pytest.raises(SourceNotFound, match="No camera is connected"):
        open_camera(parse_uri("camera:0"))


def test_a_request() -> None:
    named = parse_uri("camera:0?size=1280X720&fps=30&fourcc=MJPG")
    assert request_of(named) == CameraRequest((1280, 720), 30, "MJPG")


@pytest.mark.parametrize("option", ["size=big", "size=0x720", "size=1280", "fourcc=JPEGS", "fps=0"])
def test_a_request_out_of_range(option: str) -> None:
    with pytest.raises(InputError, match="expected"):
        open_camera(parse_uri(f"camera:0?{option}"))


@pytest.mark.skipif(SYSFS.exists(), reason="there is a camera")
def test_a_camera_with_a_spelling_mistake_is_told_at_once_when_it_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    needs(opencv)
    with open_camera(parse_uri("camera:Logitek?wait=1")) as source:
        while not source.awaited:
            pass
    (said,) = caplog.messages
    assert said.startswith("camera:Logitek?wait=1: there is no such camera. No camera is connected")
    assert "waiting for it" in said


def test_an_option_of_another_source_is_refused() -> None:
    with pytest.raises(InputError, match="does not have the option 'loop'"):
        open_camera(parse_uri("camera:0?loop=1"))


def test_a_camera_that_was_waited_for_is_found_again_whatever_comes_first_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, other = Camera("/dev/video0", "Mine", ""), Camera("/dev/video0", "Other", "")
    moved = replace(mine, path="/dev/video2")
    opened: list[str] = []

    def open_it(grabber: CameraGrabber) -> str:
        opened.append(grabber._find())
        return "open"

    monkeypatch.setattr(CameraGrabber, "open", open_it)
    connected: list[Camera] = []
    for there in ((mine,), (other, moved)):
        monkeypatch.setattr("edgemm.capture.live.camera.list_cameras", lambda *_, there=there: there)
        AwaitedCameraGrabber(parse_uri("camera:0"), CameraRequest(), set(), connected).open()
    assert opened == ["/dev/video0", "/dev/video2"]
