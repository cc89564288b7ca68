"""Connections to a camera on loopback that behaves in fifty ways: all it sent, by its own count, is accounted for.

EDGEMM_SWEEP=1 pytest tests/soak/test_network_soak.py: 1,000 connections; a slice of 50 otherwise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from needs import needs

from edgemm.opencv import opencv

pytestmark = pytest.mark.device
PROGRAM = Path(__file__).parents[1] / "rigs" / "network_connections.py"
_GROWTH_BYTES = 16 << 20
"""What an allocator may keep; a picture leaked for each connection would be 100 MB."""


def test_what_was_sent_is_delivered_or_counted(rounds: Callable[[int, int], int]) -> None:
    needs(opencv)
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), str(rounds(1000, 50))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found = json.loads(ended.stdout.splitlines()[-1])
    print(f"\n{found['sums']}, {found['settled']} -> {found['end']}")  # noqa: T201 - the soak's figures
    assert found["wrong"] == []
    assert found["end"][0] - found["settled"][0] < _GROWTH_BYTES
    assert found["end"][1:] == found["settled"][1:]
