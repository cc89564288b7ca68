"""A virtual microphone, or the command that installs what it needs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pulse import APT, VirtualMicrophone, missing


@contextmanager
def running() -> Iterator[VirtualMicrophone]:
    """A daemon in a folder of its own."""
    if lacking := missing():
        pytest.skip(f"{lacking} is missing: {APT}")
    with (
        tempfile.TemporaryDirectory(prefix="pa") as folder,  # a socket's path is short
        VirtualMicrophone(Path(folder)) as microphone,
    ):
        yield microphone


@pytest.fixture(scope="module")
def daemon() -> Iterator[VirtualMicrophone]:
    """One for all tests of a module that leave it as it is."""
    with running() as microphone:
        yield microphone


@pytest.fixture
def virtual(daemon: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch) -> VirtualMicrophone:
    """The module's microphone; recorders find it through the environment that they inherit."""
    for name, value in daemon.environment.items():
        monkeypatch.setenv(name, value)
    return daemon


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualMicrophone]:
    """A microphone to break."""
    with running() as microphone:
        for name, value in microphone.environment.items():
            monkeypatch.setenv(name, value)
        yield microphone
