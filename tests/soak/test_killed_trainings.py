"""Trainings that are killed at random moments, again and again, end with the weights of one that was not."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
from edgemm.quantize.training import Batch, Samples, Settings, train

torch.manual_seed(1)
net = nn.Sequential(nn.Linear(6, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 3))
x = torch.randn(400, 6)
noisy = lambda b: Batch((b.inputs[0] + 0.1 * torch.randn(b.inputs[0].shape),), b.targets)
data = Samples(x, torch.arange(400) % 3, noisy)
settings = Settings(epochs=20, batch_size=8, schedule="cosine", clip_norm=1.0, learning_rate=0.01)
print("ready", flush=True)
train(net, data, settings=settings, validate=lambda m: -float(m(x).square().mean()),
      checkpoint=Path(sys.argv[1]) if sys.argv[1] else None, save_every=int(sys.argv[3]), progress=False)
torch.save(net.state_dict(), sys.argv[2])
"""


def test_killed_trainings(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    def started(checkpoint: str, out: Path, every: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", SCRIPT, checkpoint, str(out), str(every)]
        made = subprocess.Popen(words, stdout=subprocess.PIPE, env=dict(os.environ))
        assert made.stdout is not None
        assert made.stdout.readline() == b"ready\n"
        return made

    def finished(process: subprocess.Popen[bytes]) -> int:
        assert process.stdout is not None
        process.stdout.close()
        return process.wait()

    draw = random.Random(0)
    begun = time.monotonic()
    assert finished(started("", tmp_path / "whole", 1000)) == 0
    seconds = time.monotonic() - begun
    whole = torch.load(tmp_path / "whole", weights_only=True)
    for number in range(rounds(20, 1)):
        path, out = tmp_path / f"{number}.checkpoint", tmp_path / f"{number}.weights"
        process = started(str(path), out, 1)
        while not path.exists():  # its first step
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        assert finished(process) == -9
        tries = 0
        while not out.exists():
            process = started(str(path), out, draw.choice([1, 7, 50]))
            try:
                process.wait(draw.uniform(0, seconds) if tries < 2 else 60)
            except subprocess.TimeoutExpired:
                process.kill()
            tries += 1
            assert finished(process) in (0, -9)
        found = torch.load(out, weights_only=True)
        assert all(torch.equal(found[name], value) for name, value in whole.items())
