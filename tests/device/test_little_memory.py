"""With little memory left, whatever is opened opens, or the error says that memory is short: nothing crashes, and no
file is called damaged."""

from __future__ import annotations

import importlib
import json
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from needs import enforces_memory_limits, needs

from edgemm import data
from edgemm.dependency import ROOM_MB
from edgemm.errors import DamagedArtifact, MachineShortage, UnsupportedVersion
from edgemm.litert_runtime import find_litert
from edgemm.model.probe_child import _explained
from edgemm.model.probe_limits import Limits
from edgemm.onnx_runtime import onnx_runtime
from edgemm.opencv import opencv
from edgemm.shortage import has_room

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
OPEN = "edgemm.load({path!r}).close()"
KINDS: dict[str, tuple[Callable[[], object], str, str, list[int]]] = {
    "ONNX Runtime": (
        onnx_runtime,
        "onnxruntime",
        OPEN.format(path=str(ASSETS / "add.onnx")),
        [65, 68, 80, 128],
    ),
    "LiteRT": (
        find_litert,
        "ai_edge_litert.interpreter",
        OPEN.format(path=str(ASSETS / "add.tflite")),
        [50, 64, 96],
    ),
    "OpenCV": (opencv, "cv2", "edgemm.opencv.opencv().resize(numpy.zeros((9, 9)), (4, 4))", [194, 200, 256]),
}
"""Feature -> what must be installed, the module, the work, and MB with which it may work."""
SWEEP = """
import json, os, resource, sys
import numpy, edgemm, edgemm.model.load, edgemm.model.file_probe, edgemm.opencv
{before}
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ends = {{}}
for spare in {spares}:
    out, into = os.pipe()
    child = os.fork()
    if not child:
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (spare << 20),) * 2)
        try:
            {work}
        except edgemm.MachineShortage as error:
            said = str(error)
        except BaseException as error:
            said = f"!{{type(error).__name__}} {{error}}"
        else:
            said = ""
        os.write(into, said.encode()[:4000])
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        said = file.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ends[spare] = f"!ended with {{status}}" if status else said
print(json.dumps(ends))
"""
"""A process without a limit forks one for each amount of memory. "" is success, "!..." is what must not happen."""


def swept(work: str, spares: object, cache: Path, before: str = "") -> dict[int, str]:
    """MB that were left -> how it ended."""
    if not enforces_memory_limits():
        pytest.skip("this system does not enforce RLIMIT_AS, as emulators of processors do not")
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", SWEEP.format(work=work, spares=list(spares), before=before)],  # type: ignore[call-overload]
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
             "EDGEMM_CACHE_DIR": str(cache)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {int(spare): said for spare, said in json.loads(done.stdout.splitlines()[-1]).items()}


def wrong(ends: dict[int, str]) -> dict[int, str]:
    """What neither worked nor says that memory is short."""
    return {spare: said for spare, said in ends.items() if (said and "memory" not in said) or said[:1] == "!"}


@pytest.mark.parametrize("feature", KINDS)
def test_it_is_loaded_or_memory_is_short(tmp_path: Path, feature: str) -> None:
    package, module, work, enough = KINDS[feature]
    needs(package)
    room = ROOM_MB[module]
    ends = swept(work, [*range(1, room, 3), room - 1, *enough], tmp_path)
    assert wrong(ends) == {}
    assert not ends[max(ends)]  # what is asked for is little
    before = {spare for spare, said in ends.items() if said.startswith(f"{feature} cannot be loaded: ")}
    assert before >= {
        spare for spare in ends if 4 <= spare < room
    }  # it is not imported at all; with less, edgemm neither


def large_tflite() -> bytes:
    """add.tflite with tensors of 8 MB."""
    content = (ASSETS / "add.tflite").read_bytes()
    for name in (b"x", b"y"):
        shape = name + struct.pack("<3x2I", 1, 1)
        assert shape in content
        content = content.replace(shape, name + struct.pack("<3x2I", 1, 2 << 20))
    return content


@pytest.mark.parametrize("feature", ["ONNX Runtime", "LiteRT"])
def test_a_model_that_is_known_to_run_is_not_called_damaged(tmp_path: Path, feature: str) -> None:
    needs(KINDS[feature][0])
    model = data.path("models/digits.onnx")  # comes with edgemm
    if feature == "LiteRT":
        model = tmp_path / "large.tflite"
        model.write_bytes(large_tflite())
    probed = f"from edgemm.artifact import read_artifact; edgemm.model.file_probe.probe(read_artifact({str(model)!r}))"
    ends = swept(
        OPEN.format(path=str(model)), range(1, 30), tmp_path / "cache", probed
    )  # the runtime is imported
    assert wrong(ends) == {}
    assert not ends[29]
    if feature == "ONNX Runtime" or not find_litert().version.startswith("1."):  # LiteRT 1: at the first run
        assert ends[1]


def test_a_damaged_model_is_called_so_with_enough_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DamagedArtifact("it says no")

    opening = importlib.import_module("edgemm.model.load")
    monkeypatch.setattr(opening, "open_backend", refuse)
    monkeypatch.setattr("edgemm.artifact.trust.is_trusted", lambda _: True)
    for short, kind in ((False, DamagedArtifact), (True, MachineShortage)):
        monkeypatch.setattr("edgemm.model.probe_limits.leaves_less_than", lambda _, short=short: short)
        with pytest.raises(kind, match="it says no"):
            opening.load(ASSETS / "add.onnx")


@pytest.mark.parametrize("short", [False, True])
def test_the_probe_blames_a_file_only_with_enough_memory(short: bool) -> None:
    for error in (DamagedArtifact("it says no"), RuntimeError("it says no")):
        kind, said = _explained(error, Limits(1.0, 1 << 30), short)
        assert kind == ("MachineShortage" if short else "DamagedArtifact")
        assert ("ulimit -v" in said) == short
        assert "it says no" in said
    assert _explained(UnsupportedVersion("too new"), Limits(1.0, 1 << 30), short)[0] == "UnsupportedVersion"


def test_a_trial_takes_nothing() -> None:
    before = Path("/proc/self/statm").read_text().split()[1]
    assert has_room(256)
    assert (
        int(Path("/proc/self/statm").read_text().split()[1]) - int(before)
        < (64 << 20) // resource.getpagesize()
    )
    assert not has_room(1 << 40)  # more than there are addresses
