"""Exit codes of programs whose threads hang in a driver, and come back when the interpreter has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from needs import needs

from edgemm.opencv import opencv

pytestmark = pytest.mark.device
PROGRAM = """
import socket, sys, time
import cv2
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.timeouts import Timeouts

host, port = "127.0.0.1", int(sys.argv[1])

class Hangs:
    color = "bgr"
    def open(self):
        cv2.VideoCapture(f"http://{host}:{port}/stalls", cv2.CAP_FFMPEG)  # as long as the server says nothing
        return "back"
    def grab(self): return None
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
while not door.recv(1): pass  # the server says that the driver hangs
print("ending", flush=True)
"""
ENDINGS = {"pass": 0, "sys.exit(3)": 3, "raise SystemExit(7)": 7, "raise ValueError": 1, "sys.exit('no')": 1}


class StallingServer:
    """Takes what a driver asks and says nothing, until the program that waits is at its end."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        program, _ = self._door.accept()
        driver, _ = self._door.accept()
        with program, driver:
            driver.recv(4096)
            program.sendall(b"h")
            if program.recv(16) == b"end":
                driver.close()
                program.sendall(b"d")
            with suppress(ConnectionError):
                program.recv(16)

    def close(self) -> None:
        self._door.close()


@pytest.fixture
def server() -> Iterator[StallingServer]:
    made = StallingServer()
    yield made
    made.close()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_driver_that_comes_back_after_the_end_changes_no_exit_code(
    server: StallingServer, ending: str
) -> None:
    needs(opencv)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + ending, str(server.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.stdout == "ending\n"
    assert "Ignored" not in done.stderr.title()
    assert "terminate" not in done.stderr
    assert done.returncode == ENDINGS[ending], done.stderr
