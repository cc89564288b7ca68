"""`edgemm demo` on a camera and a microphone: in real time."""

from __future__ import annotations

from pathlib import Path

import pytest
from process import RigProcess

from edgemm import data
from edgemm.cli import main
from edgemm.cli.demo import pages
from edgemm.cli.demo.devices import try_devices


@pytest.mark.slow
def test_the_demo_uses_a_camera_and_a_microphone(tmp_path: Path) -> None:
    for name, samples in (("digits", "digits"), ("keywords", "calibration_words")):
        words = [
            "convert",
            str(data.path(f"models/{name}.onnx")),
            "-o",
            str(tmp_path / f"{name}.int8.tflite"),
        ]
        assert main([*words, "--calibrate", str(data.path(samples))]) == 0
    with RigProcess("mjpeg_server.py") as camera:
        address = f"http://127.0.0.1:{camera.port}/"
        tried = try_devices(tmp_path, address, str(data.path("spoken_digits")), lambda *_: None)
    seen, heard = (each.to_json() for each in tried)
    assert (seen["trouble"], heard["trouble"]) == ("", "")
    assert seen["summary"]["delivered"] > 60  # in four seconds of 30 a second
    assert seen["summary"]["p50_ms"] < 33
    assert heard["summary"]["samples"]["captured"] >= 4 * 8000
    shown = "".join(map(pages._device, tried))
    assert "http://" not in shown.replace("http://www.w3.org", "").replace(address, "")
