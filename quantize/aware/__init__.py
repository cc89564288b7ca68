"""Quantization-aware training: a canonical graph in PyTorch that computes as its plan says.

Rounding after training hurts what the weights were never asked to survive. Here the graph that the writers write is
what trains: batch norm folded, activations fused, grids shared where operators need one grid, weights and biases
rounded as they are stored. What is trained goes back into the graph, and the grids go onto its values, so that the
normal planner makes the same plan again (`edgemm.converters.aware` does both ends).

Read in the order the data flows:
    sharing.py    which values are on one grid, and which of these grids may move
    rounding.py   rounding half to even that lets gradients through
    ranges.py     the grids of activations, learned or fixed
    weights.py    weights, biases and other constants on their grids
    operators/    ONNX operators in torch
    fixed_point.py, kernels.py    integer kernels that round otherwise than the plan
    network.py    the module
    trained.py    trained numbers and grids, back in the graph

Needs PyTorch (`edgemm[torch]`), which is imported by the modules of this folder and not by the folder itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.quantize.aware.network import QuantizedNetwork
    from edgemm.quantize.aware.trained import trained_graph

_WHERE = {"QuantizedNetwork": "network", "trained_graph": "trained"}
"""Public name -> module that it lives in; loaded when first asked for."""

__all__ = ["QuantizedNetwork", "trained_graph"]

__getattr__, __dir__ = lazy_names(__name__, _WHERE, needs={"torch": ("PyTorch", "torch")})
