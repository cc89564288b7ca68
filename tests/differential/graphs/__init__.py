"""The families of graphs: name -> what builds one, and the opsets in which it can be said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.graphs import convolutions, layers, mixed, pictures, quantized, sequences
from tests.differential.graphs.builder import GraphBuilder

OPSETS = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of graph; each seed makes another."""

    build: Callable[[GraphBuilder], None]
    opsets: tuple[int, ...] = OPSETS
    dtype: str = "float32"
    """Of the weights and the noise."""
    quantized: bool = False
    """What `build` makes is then quantized by onnxruntime, and that is the source."""
    jumps: bool = False
    """Its numbers jump where others cross a limit: a rounding before it moves a few of them far."""


FROM_11, FROM_13 = OPSETS[2:], OPSETS[4:]

FAMILIES: dict[str, Family] = {
    "geometry": Family(convolutions.geometry),
    "depthwise": Family(convolutions.depthwise),
    "residual": Family(convolutions.residual),
    "branches": Family(convolutions.branches),
    "normed": Family(convolutions.normed),
    "excited": Family(convolutions.excited),
    "transposed": Family(convolutions.transposed),
    "unet": Family(convolutions.unet),
    "one_dimension": Family(convolutions.one_dimension),
    "causal": Family(convolutions.causal),
    "three_dimensions": Family(convolutions.three_dimensions),
    "pools": Family(pictures.pools),
    "global_pools": Family(pictures.global_pools),
    "resized": Family(pictures.resized, OPSETS[:12]),
    "pyramid": Family(pictures.pyramid, FROM_11),
    "padded": Family(pictures.padded),
    "shuffled": Family(pictures.shuffled),
    "activations_of_pictures": Family(layers.activations_of_pictures),
    "activations_of_rows": Family(layers.activations_of_rows),
    "perceptron": Family(layers.perceptron),
    "products": Family(layers.products),
    "classifier": Family(layers.classifier),
    "normalized_rows": Family(layers.normalized_rows),
    "arithmetic": Family(layers.arithmetic, jumps=True),
    "reductions": Family(layers.reductions),
    "recurrent": Family(sequences.recurrent),
    "words": Family(sequences.words),
    "speech": Family(sequences.speech),
    "attention": Family(sequences.attention),
    "masked_attention": Family(sequences.masked_attention),
    "detector": Family(mixed.detector),
    "moves": Family(mixed.moves),
    "shapes_computed": Family(mixed.shapes_computed),
    "choices": Family(mixed.choices, jumps=True),
    "picked": Family(mixed.picked),
    "types": Family(mixed.types),
    "ports": Family(mixed.ports),
    "infinite": Family(mixed.infinite, FROM_11),
    "half_pictures": Family(convolutions.residual, dtype="float16"),
    "half_rows": Family(layers.normalized_rows, dtype="float16"),
    "quantized_clipped": Family(quantized.clipped, FROM_13, quantized=True),
    "quantized_rows": Family(quantized.rows, FROM_13, quantized=True),
    "quantized_added": Family(quantized.added, FROM_13, quantized=True),
    "quantized_turned": Family(quantized.turned, FROM_13, quantized=True),
}
"""Built in ONNX directly. Those of torch are in `networks`, which imports torch."""

TORCH_FAMILIES = (
    "torch_classifier", "torch_generator", "torch_shuffled", "torch_nearest", "torch_bilinear",
    "torch_lstm", "torch_gru", "torch_words", "torch_causal", "torch_padded",
)  # fmt: skip
"""Of `networks.NETWORKS`; told here so that listing the points needs no torch."""
