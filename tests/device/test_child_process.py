"""Child processes: isolated from the current folder, and killed when their parent dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import edgemm
from edgemm import child_process
from edgemm.child_process import Leash, cannot_start, command, search_path, start_piped
from edgemm.delegates import probe_delegate

pytestmark = pytest.mark.device
SHADOWED = (
    "base64",
    "json",
    "zlib",
    "ctypes",
    "subprocess",
    "numpy",
    "ai_edge_litert",
    "onnxruntime",
    "tflite_runtime",
)


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules of well-known names that leave a trace when they are run."""
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r}); raise SystemExit(9)"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", ".", str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_trying_a_delegate_runs_nothing_of_the_current_folder(hostile: Path) -> None:
    status = probe_delegate("cpu")
    assert not (hostile / "ran").exists()
    assert status.available, status.detail


def test_the_worker_of_conversions_runs_nothing_of_the_current_folder(hostile: Path) -> None:
    pytest.importorskip("onnx_ir")
    from edgemm.converters.worker.client import _Process

    process = _Process()
    try:
        with pytest.raises(Exception, match="nothing is open"):
            process.ask({})
    finally:
        process.close()
    assert not (hostile / "ran").exists()


def test_the_current_folder_is_left_out_of_the_search_path(hostile: Path) -> None:
    path = search_path()
    assert path
    assert not {"", ".", str(hostile)} & set(path)


def test_a_checkout_in_the_current_folder_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(Path(edgemm.__file__).resolve().parents[1])
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.path", [home, "/elsewhere"])
    assert search_path() == ["/elsewhere", home]


def test_a_current_folder_that_is_gone_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert search_path()


def test_the_child_has_the_edgemm_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edgemm").mkdir()
    (tmp_path / "edgemm" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    said = subprocess.run(command("edgemm.doctor:_board"), capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1)  # the machine's name, which is the exit status here
    assert "SystemExit" not in said.stderr


def test_arguments_and_status_are_the_function_s(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = child_process._BOOT.replace(child_process.CALL, "print(sys.argv); sys.exit(7)")
    monkeypatch.setattr(child_process, "_BOOT", boot)
    done = subprocess.run(command("a:b", "c", "-d"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "['a:b', 'c', '-d']\n")


HANGS = """
import ctypes, json, subprocess, sys
from edgemm import child_process
from edgemm.child_process import Leash, command
child_process._BOOT = child_process._BOOT.replace(
    child_process.CALL, "import ctypes; print('up', flush=True); ctypes.PyDLL(None).sleep(600)")
leash = Leash()
child = subprocess.Popen(command("a:b", leash=leash), pass_fds=leash.passed, stdout=subprocess.PIPE)
leash.held()
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.readline()
"""
"""A parent whose child hangs in native code, with the interpreter's lock held."""


def ended(pid: int) -> bool:
    """True when the process is gone, or waits for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_until_ended(pid: int) -> bool:
    for _ in range(600):
        if ended(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_child_that_hangs_dies_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not ended(pid)
        parent.kill()
    assert wait_until_ended(pid)


def start(leash: Leash, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[bytes]:
    boot = child_process._BOOT.replace(child_process.CALL, "import time; time.sleep(600)")
    monkeypatch.setattr(child_process, "_BOOT", boot)
    return subprocess.Popen(command("a:b", leash=leash), pass_fds=leash.passed)


def test_a_leash_that_was_let_go_before_the_child_began_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    leash = Leash()
    child = start(leash, monkeypatch)
    leash.close()
    leash.close()
    assert child.wait(60) in (1, -9)


def test_a_leash_that_is_let_go_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    with Leash() as leash:
        child = start(leash, monkeypatch)
        leash.held()
    assert child.wait(60) in (1, -9)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BlockingIOError(11, "Resource temporarily unavailable"), "no further process"),
        (OSError(24, "Too many open files"), "no free file descriptor"),
        (OSError(12, "Cannot allocate memory"), "not enough memory"),
        (OSError(8, "Exec format error"), r"no process can be started \(.*Exec format"),
    ],
)
def test_why_no_process_can_be_started_is_said(error: OSError, said: str) -> None:
    import re

    assert re.match(f".*{said}", cannot_start(error))


def test_settings_travel_as_json() -> None:
    settings: Any = json.loads(command("a:b")[-1])
    assert settings["entry"] == "a:b"
    assert settings["leash"] == -1


SERVES = """
import os, socket, sys
pipe = socket.socket(fileno=int(sys.argv[1]))
from multiprocessing.connection import Connection
pipe = Connection(pipe.detach())
while True:
    pipe.send(pipe.recv() + 1)
"""


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_child_on_a_pipe_answers_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    boot = child_process._BOOT.replace(child_process.CALL, SERVES)
    monkeypatch.setattr(child_process, "_BOOT", boot)
    before = descriptors()
    child = start_piped("a:b", stderr=subprocess.PIPE)
    assert len(descriptors() - before) == 3  # the pipe, the leash, what the child says
    child.pipe.send(41)
    assert child.pipe.recv() == 42
    child.close()
    assert child.process.returncode == -signal.SIGKILL
    assert descriptors() == before


def test_a_child_on_a_pipe_that_cannot_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "command", lambda *_, **__: ["/no/such/program"])
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        start_piped("a:b")
    assert descriptors() == before


def test_a_child_on_a_pipe_sees_that_its_parent_closed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own copy of the parent's end would keep it waiting for ever."""
    boot = child_process._BOOT.replace(child_process.CALL, SERVES)
    monkeypatch.setattr(child_process, "_BOOT", boot)
    child = start_piped("a:b", stderr=subprocess.PIPE)
    child.pipe.send(1)
    assert child.pipe.recv() == 2
    child.pipe.close()
    assert child.process.wait(60) == 1
    assert child.process.stderr is not None
    assert b"EOFError" in child.process.stderr.read()
    child.leash.close()
    child.process.stderr.close()


def test_a_child_on_a_pipe_that_dies_ends_the_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the child's end here would leave who asks it waiting for ever."""
    monkeypatch.setattr(
        child_process, "_BOOT", child_process._BOOT.replace(child_process.CALL, "sys.exit(3)")
    )
    child = start_piped("a:b")
    assert child.pipe.poll(60)
    with pytest.raises(EOFError):
        child.pipe.recv()
    assert child.process.wait(60) == 3
    child.close()
