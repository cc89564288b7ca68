"""Devices of the kernel's own; what needs them skips, saying why, where they are not."""

from __future__ import annotations

from collections.abc import Iterator

import loopback_card
import pytest
import vivid as vivid_cameras
from loopback_card import LoopbackCard
from vivid import Vivid

SLOW_S = 60.0
"""An emulated machine takes so long for what a real one does in one."""


@pytest.fixture
def vivid() -> Iterator[Vivid]:
    """Two cameras, plugged in at the beginning and again at the end."""
    if lacking := vivid_cameras.missing():
        pytest.skip(lacking)
    cameras = Vivid()
    yield cameras
    if cameras.cameras:
        cameras.unplug()
    cameras.plug_in()  # all controls as they were


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackCard]:
    """A sound card, plugged in at the beginning and again at the end; recorders may take long to start."""
    if lacking := loopback_card.missing():
        pytest.skip(lacking)
    for limit in ("OPEN_S", "FIRST_BLOCK_S"):
        monkeypatch.setattr(f"edgemm.capture.sound.microphone_source.{limit}", SLOW_S)
    monkeypatch.setattr("edgemm.recorder.process.LIST_S", SLOW_S)
    card = LoopbackCard()
    yield card
    card.plug_in()
