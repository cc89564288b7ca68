"""How old a result from network video is when a model is slower than the camera, against plain OpenCV.

A server on loopback sends motion JPEG at 30 pictures a second, the time of each in its pixels. The consumer takes
200 ms per picture: through a stream, and as one writes it with `cv2.VideoCapture` alone. The true age of a result is
its delivery less the time in the picture; the limit is what the consumer takes and 60 ms: a period of the camera, and
as much again for JPEG, the network and two threads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from coded_picture import read_code
from fake_session import FakeSession, emitted
from process import RigProcess

from edgemm.capture import open_source
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.results import Embedding
from edgemm.session import Emission, StageClock
from edgemm.stream.stream import Stream

CONSUMER_MS = 200.0
MARGIN_MS = 60.0
RESULTS = 100
_SETTLED = 10
"""The first results are not counted: the plain way has no lag yet."""


class Consumer(FakeSession):
    """A model that takes 200 ms."""

    def feed(self, captured: Captured, clock: StageClock) -> Iterator[Emission]:
        """One result per frame, after its time."""
        assert not isinstance(captured, AudioBlock)
        clock.start("infer")
        time.sleep(CONSUMER_MS / 1e3)
        yield emitted(captured, Embedding(np.zeros(1, np.float32)))

    def reset(self) -> None:
        """Holds nothing."""

    def close(self) -> None:
        """Holds nothing."""


def run(results: int = RESULTS) -> dict[str, Any]:
    """True ages of results, milliseconds, and what the stream itself says of them."""
    with RigProcess("mjpeg_server.py") as rig:
        address = f"http://127.0.0.1:{rig.port}/"
        ages_ms, errors_ms, summary = _stream(address, results)
        plain_ms = _plain(address, results)
    limit_ms = CONSUMER_MS + MARGIN_MS
    p99_ms = float(np.percentile(ages_ms, 99))
    return {
        "name": "a 200 ms model on 30/s MJPEG: true age of a result, p99, against what the model takes",
        "ratio": p99_ms / CONSUMER_MS,
        "limit": limit_ms / CONSUMER_MS,
        "ok": p99_ms <= limit_ms,
        "details": {
            "p50_ms": float(np.median(ages_ms)),
            "p99_ms": p99_ms,
            "said_age_too_low_by_ms": float(np.median(errors_ms)),
            "plain_opencv_p50_ms": float(np.median(plain_ms)),
            "plain_opencv_last_ms": plain_ms[-1],
            "account": {key: summary[key] for key in ("captured", "delivered", "dropped", "in_flight")},
        },
    }


def _stream(address: str, results: int) -> tuple[list[float], list[float], dict[str, Any]]:
    """True ages, how much lower the stream says that they are, and the account."""
    ages_ms, errors_ms = [], []
    with open_source(address) as source, Stream(Consumer(), source, owns_source=True) as stream:
        for item in stream:
            assert isinstance(item.frame, Frame)
            age_ms = _age_ms(item.frame.pixels)
            ages_ms.append(age_ms)
            errors_ms.append(age_ms - item.age_ms)
            if len(ages_ms) == results:
                break
    return ages_ms[_SETTLED:], errors_ms[_SETTLED:], stream.ledger.summary()


def _plain(address: str, results: int) -> list[float]:
    """True ages the way it is usually written."""
    import cv2

    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG)
    ages_ms = []
    for _ in range(results):
        good, pixels = capture.read()
        assert good
        time.sleep(CONSUMER_MS / 1e3)
        ages_ms.append(_age_ms(pixels))
    capture.release()
    return ages_ms[_SETTLED:]


def _age_ms(pixels: Any) -> float:
    now_ns = time.monotonic_ns()
    code = read_code(pixels)
    assert code is not None
    return (now_ns - code.made_ns) / 1e6


if __name__ == "__main__":
    print(json.dumps(run()))
