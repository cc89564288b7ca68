"""Models that take all time or memory are refused with a sentence, before this process opens them."""

from __future__ import annotations

import resource
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from needs import package

from edgemm.artifact import read_artifact, write_artifact
from edgemm.artifact.goldens import Goldens
from edgemm.card import ModelCard
from edgemm.errors import ArtifactError
from edgemm.model import file_probe
from edgemm.model.file_probe import probe

FIRST_S = 6.0
"""A tenth of what is allowed otherwise: each further run has a second."""
SAID = {
    "loop": "did not end within its time|was not run in time",
    "memory": "needs more than .* MB of memory",
    "nesting": "did not end within its time|was not run in time|was killed by SIGSEGV|needs more than .* MB",
    "shapes": "needs more than .* MB of memory|cannot prepare the model",
}


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(file_probe, "_refused", {})
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))


def test_goldens_are_run_too(tmp_path: Path) -> None:
    """A tensor as large as the input says, of which no seeded value is large."""
    package("onnx")
    from bombs import onnx_as_large_as_told

    goldens = Goldens(({"x": np.array([1 << 31])},), ({"y": np.zeros((), np.float32)},), {"y": 0.5})
    for held, refused in ((None, False), (goldens, True)):
        write_artifact(tmp_path / "told.onnx", onnx_as_large_as_told(1), ModelCard(), held)
        artifact = read_artifact(tmp_path / "told.onnx")
        with pytest.raises(ArtifactError, match="needs more than") if refused else nullcontext():
            probe(artifact)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_bomb_is_refused_with_a_sentence(kind: str, suffix: str, tmp_path: Path) -> None:
    package("onnx" if suffix == ".onnx" else "ai_edge_litert.schema_py_generated")
    from bombs import onnx_bombs, tflite_bombs

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    payload = (onnx_bombs if suffix == ".onnx" else tflite_bombs)()[kind]
    path = tmp_path / f"bomb{suffix}"
    write_artifact(path, payload, ModelCard(name="looks well"))
    with pytest.raises(ArtifactError, match=rf"bomb{suffix}: .*({SAID[kind]})") as caught:
        probe(read_artifact(path), first_s=FIRST_S)
    assert "Traceback" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + (1 << 18)  # kB
