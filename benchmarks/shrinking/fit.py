"""A plain training loop that resumes: one checkpoint after each epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.shrinking.data import Data

BATCH = 64
SOFTNESS = 4.0
"""The temperature of distillation."""


def fit(
    network: Any, data: Data, epochs: int, *, seed: int, rate: float, checkpoint: Path, teacher: Any = None
) -> None:
    """Trains in place, from the checkpoint on where there is one.

    Args:
        rate: the highest of the learning rate, which rises and falls once.
        teacher: a network whose answers are learned too, half and half with the labels.
    """
    x, y = data.train
    steps = epochs * -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    begun = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        begun = state["epochs"]
    for epoch in range(begun, epochs):
        network.train()
        generator = torch.Generator().manual_seed(1000 * seed + epoch)
        torch.manual_seed(1000 * seed + epoch)  # dropout
        for chosen in torch.randperm(len(x), generator=generator).split(BATCH):
            given = _changed(x[chosen], generator) if data.flips else x[chosen]
            optimizer.zero_grad()
            _loss(network(given), y[chosen], given, teacher).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        save({"network": network.state_dict(), "optimizer": optimizer.state_dict(),
              "schedule": schedule.state_dict(), "epochs": epoch + 1}, checkpoint)  # fmt: skip
    network.eval()


def _loss(found: Any, labels: Any, given: Any, teacher: Any) -> Any:
    hard = F.cross_entropy(found, labels)
    if teacher is None:
        return hard
    with torch.no_grad():
        wanted = F.log_softmax(teacher.eval()(given) / SOFTNESS, -1)
    soft = F.kl_div(F.log_softmax(found / SOFTNESS, -1), wanted, reduction="batchmean", log_target=True)
    return 0.5 * hard + 0.5 * soft * SOFTNESS**2


def _changed(x: Any, generator: Any) -> Any:
    """Mirrored by chance, picture by picture; moved by up to four pixels, all alike."""
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    down, right = (int(n) for n in torch.randint(0, 9, (2,), generator=generator))
    return F.pad(x, (4,) * 4)[:, :, down : down + x.shape[2], right : right + x.shape[3]]


def accuracy(network: Any, data: Data) -> float:
    """On what is held out, 0..1."""
    x, y = data.held_out
    with torch.no_grad():
        found = torch.cat([network.eval()(part).argmax(1) for part in x.split(500)])
    return float((found == y).double().mean())


def save(state: Any, path: Path) -> None:
    """Whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)
