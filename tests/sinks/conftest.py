"""Items to hand to sinks, and films read back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import EdgemmError
from edgemm.media import AudioBlock, Color, Frame
from edgemm.opencv import opencv
from edgemm.results import Detections, Embedding, Result
from edgemm.sinks.outbox import Outbox
from edgemm.stream.item import Item

NOTHING = Embedding(np.zeros(1, np.float32))
"""A result that is not drawn."""
MakeItem = Callable[..., Item]
ReadFilm = Callable[[Path], list[npt.NDArray[np.uint8]]]


def shade(number: int) -> int:
    """The grey of picture `number`: neighbours are far enough apart to be told after a lossy codec."""
    return 10 + number * 37 % 236


@pytest.fixture(autouse=True)
def _every_thread_is_ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also those that a test leaves hanging: others look at the threads that are left."""
    made: list[Outbox[Any]] = []
    begin = Outbox.__init__

    def noted(self: Outbox[Any], *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(Outbox, "__init__", noted)
    yield
    for each in made:
        with suppress(EdgemmError):
            Outbox.close(each)


@pytest.fixture
def item() -> MakeItem:
    """(number, milliseconds) -> an item whose picture is `shade(number)` everywhere."""

    def _item(
        number: int = 0,
        at_ms: float | None = None,
        *,
        size_wh: tuple[int, int] = (64, 48),
        color: Color = "bgr",
        value: Result = NOTHING,
        pixels: npt.NDArray[np.uint8] | None = None,
    ) -> Item:
        shape = (size_wh[1], size_wh[0]) if color == "gray" else (size_wh[1], size_wh[0], 3)
        pixels = np.full(shape, shade(number), np.uint8) if pixels is None else pixels
        captured_ns = round((number * 100 if at_ms is None else at_ms) * 1e6)
        frame = Frame(pixels, captured_ns, number, color)
        return Item(value, frame, number, captured_ns, 1.0, False, {})

    return _item


@pytest.fixture
def sound() -> Item:
    """An item without a picture."""
    return Item(NOTHING, AudioBlock(np.zeros(16, np.float32), 16000, 0, 0), 0, 0, 1.0, False, {})


@pytest.fixture
def box() -> Detections:
    """One box in the middle of 64 x 48."""
    return Detections(np.array([[16, 12, 48, 36]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))


@pytest.fixture
def film() -> ReadFilm:
    """Path -> all pictures of a film, in BGR."""

    def _pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
        cv2 = opencv()
        reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        while (read := reader.read())[0]:
            yield read[1]
        reader.release()

    return lambda path: list(_pictures(path))


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """As a user who may not write everywhere: root becomes nobody for the time of the test."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)
