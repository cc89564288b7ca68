"""Names, the order of "auto", and what is said about accelerators that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemm.artifact import read_artifact
from edgemm.backends import open_backend
from edgemm.delegates import AUTO, DELEGATES, candidates, find_delegate, probe_delegate
from edgemm.errors import DelegateMissing, InputError

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


def test_the_registered_name_is_the_delegates_own() -> None:
    assert all(name == each.name for name, each in DELEGATES.items())


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"expected one of auto, cpu, edgetpu.*found 'tpu'"):
        find_delegate("tpu")


def test_a_near_name_is_told() -> None:
    with pytest.raises(InputError, match=r"found 'edgetqu'\. Did you mean 'edgetpu'\?"):
        find_delegate("edgetqu")


def test_xnnpack_is_part_of_the_cpu() -> None:
    with pytest.raises(InputError, match=r"found 'xnnpack'\. XNNPACK is part of 'cpu'.*say 'cpu'"):
        candidates(("edgetpu", "xnnpack"), "tflite")
    assert "xnnpack" not in DELEGATES


def test_an_empty_tuple_is_refused() -> None:
    with pytest.raises(InputError, match="empty tuple"):
        candidates((), "onnx")


def test_an_external_library_takes_options_from_its_name() -> None:
    found = find_delegate("external:/opt/npu.so?cores=2&trace=")
    assert found.libraries == ("/opt/npu.so",)
    assert found.options == (("cores", "2"), ("trace", ""))


def test_an_external_delegate_needs_a_path() -> None:
    with pytest.raises(InputError, match="found no path"):
        find_delegate("external:?cores=2")


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_auto_ends_with_the_cpu(format_: str) -> None:
    assert candidates("auto", format_)[-1].name == "cpu"  # type: ignore[arg-type]


def test_auto_names_only_registered_delegates() -> None:
    assert set(AUTO) <= DELEGATES.keys()


def test_a_delegate_of_the_other_runtime_is_missing() -> None:
    with pytest.raises(DelegateMissing, match=r"cuda: no runtime for \.tflite files has a route to it"):
        open_backend(read_artifact(ASSETS / "add.tflite"), delegate="cuda")


def test_nnapi_is_explained() -> None:
    with pytest.raises(DelegateMissing, match="deprecated since Android 15"):
        open_backend(read_artifact(ASSETS / "add.tflite"), delegate="nnapi")
    assert "deprecated" in probe_delegate("nnapi").detail


def test_the_cpu_is_available() -> None:
    pytest.importorskip("onnxruntime")
    status = probe_delegate("cpu")
    assert status.available
    assert "onnxruntime" in status.detail
