"""What became of a loop: how often its body was written, and how large that is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import onnx_ir as ir

_LOOPS = "edgemm.written_out"
_OWNER = "edgemm.in_round_of"


@dataclass(frozen=True, slots=True)
class WrittenOut:
    """A loop whose rounds stand one after the other now."""

    node: str
    """Of the source, as a message names it."""
    kind: str
    """Its operator: "Loop", "Scan", "WHILE"."""
    rounds: int
    operators: int
    """That stand for all rounds together."""

    def at_most(self, operators: int) -> WrittenOut:
        """The same in a graph of so many operators: some went after the loop was written out."""
        return dataclasses.replace(self, operators=min(self.operators, operators))

    def __str__(self) -> str:
        return f"{self.node}, a {self.kind} of {self.rounds} rounds, was written out as {self.operators} operators"


def record(model: ir.Model, node: ir.Node, rounds: int, operators: int) -> None:
    """Notes in the model that a loop was written out; one in a round of another adds to that one's operators."""
    loops, owner = written_out(model), node.meta.get(_OWNER)
    for index, each in enumerate(loops):
        if owner is not None and each.node == owner:
            loops[index] = dataclasses.replace(each, operators=each.operators + operators - 1)
    if owner is None:
        loops.append(WrittenOut(f"node {node.name!r}", node.op_type, rounds, operators))
    model.meta[_LOOPS] = loops


def written_out(model: ir.Model) -> list[WrittenOut]:
    """The loops of a model that were written out, in their order."""
    return list(model.meta.get(_LOOPS, ()))


def belongs(node: ir.Node, loop: ir.Node, *, round_of: bool) -> None:
    """A node stands in a body of `loop`: in a round of it, or in a branch, in whatever round that is."""
    owner = loop.meta.get(_OWNER) or (f"node {loop.name!r}" if round_of else None)
    if owner is not None:
        node.meta[_OWNER] = owner
