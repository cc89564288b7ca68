"""The child's program: small, and gone when it is not needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from needs import package
from pulse import wait_until

from edgemm.recorder import child
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.process import Recorder, list_microphones
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


@pytest.mark.parametrize(
    ("named", "folder", "asked"),
    [
        ("", "", "unix:/run/pulse/native"),
        ("XDG_RUNTIME_DIR", "", None),
        ("PULSE_RUNTIME_PATH", "", None),
        ("", ".config/pulse", None),
        ("", ".pulse", None),
    ],
)
def test_a_server_of_the_user_is_looked_for_where_one_can_be(
    named: str, folder: str, asked: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for one makes folders in the home and in /tmp."""
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    if named:
        monkeypatch.setenv(named, "/run/user/1000")
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    child._look_for_no_server_of_the_user()
    assert os.environ.get("PULSE_SERVER") == asked


def test_the_recorder_makes_nothing_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package("sounddevice")
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    list_microphones()
    assert list(tmp_path.rglob("*")) == [tmp_path / "tmp"]


def test_one_that_does_not_end_in_time_is_not_left_a_zombie() -> None:
    recorder = Recorder(RecorderOptions())
    recorder.free(0)
    wait_until(lambda: not os.path.exists(f"/proc/{recorder.pid}"), "it has been waited for")


def test_signals_that_are_sent_to_the_whole_group_end_only_the_parent() -> None:
    """`systemctl kill -s HUP` for the records of an app would otherwise cost it its microphones."""
    program = (
        "import os, time; from edgemm.recorder import child\n"
        "child._record = lambda options, out: (os.write(out, b'x'), time.sleep(30))\n"
        "child.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "{}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdin is not None
        assert recorder.stdout.read(1) == b"x"
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            recorder.send_signal(number)
        recorder.stdin.close()
        assert recorder.wait(20) == 0
