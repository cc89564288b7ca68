"""LSTM, GRU and RNN, step by step, as ONNX defines them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgemm.quantize.aware.operators.call import Call
from edgemm.quantize.aware.rounding import dynamic

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
DEFAULTS = {"GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh"), "RNN": ("tanh",)}
State = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class _Options:
    before_reset: bool
    rows: bool

    def seen(self, state: Tensor) -> Tensor:
        """A state as the product with stored weights reads it."""
        return dynamic(state, rows=True) if self.rows else state


def _seen(source: Tensor, call: Call) -> Tensor:
    return dynamic(source, rows=True) if call.rows else source


def recurrent(call: Call) -> tuple[Tensor, ...]:
    """Y [steps, directions, batch, units], Y_h, and Y_c of an LSTM."""
    direction = call.text("direction", "forward")
    ways = {"bidirectional": (False, True), "reverse": (True,)}.get(direction, (False,))
    found = [_direction(call, index, backwards=way) for index, way in enumerate(ways)]
    states = torch.stack([each[0] for each in found], dim=1)
    last = [torch.stack(parts) for parts in zip(*(each[1] for each in found), strict=True)]
    return (states, *last)


def _direction(call: Call, index: int, *, backwards: bool) -> tuple[Tensor, State]:
    kind = call.node.op_type
    source, inner, outer = call[0], call[1][index], call[2][index]
    rows = outer.shape[0]
    units = rows // GATES[kind]
    biases = call[3][index] if call.has(3) else source.new_zeros(2 * rows)
    first = call[5][index] if call.has(5) else source.new_zeros(source.shape[1], units)
    state: State = (first,)
    if kind == "LSTM":
        state = (first, call[6][index] if call.has(6) else torch.zeros_like(first))
    functions = _functions(call, index)
    places = range(source.shape[0])
    told: dict[int, Tensor] = {}
    projected = torch.matmul(_seen(source, call), inner.T) + biases[:rows]
    step = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}[kind]
    options = _Options(bool(call.integer("linear_before_reset", 0)), call.rows)
    for place in reversed(places) if backwards else places:
        state = step(projected[place], outer, biases[rows:], state, functions, options)
        told[place] = state[0]
    return torch.stack([told[place] for place in places]), state


def _functions(call: Call, index: int) -> list[Callable[[Tensor], Tensor]]:
    given = call.node.attributes.get_strings("activations", None)
    default = DEFAULTS[call.node.op_type]
    names = [each.lower() for each in given][index * len(default) :][: len(default)] if given else default
    return [FUNCTIONS[name] for name in names]


def _lstm(
    now: Tensor,
    outer: Tensor,
    bias: Tensor,
    state: State,
    functions: list[Callable[[Tensor], Tensor]],
    options: _Options,
) -> State:
    gates = now + torch.matmul(options.seen(state[0]), outer.T) + bias
    enter, leave, forget, cell = gates.chunk(4, dim=-1)
    opened, shaped, shown = functions
    memory = opened(forget) * state[1] + opened(enter) * shaped(cell)
    return opened(leave) * shown(memory), memory


def _gru(
    now: Tensor,
    outer: Tensor,
    bias: Tensor,
    state: State,
    functions: list[Callable[[Tensor], Tensor]],
    options: _Options,
) -> State:
    units = outer.shape[0] // 3
    opened, shaped = functions
    fixed = (
        now[..., : 2 * units] + torch.matmul(options.seen(state[0]), outer[: 2 * units].T) + bias[: 2 * units]
    )
    update, reset = opened(fixed).chunk(2, dim=-1)
    if options.before_reset:
        held = reset * (torch.matmul(options.seen(state[0]), outer[2 * units :].T) + bias[2 * units :])
    else:
        held = torch.matmul(options.seen(reset * state[0]), outer[2 * units :].T) + bias[2 * units :]
    fresh = shaped(now[..., 2 * units :] + held)
    return ((1.0 - update) * fresh + update * state[0],)


def _rnn(
    now: Tensor,
    outer: Tensor,
    bias: Tensor,
    state: State,
    functions: list[Callable[[Tensor], Tensor]],
    options: _Options,
) -> State:
    return (functions[0](now + torch.matmul(options.seen(state[0]), outer.T) + bias),)


RECURRENT_LAYERS: dict[str, Callable[[Call], tuple[Tensor, ...]]] = dict.fromkeys(GATES, recurrent)
