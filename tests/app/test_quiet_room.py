"""A voice gate in a quiet room: no result for hours, and alive all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulse import APT, missing, virtual_microphone

from edgemm.app.notify import Notifier
from edgemm.app.recipe import read_app
from edgemm.app.service import Service

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.device


def test_a_stream_that_is_quiet_by_design_is_ready_and_alive(
    app_file: Callable[..., Path], heard: Any, systemd: Any
) -> None:
    if lacking := missing():
        pytest.skip(f"{lacking} is missing: {APT}")
    path = app_file({"heard": {**heard, "source": "microphone:?gate=voice"}})
    notifier = Notifier({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "400000"})
    results: list[Any] = []
    messages: list[str] = []
    with virtual_microphone(), Service(read_app(path), notifier=notifier) as service:
        running = threading.Thread(target=service.run, args=[lambda name, item: results.append(item)])
        running.start()
        while messages.count("WATCHDOG=1") < 4 and running.is_alive():
            messages += systemd.received()
        service.stop()
        running.join(10)
        summary = service.summary()["streams"]["heard"]["samples"]
    assert messages[0].startswith("READY=1")
    assert results == []
    assert summary["dropped"]["silence"] > 0
