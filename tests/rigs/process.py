"""A rig in a process of its own: it prints its port, obeys words, and can be stopped, frozen and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

RIGS = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"
"""The Python that Debian's gi belongs to."""


def printed_json(python: str, program: str, environment: Mapping[str, str]) -> Any:
    """What a program prints as JSON in a process of its own; a failure shows its standard error."""
    done = subprocess.run(
        [python, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class RigProcess:
    """`python tests/rigs/NAME.py ARGUMENTS` as a context manager."""

    def __init__(self, name: str, *arguments: str, python: str = sys.executable) -> None:
        self._command = [python, str(RIGS / name), *arguments]
        self.port = 0
        self.start()

    def start(self) -> None:
        """Runs it, and waits for its port; after the first time on the same port."""
        port = ["--port", str(self.port)] if self.port else []
        self._process = subprocess.Popen(
            [*self._command, *port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._answer())

    def say(self, word: str) -> None:
        """Has it do something else, and waits until it does."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        answered = self._answer()
        if answered != word:
            raise RuntimeError(f"{self._command[1]} answered {answered!r} to {word!r}")

    def freeze(self) -> None:
        """It is there, and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """It is gone, without a farewell."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def missing_for_gstreamer() -> str:
    """ "" where the GStreamer rig can run, or what is not there."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"there is no {SYSTEM_PYTHON}"
    check = [SYSTEM_PYTHON, str(RIGS / "gst_server.py"), "rtsp", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip() if done.returncode else ""
