"""Exit codes of programs whose threads hang in a driver, and come back when the interpreter has ended."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from needs import needs

from edgemm.opencv import opencv

pytestmark = pytest.mark.device
PROGRAM = """
import socket, sys, time
import cv2
from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.timeouts import Timeouts
from edgemm.errors import SourceTimeout

host, port = "127.0.0.1", int(sys.argv[1])

class Hangs:
    color = "bgr"
    def open(self):  # hangs as long as the server says nothing
        self.capture = cv2.VideoCapture(f"http://{host}:{port}/stalls", cv2.CAP_FFMPEG)
        return "opened"
    def grab(self):
        good, pixels = self.capture.read()
        return Shot(pixels, time.monotonic_ns()) if good else None
    def close(self): pass

class Ends:
    def __init__(self, door): self.door, self.sleep = door, time.sleep
    def __del__(self):  # runs when the interpreter is being taken apart
        self.door.sendall(b"end")  # the server lets go of the driver
        self.door.recv(1)
        self.sleep(0.3)

door = socket.create_connection((host, port))
sys.ends = Ends(door)
source = LiveFrames("camera", Hangs, Timeouts(5.0, 60.0, wait=True))
while not door.recv(1): pass  # the server has said all it will
try:
    while source.read(0.5): pass
except SourceTimeout:
    pass  # the driver hangs
print("ending")
"""
ENDINGS = {"pass": 0, "sys.exit(3)": 3, "raise SystemExit(7)": 7, "raise ValueError": 1, "sys.exit('no')": 1}


class StallingServer:
    """Answers a driver with so many pictures, then with nothing until the program that waits is at its end."""

    def __init__(self, pictures: int) -> None:
        self._answer = _motion_jpeg(pictures) if pictures else b""
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        program, _ = self._door.accept()
        driver, _ = self._door.accept()
        with program, driver:
            driver.recv(4096)
            driver.sendall(self._answer)
            program.sendall(b"h")
            if program.recv(16) == b"end":
                driver.close()
                program.sendall(b"d")
            with suppress(ConnectionError):
                program.recv(16)

    def close(self) -> None:
        self._door.close()


def _motion_jpeg(pictures: int) -> bytes:
    jpeg = opencv().imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    part = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)
    return (
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=next\r\n\r\n" + pictures * part
    )


@pytest.fixture(params=[0, 100], ids=["hangs in open", "hangs in grab"])
def server(request: pytest.FixtureRequest) -> Iterator[StallingServer]:
    needs(opencv)
    made = StallingServer(request.param)
    yield made
    made.close()


def run(program: str, server: StallingServer) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )


def test_libraries_are_not_taken_apart_under_a_thread(server: StallingServer) -> None:
    """What a library has registered for the end of the process is not run: here, an abort."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "on_exit"):
        pytest.skip("this C library has no on_exit")
    registers = (
        "import ctypes; c = ctypes.CDLL(None); c.on_exit(ctypes.cast(c.abort, ctypes.c_void_p), None)\n"
    )
    done = run(registers + PROGRAM + "sys.exit(3)", server)
    assert (done.returncode, done.stdout) == (3, "ending\n"), done.stderr


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_driver_that_comes_back_after_the_end_changes_no_exit_code(
    server: StallingServer, ending: str
) -> None:
    done = run(PROGRAM + ending, server)
    assert done.stdout == "ending\n"
    assert "Ignored" not in done.stderr.title()
    assert "terminate" not in done.stderr
    assert done.returncode == ENDINGS[ending], done.stderr
