"""What a program waits for before its first answer: only what its own model needs is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgemm import data
from edgemm.errors import EdgemmError, InputError

pytestmark = pytest.mark.device
ROOT = Path(__file__).parents[2]
MODEL = data.path("models/super_resolution_x2.int8.tflite")
PROGRAM = """
import json, sys
import numpy as np
try:
    from ai_edge_litert import interpreter
except ImportError:
    from tflite_runtime import interpreter
before = set(sys.modules)
import edgemm
with edgemm.load(sys.argv[1], delegate="cpu") as model:
    (spec,) = model.inputs
    model.run({spec.name: np.zeros(spec.shape, spec.dtype)})
print(json.dumps(sorted(set(sys.modules) - before)))
"""
NOT_NEEDED = (
    "pathlib", "urllib.parse", "zipfile", "logging", "hashlib", "_hashlib", "dataclasses", "threading",
    "numpy.typing", "mmap", "edgemm.choices", "edgemm.worker", "edgemm.card.fit", "edgemm.card.vocabulary",
    "edgemm.card.options", "edgemm.delegates.edgetpu", "edgemm.delegates.providers", "edgemm.artifact.bundle_archive",
    "edgemm.artifact.containers.onnx_metadata", "edgemm.results.picture", "edgemm.tasks.outputs",
    "edgemm.tasks.picture.pixels", "edgemm.model.suits", "edgemm.instructions",
    "cv2", "onnxruntime", "subprocess", "importlib.metadata", "email", "difflib", "secrets", "tempfile",
    "multiprocessing", "edgemm.redaction", "edgemm.child_process", "edgemm.session",
    "edgemm.preprocess.image", "edgemm.preprocess.audio", "edgemm.preprocess.text", "edgemm.results.detections",
    "edgemm.results.transcript", "edgemm.card.bundle_card", "edgemm.card.presets", "edgemm.artifact.bundle",
    "edgemm.backends.ort", "edgemm.foreign", "edgemm.model.file_probe", "edgemm.model.sessions", "edgemm.stream.stream",
)  # fmt: skip


MOST = 55
"""Modules that edgemm adds to those of NumPy and the runtime: each takes 0.1 ms at least."""


def test_tensors_are_run_without_what_only_pictures_sound_and_errors_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(MODEL)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    loaded = json.loads(done.stdout)
    assert "edgemm.backends.litert" in loaded
    assert [name for name in NOT_NEEDED if name in loaded] == []
    assert len(loaded) <= MOST, loaded


@pytest.mark.parametrize("kind", [EdgemmError, InputError])
def test_an_error_hides_addresses_even_where_nothing_can_be_imported(
    kind: type[EdgemmError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "edgemm.redaction", None)  # as without a free file descriptor
    assert "secret" not in str(kind("rtsp://admin:secret@10.0.0.7/1 gave nothing"))
    assert "secret" not in str(kind("pipeline: token=secret"))
    assert str(kind("expected a number, found 3")) == "expected a number, found 3"
