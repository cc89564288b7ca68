"""LSTM, GRU and RNN: hidden units, their gates, states and projections."""

from __future__ import annotations

from typing import Any

from edgemm.quantize.prune.modules.atoms import NONE, as_channels
from edgemm.quantize.prune.modules.rules.elementwise import unknown
from edgemm.quantize.prune.modules.rules.weighted import tie_channels
from edgemm.quantize.prune.modules.values import Call, Trace, Value

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def recurrent(call: Call) -> Any:
    """A stack of layers, in one or two directions. All of them keep equally many units, each its own."""
    import torch

    kind = call.target._schema.name.partition("::")[2]
    if call.target._overloadname != "input" or not all(each.parameter for each in call.args[2]):
        return unknown(call)
    x, states, parameters, biases, layers = call.args[:5]
    directions = 2 if call.args[7] else 1
    states = list(states) if isinstance(states, tuple | list) else [states]
    each = len(parameters) // (layers * directions)
    projected = each == (5 if biases else 3)
    labels = as_channels(call.found.labels(x), -1)
    hidden, outputs = [], []
    for layer in range(layers):
        made = []
        for direction in range(directions):
            place = layer * directions + direction
            own = parameters[place * each : (place + 1) * each]
            units, given = _layer(call, kind, own, labels, biases, projected)
            hidden.append(units)
            made.append(given)
        outputs += made
        labels = torch.cat(made)[None]
    _tie_states(call, states, outputs, hidden)
    if len(hidden) > 1:
        call.found.together.append(hidden)
        if projected:
            call.found.together.append(outputs)
    stacked = [torch.stack(outputs)[:, None], torch.stack(hidden)[:, None]]
    return tuple(
        Value(real, (labels[0] if index == 0 else stacked[index - 1]).expand(real.shape))
        for index, real in enumerate(call.real)
    )


def cell(call: Call) -> Any:
    """One step of one layer, written as a loop by the network itself."""
    kind = call.target._schema.name.partition("::")[2].removesuffix("_cell")
    x, states, *parameters = call.args
    parameters = [each for each in parameters if isinstance(each, Value)]
    states = list(states) if isinstance(states, tuple | list) else [states]
    lines = as_channels(call.found.labels(x), -1)
    units, _ = _layer(call, kind, parameters, lines, len(parameters) > 2, False)
    for state in states:
        _tie_state(call, state, -1, units)
    return call.each(lambda real: Value(real, units.expand(real.shape)))


def _layer(call: Call, kind: str, own: Any, lines: Any, biases: bool, projected: bool) -> tuple[Any, Any]:
    """Labels of one layer's units, and of what it gives on (its projections, if it has them)."""
    found: Trace = call.found
    gates = _GATES[kind]
    rows = [found.row(own[0].parameter, 0, "units"), found.row(own[1].parameter, 0, "units")]
    rows += [found.axis(bias.parameter, 0) for bias in (own[2:4] if biases else ())]
    units = rows[0].reshape(gates, -1)[0]
    for each in rows:
        found.atoms.tie(each.reshape(gates, -1), units[None])
    given = units
    if projected:
        given = found.row(own[-1].parameter, 0, "units")
        found.atoms.tie(found.column(own[-1].parameter, 1), units)
        found.least.append((units, len(given) + 1))  # torch takes equal sizes for a layer without projection
    found.atoms.tie(found.column(own[1].parameter, 1), given)
    tie_channels(found, lines, -1, found.column(own[0].parameter, 1))
    return units, given


def _tie_states(call: Call, states: list[Any], outputs: list[Any], hidden: list[Any]) -> None:
    for state, labels in zip(states, (outputs, hidden), strict=False):
        for place, each in enumerate(labels):
            _tie_state(call, state, place, each)


def _tie_state(call: Call, state: Value, place: int, units: Any) -> None:
    """A state that is handed in has the units that the layer has."""
    import torch

    if state.uniform:
        return
    labels = call.found.labels(state)
    lines = as_channels(labels if place < 0 else labels[place], -1)
    call.atoms.tie(torch.where(lines == NONE, 0.0, lines), units)
