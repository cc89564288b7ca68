"""Two models on one camera: one connection, one decode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from process import RigProcess

from edgemm.app.recipe import read_app
from edgemm.app.service import Service
from edgemm.media import Frame
from edgemm.opencv import opencv
from edgemm.stream.item import Item

pytest.importorskip("onnxruntime")
needs(opencv)

pytestmark = pytest.mark.device


def test_both_get_the_same_frames_of_one_connection(app_file: Callable[..., Path], seen: Any) -> None:
    with RigProcess("mjpeg_server.py") as camera:
        stream = {**seen, "source": f"http://127.0.0.1:{camera.port}/"}
        with Service(read_app(app_file({"a": stream, "b": stream}))) as service:
            frames: dict[str, dict[int, Frame]] = {"a": {}, "b": {}}

            def keep(name: str, item: Item) -> None:
                assert isinstance(item.frame, Frame)
                frames[name][item.frame.sequence] = item.frame

            service.run(keep, limit=40)
            service.runner.close()
            summaries = service.summary()["streams"]
    both = frames["a"].keys() & frames["b"].keys()
    assert len(both) >= 10
    assert all(frames["a"][number] is frames["b"][number] for number in both)
    for summary in summaries.values():
        assert summary["captured"] == summary["delivered"] + sum(summary["dropped"].values())
        assert summary["faults"] == {}
