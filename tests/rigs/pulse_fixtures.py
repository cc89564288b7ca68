"""Fixtures: a virtual microphone and speaker, or the command that installs what they need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pulse import APT, VirtualMicrophone, missing, virtual_microphone


@pytest.fixture(scope="module")
def daemon() -> Iterator[VirtualMicrophone]:
    """One for all tests of a module that leave it as it is; recorders find it through the environment."""
    _needs_pulseaudio()
    with virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def virtual(daemon: VirtualMicrophone) -> VirtualMicrophone:
    """The module's devices."""
    return daemon


@pytest.fixture
def faulty() -> Iterator[VirtualMicrophone]:
    """Devices to break."""
    _needs_pulseaudio()
    with virtual_microphone() as microphone:
        yield microphone


def _needs_pulseaudio() -> None:
    if lacking := missing():
        pytest.skip(f"{lacking} is missing: {APT}")
