"""Hundreds of networks by chance, half of each dead: pruning takes the dead half out, and the output stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from edgemm.quantize.prune import prune  # noqa: E402
from tests.quantize.prune.modules.dead_networks import convolutional, recurrent, transformer  # noqa: E402

TOLERANCE = 1e-5
"""Of the largest output: float32 sums in another order."""


@pytest.mark.parametrize(("make", "whole"), [(convolutional, 200), (recurrent, 100), (transformer, 40)])
def test_the_output_stays(make: Any, whole: int, rounds: Callable[[int, int], int]) -> None:
    wrong = []
    for seed in range(1000, 1000 + rounds(whole, 1)):
        network, inputs = make(seed)
        pruned = prune(network, inputs, target="macs=0.75", scope="uniform", multiple_of=1).module
        with torch.no_grad():
            wanted, found = network(*inputs), pruned(*inputs)
        if float((wanted - found).abs().max()) > TOLERANCE * float(wanted.abs().max()) + 1e-7:
            wrong.append(seed)
    assert wrong == []
