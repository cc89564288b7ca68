"""Bundled models and data, and systemd's end of a notify socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgemm import data


class Systemd:
    """Receives what a service sends."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.001)

    def received(self) -> list[str]:
        """The messages so far, since this was asked last."""
        found = []
        try:
            while True:
                found.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def app_file(tmp_path: Path) -> Callable[..., Path]:
    """An app file with these streams; models and data are the bundled ones."""

    def make(streams: dict[str, Any], **keys: Any) -> Path:
        import json

        path = tmp_path / "app.json"
        path.write_text(json.dumps({"schema": "edgemm.app/1", "streams": streams, **keys}))
        return path

    return make


@pytest.fixture
def seen() -> dict[str, Any]:
    return {"model": str(data.path("models/digits.onnx")), "source": str(data.path("digits"))}


@pytest.fixture
def heard() -> dict[str, Any]:
    return {
        "model": str(data.path("models/keywords.onnx")),
        "source": f"{data.path('spoken_digits')}?pause_ms=500",
    }
