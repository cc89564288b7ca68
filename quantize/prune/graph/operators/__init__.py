"""What each operator does with channels: where they begin, where they go on, where they must stay.

layers.py    convolutions, fully connected layers and matrix products
pointwise.py activations and arithmetic between tensors
shape.py     reshapes, transposes, joins, slices
window.py    pools, resizes, norms, reductions
"""

from __future__ import annotations

from collections.abc import Mapping

from edgemm.quantize.prune.graph.operators import layers, pointwise, shape, window
from edgemm.quantize.prune.graph.trace import Operator

OPERATORS: Mapping[str, Operator] = {
    **pointwise.OPERATORS,
    **layers.OPERATORS,
    **shape.OPERATORS,
    **window.OPERATORS,
}
"""Operator -> how it is read; others end the search: nothing is removed before them."""

__all__ = ["OPERATORS"]
