"""LiteRT is found by import; where it is missing, the error says how to install it."""

from __future__ import annotations

import sys

import pytest

from edgemm.errors import MissingDependency
from edgemm.litert_runtime import find_litert

pytestmark = pytest.mark.device
PACKAGES = ("ai_edge_litert", "tflite_runtime")


@pytest.fixture
def _no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """A None in sys.modules is Python's own way to say that a module is not there."""
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, f"{package}.interpreter", raising=False)


@pytest.mark.usefixtures("_no_runtime")
def test_without_a_runtime_the_install_command_is_told() -> None:
    with pytest.raises(MissingDependency, match=r'pip install "edgemm\[litert\]"'):
        find_litert()


def test_the_runtime_knows_its_name_and_version() -> None:
    pytest.importorskip("ai_edge_litert.interpreter")
    assert str(find_litert()).startswith("litert ")
