"""Single zeros in the weights: a smaller download, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from edgemm.converters.pruning.turns import written_float
from edgemm.quantize.prune import graph
from edgemm.quantize.prune.graph.zeros import download_bytes, zeroed

NONE = (
    "what is removed are whole channels: single zeros in the weights would make the file smaller to download, but "
    "these runtimes would not run it faster"
)
"""What is said where no weight was set to zero."""


def with_zeros(pruned: graph.Pruned, fraction: float) -> tuple[graph.Pruned, str]:
    """The same with this fraction of the weights set to zero, and what is to be said of them."""
    made = zeroed(pruned.model, fraction)
    sizes = [download_bytes(written_float(model).payload) for model in (pruned.model, made.model)]
    said = (
        f"{made.zeros:,} of {made.weights:,} weights are zero: compressed for a download, the file is {sizes[1]:,} "
        f"bytes instead of {sizes[0]:,}. ONNX Runtime and LiteRT do not run it faster: they multiply by zeros as by "
        "other numbers"
    )
    return replace(pruned, model=made.model), said
