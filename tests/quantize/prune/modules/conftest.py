"""Pruning of torch modules: skipped where torch is not installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are faster so, and the machine is shared."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
