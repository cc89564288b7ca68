"""The child's program: small, and gone when it is not needed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pulse import wait_until

from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.process import Recorder
from edgemm.recorder.wire import Failed

pytestmark = pytest.mark.device


def test_it_loads_no_numpy() -> None:
    program = "import sys, edgemm.recorder.child; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_program_that_says_what_is_no_message_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.child_process._BOOT", "print('ALSA lib pcm.c: hello')")
    recorder = Recorder(RecorderOptions())
    message = recorder.receive(10)
    recorder.free()
    recorder.free()
    assert isinstance(message, Failed)
    assert "expected a message of the recorder, found b'ALSA lib" in message.message


def test_a_program_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.child_process._BOOT", "raise SystemExit(3)")
    recorder = Recorder(RecorderOptions())
    message = recorder.receive(10)
    recorder.free()
    assert message == Failed("SourceLost", "the recording process ended (exit status 3)")


def test_one_that_does_not_end_in_time_is_not_left_a_zombie() -> None:
    recorder = Recorder(RecorderOptions())
    recorder.free(0)
    wait_until(lambda: not os.path.exists(f"/proc/{recorder.pid}"), "it has been waited for")
