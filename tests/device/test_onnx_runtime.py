"""Telemetry is off before ONNX Runtime is imported, in this process and in its children; what is installed is never
called missing."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edgemm.dependency import import_error
from edgemm.errors import MachineShortage, MissingDependency
from edgemm.litert_runtime import find_litert
from edgemm.onnx_runtime import TELEMETRY, disable_telemetry, onnx_runtime
from edgemm.shortage import shortage

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
SEEN = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"), flush=True)
sys.meta_path.insert(0, Watch())
"""
"""Prints the variable at the moment at which ONNX Runtime is looked for."""
WAYS = {
    "load": "import edgemm; edgemm.load({model!r}).close()",
    "auto": "from edgemm.delegates import candidates; candidates('auto', 'onnx')",
    "reference": "from edgemm.quantize.reference import Reference; Reference(open({model!r}, 'rb').read())",
}


def printed(code: str, **environment: str) -> list[str]:
    pytest.importorskip("onnxruntime")
    inherited = {name: value for name, value in os.environ.items() if name != TELEMETRY}
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("way", WAYS)
def test_telemetry_is_off_before_the_first_import(way: str) -> None:
    if way == "reference":
        pytest.importorskip("onnx_ir")  # the converter's
    code = SEEN + WAYS[way].format(model=str(ASSETS / "add.onnx"))
    assert printed(code)[0] == "1"


def test_the_user_s_own_setting_is_respected() -> None:
    code = SEEN + WAYS["load"].format(model=str(ASSETS / "add.onnx"))
    assert printed(code, **{TELEMETRY: "0"})[0] == "0"


def test_children_inherit_the_setting() -> None:
    code = """
import os, edgemm.model.file_probe as p
from pathlib import Path
process = p._Process()
question = {"format": "onnx", "shapes": {}, "first_s": 60, "memory_bytes": 1 << 30}
process.ask(question, b"x", b"", 120)
environment = Path(f"/proc/{process._child.pid}/environ").read_bytes().split(b"\\0")
print(b"ORT_DISABLE_TELEMETRY=1" in environment)
process.close()
"""
    assert printed(code) == ["True"]


def test_disabling_writes_no_other_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TELEMETRY, raising=False)
    before = dict(os.environ)
    disable_telemetry()
    assert {**before, TELEMETRY: "1"} == dict(os.environ)


# What the machine lacks


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libx.so: cannot open shared object file: Too many open files"),
        ImportError("libx.so: failed to map segment from shared object: Cannot allocate memory"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        MemoryError(),
    ],
)
def test_what_is_installed_and_has_no_room_is_not_missing(error: Exception) -> None:
    found = import_error(error, "onnxruntime", "ONNX Runtime", "ort")
    assert isinstance(found, MachineShortage)
    assert "not installed" not in str(found)


def test_the_reason_is_found_behind_other_errors() -> None:
    error = ImportError("Unable to import required dependencies")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    assert "no free file descriptor" in shortage(error)


@pytest.mark.parametrize(
    "text",
    [
        "libgomp.so.1: cannot allocate memory in static TLS block",
        "libx.so: failed to map segment from shared object: Operation not permitted",
        "undefined symbol: _x",
    ],
)
def test_other_reasons_are_no_shortage(text: str) -> None:
    assert shortage(ImportError(text)) == ""


def test_what_is_broken_is_not_missing() -> None:
    found = import_error(ImportError("undefined symbol: _x"), "onnxruntime", "ONNX Runtime", "ort")
    assert isinstance(found, MissingDependency)
    assert str(found) == (
        "ONNX Runtime is installed and cannot be imported (ImportError: undefined symbol: _x). "
        'Install it again with: pip install --force-reinstall "edgemm[ort]"'
    )


def test_what_is_missing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"ONNX Runtime is not installed\. .*edgemm\[ort\]"):
        onnx_runtime()


LIMITED = """
import resource, sys, os
import edgemm, edgemm.model.load, numpy, edgemm.model.file_probe
from edgemm.errors import EdgemmError
{limit}
try:
    edgemm.load({model!r})
except EdgemmError as error:
    print(type(error).__name__, str(error))
else:
    print("loaded")
"""
NO_DESCRIPTOR = """
held = [os.open("/dev/null", 0) for _ in range(4)]
resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 1 + {spare}, held[-1] + 1 + {spare}))
"""


@pytest.mark.parametrize("asset", ["add.onnx", "add.tflite"])
@pytest.mark.parametrize("spare", [0, 1, 2, 3, 5, 8])
def test_without_descriptors_loading_says_so(asset: str, spare: int) -> None:
    code = LIMITED.format(limit=NO_DESCRIPTOR.format(spare=spare), model=str(ASSETS / asset))
    said = " ".join(printed(code))
    assert said == "loaded" or "no free file descriptor" in said or "Too many open files" in said
    assert "not installed" not in said
    assert "amaged" not in said


def test_the_runtimes_here_can_be_found() -> None:
    pytest.importorskip("ai_edge_litert.interpreter")
    assert find_litert().name == "litert"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 32
