"""A virtual microphone, or the command that installs what it needs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import pulse


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Iterator[pulse.VirtualMicrophone]:
    """A daemon of this test's own; recorders find it through the environment that they inherit."""
    if lacking := pulse.missing():
        pytest.skip(f"{lacking} is missing: {pulse.APT}")
    with (
        tempfile.TemporaryDirectory(prefix="pa") as folder,  # a socket's path is short
        pulse.VirtualMicrophone(Path(folder)) as microphone,
    ):
        for name, value in microphone.environment.items():
            monkeypatch.setenv(name, value)
        yield microphone
