"""Films whose writer is killed at any moment: what is there under the name is a whole film, the old one or the new."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from needs import needs

from edgemm.opencv import opencv
from edgemm.sinks import VideoSink

cv2 = needs(opencv)

WRITES = """
import sys, numpy as np
from edgemm.media import Frame
from edgemm.results import Embedding
from edgemm.sinks import VideoSink
from edgemm.stream.item import Item
pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
nothing = Embedding(np.zeros(1, np.float32))
while True:
    with VideoSink(sys.argv[1], fps=10, existing="replace") as sink:
        for number in range(10):
            at_ns = number * 100_000_000
            sink.wait_for_room(60)
            sink.put("", Item(nothing, Frame(pixels, at_ns, number), number, at_ns, 1.0, False, {}))
    print("whole", flush=True)
"""
FRAMES = 10


def frames(path: Path) -> int:
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    number = 0
    while reader.grab():
        number += 1
    reader.release()
    return number


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_killed_at_any_moment(tmp_path: Path, suffix: str, rounds: Callable[[int, int], int]) -> None:
    path = tmp_path / f"out{suffix}"
    chance = random.Random(suffix)
    for _ in range(rounds(100, 2)):
        child = subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "whole\n"
        time.sleep(chance.uniform(0, 0.1))  # a moment of any kind, not one that is waited for
        child.kill()
        child.communicate()
        assert frames(path) == FRAMES
        names = {name for name in os.listdir(tmp_path) if not name.startswith(".")}
        assert names <= {path.name, f"out.part{suffix}"}
    VideoSink(path, existing="replace").close()
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []
