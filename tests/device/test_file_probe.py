"""Foreign models are opened in a child process first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import edgemm
from edgemm import file_probe as probing
from edgemm.artifact import Artifact, read_artifact
from edgemm.errors import ArtifactError, DamagedArtifact, MissingDependency, UnsupportedVersion
from edgemm.file_probe import probe

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_answers", {})


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


def test_a_child_is_asked_once_for_a_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = read_artifact(ASSETS / "add.tflite")
    probe(artifact)
    monkeypatch.setattr(probing, "_ask_child", lambda *_: pytest.fail("asked again"))
    probe(artifact)


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """The child does this when it should open the model."""
    child = f"import sys; sys.path[:] = sys.argv[2:]; import edgemm.file_probe as p; p._limit(); {code}"
    monkeypatch.setattr(probing, "_CHILD", child)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        (
            "import os; print('free(): invalid pointer', flush=True); os.abort()",
            r"SIGABRT \(free\(\): invalid",
        ),
        ("import os; os._exit(7)", "ended with 7"),
        ("pass", "ended with 0"),
        ("x = bytearray(64 << 30)", "ended with 1 .MemoryError"),
    ],
)
def test_a_child_that_dies_takes_nobody_along(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    run_instead(monkeypatch, code)
    with pytest.raises(DamagedArtifact, match=f"the process that tried it .*{message}"):
        probe(foreign("bad.tflite", b"x"))


def test_a_child_that_does_not_come_back_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(DamagedArtifact, match=r"did not end within 0\.5 s"):
        probe(foreign("bad.tflite", b"x"), timeout_s=0.5)


def test_a_child_that_floods_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import os\nwhile True: os.write(1, bytes(1 << 16))")
    with pytest.raises(DamagedArtifact, match="tried it ended with 1"):
        probe(foreign("bad.tflite", b"x"))


def test_a_missing_runtime_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_ask_child", lambda *_: ("MissingDependency", ""))
    monkeypatch.setattr("edgemm.backends.runtime._PACKAGES", (("none", "no_such_package"),))
    with pytest.raises(MissingDependency, match="pip install"):
        probe(foreign("a.tflite", b"x"))


def test_modules_of_the_current_folder_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("import os; os.abort()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [each for each in sys.path if each not in ("", str(tmp_path))])
    probe(foreign("add.tflite", (ASSETS / "add.tflite").read_bytes()))


def test_loading_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import os; os.abort()")
    with pytest.raises(DamagedArtifact, match="SIGABRT"):
        edgemm.load(ASSETS / "add.tflite")
