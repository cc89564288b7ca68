"""Dead channels, units and heads go, and the output stays what it was."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from edgemm.quantize.prune import prune  # noqa: E402
from tests.quantize.prune.modules.dead_networks import BLOCKS, convolutional, recurrent, transformer  # noqa: E402

TOLERANCE = 1e-5
"""Of the largest output: float32 sums in another order."""


def assert_unchanged(network: Any, inputs: Any, target: str) -> Any:
    """Prunes what is dead, and compares at the example's batch size and another one."""
    pruned = prune(network, inputs, target=target, scope="uniform", multiple_of=1)
    assert pruned.report.removed
    for given in (inputs, tuple(torch.cat((each, each)) for each in inputs)):
        with torch.no_grad():
            wanted, found = network(*given), pruned.module(*given)
        assert float((wanted - found).abs().max()) <= TOLERANCE * float(wanted.abs().max()) + 1e-7
    return pruned.report


@pytest.mark.parametrize("block", BLOCKS)
def test_each_kind_of_block(block: str) -> None:
    network, inputs = convolutional(3, block)
    assert assert_unchanged(network, inputs, "macs=0.7").left("macs") <= 0.7


@pytest.mark.parametrize("seed", range(4))
def test_convolutional_networks(seed: int) -> None:
    assert_unchanged(*convolutional(seed), "macs=0.7")


@pytest.mark.parametrize("seed", range(5))
def test_recurrent_networks(seed: int) -> None:
    assert_unchanged(*recurrent(seed), "macs=0.75")


@pytest.mark.parametrize("seed", range(3))
def test_transformers(seed: int) -> None:
    assert_unchanged(*transformer(seed), "macs=0.75")
