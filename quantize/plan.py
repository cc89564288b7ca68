"""The plan: for one graph and one target, what is integer and on which grid.

Two writers write it, ONNX QDQ and TFLite; neither decides anything about numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from edgemm.quantize.grid import Grid, Range
from edgemm.quantize.target import Target


class Precision(Enum):
    """How one operator computes."""

    FLOAT = "float"
    INT8 = "int8"
    """Integer activations and weights."""
    DYNAMIC = "dynamic"
    """int8 weights, real activations: quantized while running by products of matrices; convolutions make their weights
    real instead."""
    HYBRID = "hybrid"
    """A convolution with int8 weights that quantizes its activations while running, as products of matrices do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Precision of every node and grid of every integer tensor of a canonical graph.

    Keys are names of the canonical ONNX graph: node names and value names.
    """

    target: Target
    scheme: str
    """"float", "static", "dynamic", or "mixed": operators of each side by side."""
    precision: Mapping[str, Precision] = field(default_factory=dict)
    """Node name -> precision; a node that is not here is float."""
    activations: Mapping[str, Grid] = field(default_factory=dict)
    """Value name -> grid, s8 form. A value between a node and its fused activation has none:
    it is never stored."""
    weights: Mapping[tuple[str, int], Grid] = field(default_factory=dict)
    """(node name, input index) -> grid of that constant as that node sees it. Keyed by use, not by
    tensor, because one weight may serve nodes whose inputs have different scales."""
    notes: tuple[str, ...] = ()
    """Sentences about what was decided and why: "node_7 Softmax: output fixed at 1/256"."""
    beyond: Mapping[str, Range] = field(default_factory=dict)
    """Value name -> what it holds, where that goes far beyond its grid because nobody sees it: a format whose change to
    integers does not saturate has to limit it before."""

    def is_int8(self, node_name: str) -> bool:
        """True when that node computes on integers."""
        return self.precision.get(node_name) is Precision.INT8

    def is_packed(self, node_name: str) -> bool:
        """True when that node has int8 weights and takes and gives real numbers."""
        return self.precision.get(node_name) in (Precision.DYNAMIC, Precision.HYBRID)
