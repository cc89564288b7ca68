"""What `edgemm doctor` says of devices that are really there."""

from __future__ import annotations

import pytest
from loopback_card import HEARD, LoopbackCard
from vivid import Vivid

from edgemm.doctor import examine

pytestmark = [pytest.mark.device, pytest.mark.devices]


def test_doctor_lists_cameras_and_microphones(
    vivid: Vivid, loopback: LoopbackCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sources are named; of eight video devices those two that capture."""
    monkeypatch.setattr("edgemm.doctor.DELEGATES", ())  # they are probed elsewhere, and slowly
    health = examine()
    cameras = [each.split() for each in health.cameras if "vivid" in each]
    assert [(path, name) for _, path, name in cameras] == [(each.path, each.name) for each in vivid.cameras]
    assert all(source.startswith("camera:") for source, *_ in cameras)
    assert any(HEARD in each for each in health.microphones)
