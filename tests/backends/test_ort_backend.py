"""ONNX Runtime: bound buffers, fixed shapes, no files beside the model."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from edgemm.artifact import read_artifact
from edgemm.backends import Backend, open_backend
from edgemm.errors import (
    ArtifactError,
    DamagedArtifact,
    DelegateMissing,
    InputError,
    UnsupportedVersion,
)

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture(autouse=True)
def _runtime() -> None:
    pytest.importorskip("onnxruntime")


def opened(name: str, **options: object) -> Backend:
    return open_backend(read_artifact(ASSETS / name), **options)  # type: ignore[arg-type]


def test_it_is_a_backend() -> None:
    assert isinstance(opened("add.onnx"), Backend)


def test_it_runs_what_lies_in_the_buffers() -> None:
    backend = opened("total.onnx")
    backend.input_buffer(0)[...] = [[1, 2]]
    backend.input_buffer(1)[...] = [[10, 20]]
    backend.run()
    np.testing.assert_array_equal(backend.output_buffer(0), [[11, 22]])


def test_the_buffers_stay_the_same_memory() -> None:
    backend = opened("add.onnx")
    before, after = backend.input_buffer(0), backend.output_buffer(0)
    for value in (1.0, 2.0):
        before[...] = value
        backend.run()
        assert after[0] == 2 * value


def test_who_runs_it_is_told_in_the_runtimes_own_words() -> None:
    backend = opened("bright.onnx")
    assert backend.delegates == ("CPUExecutionProvider",)
    assert (backend.coverage.delegated, backend.coverage.delegate) == (0, "")
    told = (
        "on the CPU, no accelerator" if backend.coverage.total else "not told by this runtime"
    )  # old versions
    assert str(backend.coverage).endswith(told)


def test_a_provider_that_is_not_built_in_is_an_error_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DelegateMissing, match=r"QNNExecutionProvider\. Install onnxruntime-qnn"):
            opened("add.onnx", delegate="qnn")


def test_an_open_dimension_is_refused() -> None:
    with pytest.raises(
        ArtifactError, match=r"open_length\.onnx: input 'x': expected a fixed shape, found \[1, 'L'\]"
    ):
        opened("open_length.onnx")


def test_a_batch_that_only_is_open_is_1() -> None:
    backend = opened("open_batch.onnx")
    assert [spec.shape for spec in (*backend.inputs, *backend.outputs)] == [(1, 2), (1, 2)]
    backend.input_buffer(0)[...] = -3
    backend.run()
    assert backend.output_buffer(0).tolist() == [[3, 3]]


def test_weights_in_another_file_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights.bin").write_bytes(np.float32(7).tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DamagedArtifact, match="not followed"):
        opened("outside.onnx")


def test_an_opset_newer_than_the_runtime() -> None:
    with pytest.raises(UnsupportedVersion, match=r"ONNX Runtime \d.*[Oo]pset"):
        opened("too_new.onnx")


def test_no_model_at_all() -> None:
    artifact = read_artifact(ASSETS / "add.onnx")
    with pytest.raises(DamagedArtifact, match=r"add\.onnx: expected an \.onnx model"):
        open_backend(type(artifact)(artifact.path, "onnx", b"junk", None, None, 4))


def test_closed_twice_and_then_used() -> None:
    backend = opened("add.onnx")
    backend.close()
    backend.close()
    with pytest.raises(InputError, match="closed"):
        backend.run()
