"""Structured pruning: channels, units, heads and ranks are removed, so that what is left is smaller and faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.quantize.prune.modules.pruning import Pruned, prune
    from edgemm.quantize.prune.modules.sensitivity import sensitivity
    from edgemm.quantize.prune.points import Sensitivity
    from edgemm.quantize.prune.removal import PruneReport, Removal
    from edgemm.quantize.prune.target import Target

_WHERE = {
    "PruneReport": "removal",
    "Pruned": "modules.pruning",
    "Removal": "removal",
    "Sensitivity": "points",
    "Target": "target",
    "prune": "modules.pruning",
    "sensitivity": "modules.sensitivity",
}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = ["PruneReport", "Pruned", "Removal", "Sensitivity", "Target", "prune", "sensitivity"]

__getattr__, __dir__ = lazy_names(__name__, _WHERE)
