"""A TFLite external delegate: what it takes is counted, and each way to fail has its own error."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import numpy as np
import pytest
from needs import c_compiler, needs

from edgemm.artifact import Artifact, read_artifact
from edgemm.backends import open_backend
from edgemm.delegates import probe_delegate
from edgemm.errors import DelegateFailed, DelegateMissing
from edgemm.litert_runtime import find_litert

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
SOURCE = Path(__file__).parents[1] / "rigs" / "delegate_double.c"


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`external:` and the path of the built library; see the C file for its modes."""
    library = tmp_path_factory.mktemp("delegate") / "double.so"
    subprocess.run(
        [c_compiler(), "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)],
        check=True,
    )
    return f"external:{library}"


@pytest.fixture(autouse=True)
def _runtime() -> None:
    needs(find_litert)


@pytest.fixture
def model() -> Artifact:
    """abs(x + x) + x."""
    return read_artifact(ASSETS / "two_adds.tflite")


def test_what_it_took_is_counted(double: str, model: Artifact) -> None:
    backend = open_backend(model, delegate=double)
    coverage = backend.coverage
    assert (coverage.delegated, coverage.total, coverage.partitions) == (2, 3, 2)
    assert coverage.remaining == {"ABS": 1}
    assert backend.delegates == (double, "xnnpack")


def test_it_computes(double: str, model: Artifact) -> None:
    backend = open_backend(model, delegate=double)
    backend.input_buffer(0)[...] = [1, -2, 3, 4]
    backend.run()
    np.testing.assert_array_equal(backend.output_buffer(0), [3, 2, 9, 12])


def test_a_delegate_that_takes_nothing_is_an_error(double: str, model: Artifact) -> None:
    with pytest.raises(DelegateFailed, match="took none of the model's 3 operators"):
        open_backend(model, delegate=f"{double}?mode=none")


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refuse", "made no delegate .no such device"),
        ("silent", "made no delegate .it gave no reason"),
        ("prepare", "failed in "),
        ("crash", "killed by SIGABRT"),
    ],
)
def test_a_delegate_that_fails_says_why(double: str, model: Artifact, mode: str, reason: str) -> None:
    with pytest.raises(DelegateFailed, match=reason):
        open_backend(model, delegate=f"{double}?mode={mode}")


def test_a_delegate_that_fails_while_running(double: str, model: Artifact) -> None:
    backend = open_backend(model, delegate=f"{double}?mode=invoke")
    with pytest.raises(DelegateFailed, match="failed while running"):
        backend.run()


def test_a_library_that_is_not_there(model: Artifact) -> None:
    with pytest.raises(DelegateMissing, match=r"/nowhere/lib\.so is not here"):
        open_backend(model, delegate="external:/nowhere/lib.so")


def test_a_library_that_is_no_delegate(model: Artifact) -> None:
    with pytest.raises(DelegateFailed, match="does not export tflite_plugin_create_delegate"):
        open_backend(model, delegate="external:libm.so.6")


def test_a_tuple_is_an_order_of_fallback_and_what_happened_is_logged(
    double: str, model: Artifact, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "edgemm"):
        backend = open_backend(model, delegate=(f"{double}?mode=refuse", "cpu"))
    assert backend.delegates == ("xnnpack",)
    assert "no such device" in caplog.text


def test_the_first_that_works_is_taken(double: str, model: Artifact) -> None:
    assert open_backend(model, delegate=(double, "cpu")).coverage.delegated == 2


def test_when_none_works_every_reason_is_told(double: str, model: Artifact) -> None:
    with pytest.raises(DelegateMissing, match=r"no such device.*no runtime for \.tflite files"):
        open_backend(model, delegate=(f"{double}?mode=refuse", "cuda"))


def test_closing_while_somebody_looks_at_a_tensor(double: str, model: Artifact) -> None:
    backend = open_backend(model, delegate=double)
    backend.input_buffer(0)[...] = 1
    backend.run()
    view = backend.output_buffer(0)
    backend.close()
    del backend
    assert view[0] == 3


@pytest.mark.parametrize(
    ("mode", "works"), [("add", True), ("none", True), ("refuse", False), ("crash", False)]
)
def test_the_probe_tries_it_in_another_process(double: str, mode: str, works: bool) -> None:
    assert probe_delegate(f"{double}?mode={mode}").available is works


def test_the_probe_tells_how_the_child_died(double: str) -> None:
    assert "SIGABRT" in probe_delegate(f"{double}?mode=crash").detail
