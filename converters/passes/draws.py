"""Refuses networks that draw random numbers, whose output is not determined by their inputs."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, input_of
from edgemm.errors import UnsupportedOperator

DRAWS = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
"""Operators that answer differently each time."""


def refuse_draws(model: ir.Model) -> int:
    """Refuses what draws random numbers that an output depends on, Dropout in training mode among it.

    Precondition: constants are folded, so that a draw of which only the shape is used is read by nobody.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: there is such a node.
    """
    for node in _needed(model):
        if node.domain == "" and node.op_type in DRAWS:
            raise UnsupportedOperator(
                f"node {node.name!r} ({node.op_type}) draws random numbers: two runs differ, and what a file answers "
                "cannot be compared. Make the noise an input of the model: an argument of forward() for the caller"
            )
        if node.domain == "" and node.op_type == "Dropout" and _trains(node):
            raise UnsupportedOperator(
                f"node {node.name!r} (Dropout) is in training mode, which draws random numbers. Export the model for "
                "inference (module.eval() in torch); for Monte Carlo dropout make the mask an input of the model"
            )
    return 0


def _needed(model: ir.Model) -> list[ir.Node]:
    """The nodes that an output depends on, in the graph's order; subgraphs are gone."""
    wanted: set[ir.Value | None] = set(model.graph.outputs)
    found = []
    for node in reversed(list(model.graph)):
        if wanted.intersection(node.outputs):
            found.append(node)
            wanted.update(node.inputs)
    return found[::-1]


def _trains(node: ir.Node) -> bool:
    training, ratio = input_of(node, 2), input_of(node, 1)
    if training is None:
        return False
    known, share = array_of(training), array_of(ratio)
    return (known is None or bool(known)) and not (share is not None and float(share) == 0.0)
