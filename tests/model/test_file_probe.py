"""Models of unknown origin are opened in a child process first."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import enforces_memory_limits

import edgemm
from edgemm import child_process
from edgemm.artifact import Artifact, read_artifact
from edgemm.artifact.trust import runtime_version
from edgemm.errors import (
    ArtifactError,
    DamagedArtifact,
    EdgemmError,
    MachineShortage,
    MissingDependency,
    UnsupportedVersion,
)
from edgemm.model import file_probe as probing
from edgemm.model import probe_limits
from edgemm.model.file_probe import probe

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(probing, "_refused", {})
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))


def foreign(file: str, payload: bytes) -> Artifact:
    suffix = Path(file).suffix
    return Artifact(
        Path(file), "tflite" if suffix == ".tflite" else "onnx", payload, None, None, len(payload)
    )


@pytest.mark.parametrize("file", ["add.tflite", "add.onnx", "where.tflite", "quadrant.tflite", "total.onnx"])
def test_a_sound_model_passes(file: str) -> None:
    probe(read_artifact(ASSETS / file))


def test_a_model_for_an_accelerator_that_is_not_here_passes() -> None:
    probe(read_artifact(ASSETS / "edgetpu.tflite"))


@pytest.mark.parametrize(
    ("file", "kind", "message"),
    [
        ("too_new.tflite", UnsupportedVersion, "too old for the model"),
        ("too_new.onnx", UnsupportedVersion, "cannot run the model"),
        ("outside.onnx", DamagedArtifact, "all weights inside the file"),
        ("open_length.onnx", ArtifactError, "expected a fixed shape"),
    ],
)
def test_a_refusal_keeps_its_kind_and_its_words(file: str, kind: type[ArtifactError], message: str) -> None:
    with pytest.raises(ArtifactError, match=f"{file}: .*{message}") as caught:
        probe(read_artifact(ASSETS / file))
    assert type(caught.value) is kind


@pytest.mark.parametrize("file", ["add.tflite", "add.onnx"])
def test_what_the_runtime_cannot_read_is_damaged(file: str) -> None:
    payload = (ASSETS / file).read_bytes()
    with pytest.raises(DamagedArtifact, match=file):
        probe(foreign(file, payload[: len(payload) // 2]))


def test_a_refusal_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = foreign("a.onnx", b"x")
    with pytest.raises(DamagedArtifact):
        probe(artifact)
    monkeypatch.setattr(probing, "_ask", lambda *_: pytest.fail("asked again"))
    with pytest.raises(DamagedArtifact):
        probe(artifact)


Run = Callable[..., None]


@pytest.fixture
def run_instead(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The forked process runs this code where it should open the model."""

    def replaced(code: str) -> None:
        boot = child_process._BOOT.replace(
            child_process.CALL,
            f"import edgemm.model.probe_child as p\ndef run(*_):\n  {code}\np._try = run\nsys.exit(p.main())",
        )
        monkeypatch.setattr(child_process, "_BOOT", boot)

    return replaced


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("import os; os.write(1, b'free(): invalid pointer\\n'); os.abort()", r"SIGABRT \(free\(\): invalid"),
        ("import os; os._exit(7)", "ended with 7"),
        ("import os; os._exit(0)", "ended with 0"),
        ("raise SystemExit('x')", r"ended with 1 \(SystemExit: x\)"),
    ],
)
def test_a_process_that_dies_takes_nobody_along(run_instead: Run, code: str, message: str) -> None:
    run_instead(code)
    with pytest.raises(DamagedArtifact, match=f"the process that tried it .*{message}"):
        probe(foreign("bad.tflite", b"x"))


def test_a_file_cannot_print_an_answer_of_its_own(run_instead: Run) -> None:
    run_instead('import os; os.write(1, b\'["", ""]\\n\'); os.write(2, b\'["", ""]\\n\'); os._exit(0)')
    with pytest.raises(DamagedArtifact, match="ended with 0"):
        probe(foreign("bad.tflite", b"x"))


@pytest.mark.parametrize(
    "code", ["x = bytearray(2 << 30)", "import os; os.write(2, b'std::bad_alloc'); os.abort()"]
)
def test_a_file_that_needs_too_much_memory_is_refused(run_instead: Run, code: str) -> None:
    if "bytearray" in code and not enforces_memory_limits():
        pytest.skip("this system does not enforce RLIMIT_AS, as emulators of processors do not")
    run_instead(code)
    with pytest.raises(ArtifactError, match=r"needs more than 768 MB .*EDGEMM_PROBE_MEMORY_MB") as caught:
        probe(foreign("bad.tflite", b"x"))
    assert type(caught.value) is ArtifactError


def test_more_memory_can_be_allowed(run_instead: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead("x = bytearray(1 << 30)")
    monkeypatch.setenv("EDGEMM_PROBE_MEMORY_MB", "4000")
    probe(foreign("large.tflite", b"x"))


def test_a_process_that_does_not_come_back_is_ended(run_instead: Run) -> None:
    run_instead("import edgemm.model.probe_limits as p; p.PATIENCE = 1000; p.allow(0.5)\n  while True: pass")
    with pytest.raises(DamagedArtifact, match=r"did not end within its time \(at most 0\.5 s\)"):
        probe(foreign("bad.tflite", b"x"), first_s=0.5)


def test_a_machine_too_busy_to_run_it_is_not_the_file_s_fault(run_instead: Run) -> None:
    run_instead("import signal, time; signal.setitimer(signal.ITIMER_REAL, 0.5); time.sleep(60)")
    with pytest.raises(ArtifactError, match="too busy"):
        probe(foreign("slow.tflite", b"x"), first_s=300)
    assert probing._refused == {}


def test_a_process_that_floods_is_cut_off(run_instead: Run) -> None:
    run_instead("import os\n  while True: os.write(1, bytes(1 << 16))")
    with pytest.raises(DamagedArtifact, match="File too large"):
        probe(foreign("bad.tflite", b"x"))


def test_a_process_that_memory_s_end_killed_is_not_the_file_s_fault(run_instead: Run) -> None:
    run_instead("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(MachineShortage, match=r"good\.tflite: the file could not be tried"):
        probe(foreign("good.tflite", b"x"))
    assert probing._refused == {}


@pytest.mark.parametrize(
    "code", ["raise OSError(24, 'Too many open files')", "raise OSError(28, 'No space left on device')"]
)
def test_what_the_machine_lacks_is_not_the_file_s_fault(run_instead: Run, code: str) -> None:
    run_instead(code)
    with pytest.raises(
        MachineShortage, match=r"could not be tried: (this process has no free|the disk is full)"
    ):
        probe(foreign("good.tflite", b"x"))
    assert probing._refused == {}


def test_a_missing_runtime_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgemm.litert_runtime._PACKAGES", (("none", "no_such_package"),))
    with pytest.raises(MissingDependency, match="pip install"):
        probe(foreign("a.tflite", b"x"))


def test_a_child_is_kept_for_many_files() -> None:
    with probing.probing():
        probe(read_artifact(ASSETS / "add.tflite"))
        first = probing._kept[0]
        probe(read_artifact(ASSETS / "add.onnx"))
        with pytest.raises(DamagedArtifact):
            probe(foreign("bad.tflite", b"x"))
        assert probing._kept == [first]
    assert probing._kept == []
    assert first._child.returncode is not None


def limited(kind: int, soft: int) -> Any:
    """Sets a limit of this process; gives what puts the old one back."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    return lambda: resource.setrlimit(kind, before)


def test_no_free_descriptor_is_not_the_file_s_fault() -> None:
    artifact = read_artifact(ASSETS / "add.tflite")
    runtime_version("tflite")
    highest = max(int(each) for each in os.listdir("/proc/self/fd"))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
    restore = limited(resource.RLIMIT_NOFILE, max(highest, *held) + 1)
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    try:
        with pytest.raises(MachineShortage, match="no free file descriptor"):
            probe(artifact)
    finally:
        restore()
        for each in held:
            os.close(each)
    probe(artifact)


def test_no_usable_temporary_folder_is_no_fault_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    probe(read_artifact(ASSETS / "add.tflite"))


def test_a_process_that_cannot_be_forked_is_not_the_file_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*_: Any, **__: Any) -> Any:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("edgemm.model.file_probe.subprocess.Popen", no_process)
    with pytest.raises(MachineShortage, match="no further process"):
        probe(read_artifact(ASSETS / "add.tflite"))


def test_a_child_that_cannot_start_is_not_the_file_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_BOOT", "raise MemoryError")
    with pytest.raises(MachineShortage, match=r"the process that tries files ended \(MemoryError\)"):
        probe(foreign("good.tflite", b"x"))


def test_modules_of_the_current_folder_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "base64", "ctypes", "resource", "numpy", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("import os; os.abort()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("sys.path", ["", str(tmp_path), *sys.path])
    probe(foreign("add.tflite", (ASSETS / "add.tflite").read_bytes()))


def test_loading_asks_first(run_instead: Run) -> None:
    run_instead("import os; os.abort()")
    with pytest.raises(DamagedArtifact, match="SIGABRT"):
        edgemm.load(ASSETS / "add.tflite")


PROBES = """
import sys
from pathlib import Path
from edgemm import child_process
from edgemm.model import file_probe
from edgemm.artifact import Artifact
run = (
    "import edgemm.model.probe_child as p",
    "def run(*_):",
    f"  import ctypes, os; open({sys.argv[1]!r}, 'w').write(str(os.getpid())); ctypes.PyDLL(None).sleep(600)",
    "p._try = run; sys.exit(p.main())",
)
child_process._BOOT = child_process._BOOT.replace(child_process.CALL, chr(10).join(run))
file_probe.probe(Artifact(Path("bad.onnx"), "onnx", b"x", None, None, 1))
"""
"""A process that probes a file which hangs in native code, with the interpreter's lock held."""


def test_what_runs_a_file_dies_with_the_process_that_asked(tmp_path: Path) -> None:
    path = os.pathsep.join(each for each in sys.path if each)
    with subprocess.Popen(
        [sys.executable, "-c", PROBES, str(tmp_path / "pid")], env={**os.environ, "PYTHONPATH": path}
    ) as asks:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        pid = int((tmp_path / "pid").read_text())
        assert not has_ended(pid)
        asks.kill()
    wait_for(lambda: has_ended(pid))


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within a minute")


def test_every_kind_that_the_child_names_is_raised_as_it_is() -> None:
    assert all(issubclass(kind, EdgemmError) for kind in probing._KINDS.values())
    assert probe_limits.OUTPUT_BYTES <= 1 << 20
