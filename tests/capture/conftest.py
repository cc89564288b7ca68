"""Small real files: pictures, videos and recordings made on the spot."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm.opencv import opencv


class FakeTime:
    """A clock that moves only when somebody waits, or says so."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000
        self.waits: list[float] = []

    def now_ns(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.ns += round(seconds * 1e9)
        return False

    def pass_ms(self, ms: float) -> None:
        self.ns += round(ms * 1e6)


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """A folder with `count` grey PNG pictures 0.png ... whose pixels are their number."""

    cv2 = needs(opencv)

    def make(count: int) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir()
        for number in range(count):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((4, 6), number, np.uint8))
        return folder

    return make


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """A motion-JPEG file at 25 frames a second; each frame is brighter than the one before."""

    cv2 = needs(opencv)

    def make(frames: int, name: str = "walk.avi") -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (32, 16))
        for number in range(frames):
            writer.write(np.full((16, 32, 3), number * 5 % 256, np.uint8))
        writer.release()
        return path

    return make


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """A 16-bit WAV file of the samples given as whole numbers, one column per channel."""

    def make(samples: Any, rate: int = 8000, name: str = "words.wav") -> Path:
        stored = np.asarray(samples, "<i2")
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((stored.shape[1] if stored.ndim > 1 else 1, 2, rate, 0, "NONE", ""))
            file.writeframes(stored.tobytes())
        return path

    return make


@pytest.fixture
def wav_bytes(tmp_path: Path) -> Callable[..., Path]:
    """A WAV file put together from its parts, for what the standard library does not write."""

    def make(tag: int, bits: int, data: bytes, *, extensible: bool = False, extra: bytes = b"") -> Path:
        fmt = struct.pack(
            "<HHIIHH", 0xFFFE if extensible else tag, 1, 8000, 8000 * -(-bits // 8), -(-bits // 8), bits
        )
        if extensible:
            guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
            fmt += struct.pack("<HHI", 22, bits, 4) + guid
        chunks = b"".join(
            name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
            for name, body in ((b"LIST", extra), (b"fmt ", fmt), (b"data", data))
        )
        path = tmp_path / "parts.wav"
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
        return path

    return make
