"""The static plan: every tensor that integer operators touch has a grid before the model runs.

Decided in this order, each step reading what the one before it left: rules (what can be integer),
groups (what must share a grid), islands (what is not worth it), grids of activations, grids of constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.excerpt import excerpt
from edgemm.quantize.addresses import address_values, computes_with
from edgemm.quantize.calibration import Calibration
from edgemm.quantize.constants import dynamic_grids, static_grids
from edgemm.quantize.divisors import divisor_values
from edgemm.quantize.fusion import fused_activation, hosts, stored_output, stored_outputs
from edgemm.quantize.grid import MAX_SCALE, Grid, Range
from edgemm.quantize.groups import Groups, group_graph, group_notes
from edgemm.quantize.islands import islands, neighbours
from edgemm.quantize.legality import RECURRENT, Form, Rule, activation_inputs, is_real, rule_of
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.steps import leads_to
from edgemm.quantize.target import Target
from edgemm.quantize.unfit import why_float

FINEST = 127.0
"""Steps of the output in one unit of the accumulator. From 256 on LiteRT's XNNPACK refuses to load a
convolution, and far beyond that an Add aborts the process; such fine steps hold no information."""

SATURATED = 4.0
"""Times the range that is kept: what goes beyond is mostly limited."""

BEYOND = 2.0**20
"""Steps from 0. LiteRT's own QUANTIZE makes int32 of what is beyond 2**31, and -1e9 becomes the largest number."""

Grids = Mapping[str, Grid]
ConstantGrids = Mapping[tuple[str, int], Grid]


def plan_static(
    model: ir.Model,
    target: Target,
    calibration: Calibration,
    refused: frozenset[str],
    notes: list[str],
    dearer: frozenset[str] = frozenset(),
) -> Plan:
    """Plans one graph.

    Args:
        calibration: every range with zero in it, and not empty.
        refused: nodes that the caller wants in float.
        notes: what was decided before.
        dearer: nodes that stay float too, since they are faster so.

    Raises:
        UnsupportedOperator: the target is integer only, and some nodes have no integer form.
    """
    nodes = {str(node.name): node for node in model.graph}
    work = _Work(model, target, calibration, dict(calibration.ranges), nodes, list(notes))
    work.apply_rules(refused, dearer)
    work.settle_groups()
    work.drop_steps()
    work.drop_islands()
    work.require_integer()
    return work.choose_grids()


@dataclass(slots=True)
class _Work:
    """A plan in the making."""

    model: ir.Model
    target: Target
    calibration: Calibration
    ranges: dict[str, Range]
    nodes: dict[str, ir.Node]
    notes: list[str]
    rules: dict[str, Rule] = field(default_factory=dict)
    """Of the nodes that are integer so far, in the graph's order; fused activations are with their hosts."""
    packed: dict[tuple[str, int], Grid] = field(default_factory=dict)
    """(node, input index) -> grid of the weights of recurrent layers, which compute with real activations."""

    def apply_rules(self, refused: frozenset[str], dearer: frozenset[str]) -> None:
        """Keeps the nodes that have an int8 form and that the caller did not name as float."""
        fused, addresses = hosts(self.model), address_values(self.model)
        divisors = divisor_values(self.model)
        formless: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            if name in fused or name in dearer or not _computes(node):
                continue
            rule, inside = rule_of(node), fused_activation(node)
            if name in refused or (inside is not None and inside.name in refused):
                self.notes.append(f"{name} {node.op_type}: float, named in float_nodes")
            elif computes_with(inside or node, addresses) or computes_with(node, addresses):
                self.notes.append(f"{name} {node.op_type}: float, it computes sizes or places")
            elif str(stored_output(node).name) in divisors:
                self.notes.append(
                    f"{name} {node.op_type}: float, it computes a divisor, or what a root or logarithm is of"
                )
            elif node.op_type in RECURRENT and not self.target.integer_only and self._pack(node):
                self.notes.append(f"{name} {node.op_type}: int8 weights, float states")
            elif rule.form is Form.FLOAT:
                formless.setdefault(node.op_type, []).append(name)
            elif reason := why_float(node, rule, self.ranges, self.calibration, self.target):
                self.notes.append(f"{name} {node.op_type}: float, {reason}")
            else:
                self.rules[name] = rule
        for op_type, names in formless.items():
            self.notes.append(f"{', '.join(names)}: float, {op_type} has no int8 form with such operands")

    def _pack(self, node: ir.Node) -> bool:
        """Stores the weights of a recurrent layer in int8; False where they are computed."""
        grids = {(str(node.name), index): grid for index, grid in dynamic_grids(node, self.target)}
        self.packed.update(grids)
        return bool(grids)

    def settle_groups(self) -> None:
        """Gives to float the nodes whose rule cannot hold beside the others', until all hold."""
        while True:
            _, broken = self._groups()
            if not broken:
                return
            for name, reason in broken.items():
                self._to_float(name, reason)

    def _groups(self) -> tuple[Groups, dict[str, str]]:
        return group_graph(self.nodes, self.rules, self.ranges, self.target, self.calibration.operands)

    def drop_islands(self) -> None:
        """Gives to float what only moves numbers between float operators."""
        inside = hosts(self.model)
        for island in islands([self.nodes[name] for name, rule in self.rules.items() if rule.moves]):
            names = {str(node.name) for node in island}
            around = {str(inside.get(str(node.name), node).name) for node in neighbours(island)} - names
            if around and not around & set(self.rules):
                for name in sorted(names):
                    self._to_float(name, "it stands between float operators only")

    def _to_float(self, name: str, reason: str) -> None:
        self.notes.append(f"{name} {self.nodes[name].op_type}: float, {reason}")
        del self.rules[name]

    def drop_steps(self) -> None:
        """Gives to float the cheap steps whose results float operators alone read, from the last to the first."""
        if self.target.integer_only:
            return
        inside = hosts(self.model)
        for name in reversed(tuple(self.rules)):
            readers = {str(inside.get(str(each.name), each).name) for each in leads_to(self.nodes[name])}
            if readers and not readers & set(self.rules):
                self._to_float(name, "float operators alone read it")

    def require_integer(self) -> None:
        """Refuses nodes left in float where the target runs integers only."""
        if not self.target.integer_only:
            return
        fused = hosts(self.model)
        left = [
            f"{name} ({node.op_type})"
            for name, node in self.nodes.items()
            if _computes(node) and name not in self.rules and name not in fused
        ]
        if left:
            reasons = "; ".join(note for note in self.notes if ": float, " in note)
            raise UnsupportedOperator(
                f"target {self.target.name} runs integers only, found {len(left)} nodes that cannot be integer: "
                f"{', '.join(left[:8])}. Replace them in the model, or choose another target ({excerpt(reasons, 400)})"
            )

    def choose_grids(self) -> Plan:
        """Grids of activations, then of constants; widened until every scale is one that runtimes accept."""
        for _ in range(len(self.nodes) + 1):
            self.settle_groups()
            groups, _ = self._groups()
            activations = self._activations(groups)
            weights, raised = self._constants(activations)
            if not self._widen(activations, weights):
                break
            self.drop_islands()
            self.require_integer()
        else:
            raise ConversionError(
                f"found no grids on which every operator's scales are within 1/{FINEST:.0f} of each other. "
                "Look for values of very different size in the calibration, or give nodes to float_nodes"
            )
        notes = [*self.notes, *group_notes(self.nodes, self.rules, groups), *raised]
        return Plan(
            self.target,
            "static",
            self._precision(),
            activations,
            {**weights, **self.packed},
            tuple(dict.fromkeys(notes)),
            self._beyond(activations),
        )

    def _beyond(self, activations: Grids) -> dict[str, Range]:
        """Values with numbers so far beyond their grid that a careless change to integers overflows."""
        whole = self.calibration.whole
        return {
            name: whole[name]
            for name, grid in activations.items()
            if name in whole and max(-whole[name].low, whole[name].high) > BEYOND * grid.scalar
        }

    def _activations(self, groups: Groups) -> dict[str, Grid]:
        touched = {
            str(value.name)
            for name, rule in self.rules.items()
            for value in (*activation_inputs(self.nodes[name], rule), *stored_outputs(self.nodes[name]))
        }
        return {name: groups.grid_of(name) for name in self.ranges if name in touched}

    def _constants(self, activations: Grids) -> tuple[dict[tuple[str, int], Grid], list[str]]:
        grids, notes = {}, []
        for name, rule in self.rules.items():
            node, sights = self.nodes[name], self.calibration.operands
            for index, grid, raised in static_grids(node, rule, activations, self.target, sights):
                grids[name, index] = grid
                if raised:
                    notes.append(f"{name} {node.op_type}: weight scales raised, so that int32 holds the sums")
        return grids, notes

    def _widen(self, activations: Grids, weights: ConstantGrids) -> bool:
        """Widens outputs that are on a finer grid than runtimes scale to; True when there were any."""
        found = False
        for name, rule in tuple(self.rules.items()):
            if rule.form is not Form.FREE:
                continue
            node = self.nodes[name]
            output = str(stored_output(node).name)
            least = accumulator_step(node, rule, activations, weights) / FINEST
            if activations[output].scalar < least * (1 - 1e-6):
                found = True
                if least > MAX_SCALE or self._is_saturated(node, least * 256):
                    self._to_float(name, f"its operands' steps are too large beside what is seen of {output}")
                    continue
                self.ranges[output] = _stretched(self.ranges[output], least * 256)
                self.notes.append(
                    f"{name} {node.op_type}: range of {output} widened, a step was under 1/{FINEST:.0f} of a product's"
                )
        return found

    def _is_saturated(self, node: ir.Node, width: float) -> bool:
        """True where what a node computes goes far beyond what is kept of it: wider steps would show nothing."""
        value = node.outputs[0]
        whole = self.calibration.whole.get(str(value.name), self.ranges[str(value.name)])
        kept = self.ranges[str(stored_output(node).name)]
        return whole.width > SATURATED * kept.width and width > SATURATED * kept.width

    def _precision(self) -> dict[str, Precision]:
        inside, packed = hosts(self.model), {name for name, _ in self.packed}
        precision = {}
        for name, node in self.nodes.items():
            host = str(inside.get(name, node).name)
            if name in packed:
                precision[name] = Precision.DYNAMIC
            else:
                precision[name] = Precision.INT8 if host in self.rules else Precision.FLOAT
        return precision


def _computes(node: ir.Node) -> bool:
    """True when real numbers go in or out."""
    return any(is_real(value) for value in (*node.inputs, *node.outputs))


def accumulator_step(node: ir.Node, rule: Rule, activations: Grids, weights: ConstantGrids) -> float:
    """The real value of one unit of what a node computes before it rescales: a product, or an operand."""
    steps = []
    for index, value in enumerate(node.inputs):
        grid = weights.get((str(node.name), index))
        if grid is None and value is not None:
            grid = activations.get(str(value.name))
        if grid is not None and index != rule.bias:
            steps.append(float(grid.scale.max()))
    return steps[0] * steps[1] if rule.weight is not None or node.op_type == "Mul" else max(steps)


def _stretched(values: Range, width: float) -> Range:
    """The range, with zero still in it, made as wide as `width`."""
    factor = max(width / values.width, 1.0)
    return Range(values.low * factor, values.high * factor)
