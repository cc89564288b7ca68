"""Cuts a graph at named tensors: values inside become its outputs, or its inputs; what is not needed goes.

Cut(outputs=("features",)).apply(model)                     all that "features" is computed from
Cut(outputs=("scores",), inputs=("features",)).apply(model)    what is between the two
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.choices import hint
from edgemm.converters.importers.tensor_types import give_types
from edgemm.errors import InputError
from edgemm.quantize.names import unused_name

SHOWN = 6
"""Names in a message."""
MADE_BY = "edgemm.made_by"
"""Key of a graph's `meta`: operators of the file that it was drawn of -> the names of the tensors that they make."""
HOW = "Give the name of a tensor, or of a node as --explain prints it"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a graph is cut."""

    outputs: tuple[str, ...] = ()
    """Tensors that the part gives, or nodes whose first output it gives; () for the model's outputs. A node that was
    drawn for an operator of a .tflite file stands for that operator, its fused activation included."""
    inputs: tuple[str, ...] = ()
    """All tensors that the part takes; () for those of the model's inputs that the outputs need."""

    def __bool__(self) -> bool:
        return bool(self.outputs or self.inputs)

    def to_dict(self) -> dict[str, list[str]]:
        """For the card's history."""
        said = {"inputs": self.inputs, "outputs": self.outputs}
        return {name: list(names) for name, names in said.items() if names}

    def apply(
        self, model: ir.Model, shapes: Mapping[str, Sequence[int]] | None = None
    ) -> dict[str, Sequence[int]]:
        """Cuts, in place.

        Args:
            shapes: sizes of the model's inputs and of the new ones, by name, where the file leaves them open.

        Returns:
            `shapes` without those of inputs that went.

        Raises:
            InputError: there is no such tensor, an input is not needed, or an output needs more inputs.
        """
        graph, before = model.graph, {str(value.name) for value in model.graph.inputs}
        names = _Names(graph)
        ends = [names.find(name, "--outputs") for name in self.outputs] or list(graph.outputs)
        starts = list(dict.fromkeys(names.find(name, "--inputs") for name in self.inputs))
        _require_between(starts, ends)
        give_types(model, [*starts, *ends], shapes or {})
        graph.outputs.clear()
        graph.outputs.extend(ends)
        if starts:
            _require_covered(graph, _begin(graph, starts))
        _remove_unneeded(graph)
        gone = before - {str(value.name) for value in graph.inputs}
        return {name: shape for name, shape in (shapes or {}).items() if name not in gone}


def _require_between(starts: Sequence[ir.Value], ends: Sequence[ir.Value]) -> None:
    """Something is computed between the inputs and the outputs."""
    if all(value in starts or value.is_graph_input() for value in ends):
        names = ", ".join(str(value.name) for value in ends)
        raise InputError(
            f"output {names}: it would be an input of the part that is left, with nothing computed between. Name a "
            "tensor behind it with --outputs, or one before it with --inputs"
        )


class _Names:
    """The tensors of a graph by their names, and by those of the nodes that write them."""

    def __init__(self, graph: ir.Graph) -> None:
        self.values: dict[str, ir.Value] = {}
        self.nodes: dict[str, ir.Value] = {}
        self.inside: dict[str, ir.Node] = {}
        self.operators: dict[str, str] = graph.meta.get(MADE_BY, {})
        for value in (*graph.inputs, *graph.initializers.values()):
            self.values[str(value.name)] = value
        for node in graph:
            for value in node.outputs:
                if value.name:
                    self.values[value.name] = value
            first = next((value for value in node.outputs if value.name), None)
            if first is not None:
                for name in (node.name, f"{node.op_type}_{first.name}"):
                    if name:
                        self.nodes.setdefault(name, first)
            for each in _subgraph_nodes(node):
                self.inside |= {value.name: node for value in each.outputs if value.name}

    def find(self, name: str, option: str) -> ir.Value:
        """The tensor of that name, else the first one of the node of that name."""
        found = self.values.get(name) or self._made_by(name) or self.nodes.get(name)
        if found is not None:
            return found
        if name in self.inside:
            node = self.inside[name]
            raise InputError(
                f"{option} {name}: it is inside a branch or loop of node {node.name!r} ({node.op_type}), where a "
                f"graph cannot be cut. Name an output of that node: {_listed(node.outputs)}"
            )
        near = hint(name, self.values) or hint(name, self.nodes) or f"; {self._beginnings(name)}"
        raise InputError(f"{option} {name}: the model has no tensor and no node of that name{near} {HOW}")

    def _made_by(self, name: str) -> ir.Value | None:
        """What the operator of that name makes, or the one that the node of that name was drawn for."""
        at = next((at for at in self.operators if name == at or name.startswith(f"{at}_")), None)
        return None if at is None else self.values.get(self.operators[at])

    def _beginnings(self, name: str) -> str:
        """Names that share something with the one given, else the last ones of the graph."""
        last = name.rpartition("/")[2].partition(":")[0]
        alike = [each for each in self.values if last and last.lower() in each.lower()]
        shown = alike or list(self.values)
        return f"it has {', '.join(shown[-SHOWN:])}{' and others' if len(shown) > SHOWN else ''}."


def _subgraph_nodes(node: ir.Node) -> Iterator[ir.Node]:
    """All nodes in the branches and loop bodies of a node."""
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield from attribute.as_graph().all_nodes()
        elif attribute.type == ir.AttributeType.GRAPHS:
            for graph in attribute.as_graphs():
                yield from graph.all_nodes()


def _begin(graph: ir.Graph, starts: Sequence[ir.Value]) -> list[ir.Value]:
    """The values become the inputs of the graph, before those that it has; a constant is one no more."""
    fresh = [_as_input(graph, value) for value in starts]
    others = [value for value in graph.inputs if value not in fresh]
    graph.inputs.clear()
    graph.inputs.extend([*fresh, *others])
    return fresh


def _as_input(graph: ir.Graph, value: ir.Value) -> ir.Value:
    if value.is_graph_input() and not value.is_initializer():
        return value
    new = ir.Value(name=value.name, shape=value.shape, type=value.type)
    if value.is_initializer():
        del graph.initializers[str(value.name)]
        if value.is_graph_input():
            graph.inputs.remove(value)
    value.replace_all_uses_with(new, replace_graph_outputs=True)
    taken = {each.name for node in graph for each in node.outputs} | set(graph.initializers)
    value.name = unused_name(f"{value.name}_before_the_cut", taken)
    return new


def _needed(graph: ir.Graph) -> tuple[set[ir.Node], set[ir.Value]]:
    """The nodes that the outputs are computed by, and all values that are read on the way."""
    own = set(graph)
    nodes: set[ir.Node] = set()
    values: set[ir.Value] = set()
    waiting: list[ir.Value] = list(graph.outputs)
    while waiting:
        value = waiting.pop()
        if value in values:
            continue
        values.add(value)
        node = value.producer()
        if node is not None and node in own and node not in nodes:
            nodes.add(node)
            waiting.extend(_read_by(node))
    return nodes, values


def _read_by(node: ir.Node) -> Iterable[ir.Value]:
    """What a node reads, its branches and loop bodies included."""
    for each in (node, *_subgraph_nodes(node)):
        yield from (value for value in each.inputs if value is not None)


def _require_covered(graph: ir.Graph, starts: Sequence[ir.Value]) -> None:
    """The outputs are computed from these inputs alone, and from all of them.

    Raises:
        InputError: they are not.
    """
    _, values = _needed(graph)
    missing = [value for value in graph.inputs if value in values and _is_open(value, starts)]
    if missing:
        raise InputError(
            f"--inputs: the outputs also need {_listed(missing)}. Name {_them(missing)} among "
            "the inputs, or cut further back"
        )
    idle = [value for value in starts if value not in values]
    if idle:
        raise InputError(
            f"--inputs {_listed(idle)}: the outputs {_listed(graph.outputs)} do not need "
            f"{_them(idle)} once the graph is cut there. Leave {_them(idle)} out"
        )


def _is_open(value: ir.Value, starts: Sequence[ir.Value]) -> bool:
    """An input of the model that was not named, and that has no default."""
    return value not in starts and not value.is_initializer()


def _remove_unneeded(graph: ir.Graph) -> None:
    """Nodes, constants and inputs that no output needs."""
    nodes, values = _needed(graph)
    for node in reversed([each for each in graph if each not in nodes]):
        graph.remove(node, safe=True)
    for value in [each for each in graph.inputs if each not in values]:
        graph.inputs.remove(value)
    for name in [name for name, value in graph.initializers.items() if value not in values]:
        del graph.initializers[name]


def _them(values: Sequence[ir.Value]) -> str:
    return "it" if len(values) == 1 else "them"


def _listed(values: Iterable[ir.Value]) -> str:
    return ", ".join(str(value.name) for value in values)
