"""The same network pruned by torch-pruning: magnitude of groups, the same for all layers."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from torch import nn

from edgemm.quantize.prune.modules.counting import count_macs


def prune_foreign(network: Any, inputs: tuple[Any, ...], left: float) -> Any:
    """A copy with at most this fraction of the MACs, the nearest by bisection over torch-pruning's ratio."""
    whole, low, high = count_macs(network, inputs), 0.0, 0.95
    best = _pruned(network, inputs, high)
    for _ in range(8):
        middle = (low + high) / 2
        made = _pruned(network, inputs, middle)
        if count_macs(made, inputs) <= left * whole:
            best, high = made, middle
        else:
            low = middle
    return best


def _pruned(network: Any, inputs: tuple[Any, ...], ratio: float) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch_pruning

        made = copy.deepcopy(network).eval()
        last = [part for part in made.modules() if isinstance(part, nn.Linear)][-1]
        torch_pruning.pruner.MagnitudePruner(
            made, inputs, importance=torch_pruning.importance.GroupMagnitudeImportance(p=2), pruning_ratio=ratio,
            ignored_layers=[last], round_to=8,
        ).step()  # fmt: skip
    return made
