"""Training and evaluation mode of modules, and the number of threads; all as before at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def freeze(module: Any) -> None:
    """Batch norms in evaluation mode."""
    import torch

    for each in module.modules():
        if isinstance(each, torch.nn.modules.batchnorm._BatchNorm):
            each.eval()


@contextmanager
def modes(modules: list[Any]) -> Iterator[None]:
    """Afterwards each module and each part of it is in training or evaluation mode as before."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch; afterwards as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
