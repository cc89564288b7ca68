"""LSTM, GRU and RNN, step by step, as ONNX defines them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgemm.quantize.aware.operators.call import Call
from edgemm.quantize.aware.rounding import dynamic_rows

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
DEFAULTS = {"GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh"), "RNN": ("tanh",)}
State = tuple[Tensor, ...]
"""The hidden state, and an LSTM's memory: each [batch, units]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """The weights and functions of one direction; calls give the next state."""

    kind: str
    inner: Tensor
    """Of the inputs, [gates * units, features]."""
    outer: Tensor
    """Of the state, [gates * units, units]."""
    early: Tensor
    """Added to the inputs' share, [gates * units]."""
    late: Tensor
    """Added to the state's share."""
    functions: list[Callable[[Tensor], Tensor]]
    before_reset: bool
    stored: bool
    """As in LiteRT: weights are integers and what they are multiplied with is rounded row by row, so that sums are
    exact, and each is rounded once to float32."""

    def share(self, source: Tensor) -> Tensor:
        """The inputs' share of the gates at all steps."""
        return self._product(source, self.inner) + self.early

    def held(self, state: Tensor, part: slice = slice(None)) -> Tensor:
        """The state's share of some gates."""
        return self._product(state, self.outer[part]) + self.late[part]

    def _product(self, source: Tensor, weights: Tensor) -> Tensor:
        if not self.stored:
            return torch.matmul(source, weights.T)
        return torch.matmul(dynamic_rows(source).double(), weights.T.double()).float()

    def __call__(self, now: Tensor, state: State) -> State:
        return STEPS[self.kind](self, now, state)


def recurrent(call: Call) -> tuple[Tensor, ...]:
    """Y [steps, directions, batch, units], Y_h, and Y_c of an LSTM."""
    direction = call.text("direction", "forward")
    ways = {"bidirectional": (False, True), "reverse": (True,)}.get(direction, (False,))
    found = [_direction(call, index, backwards=way) for index, way in enumerate(ways)]
    states = torch.stack([each[0] for each in found], dim=1)
    last = [torch.stack(parts) for parts in zip(*(each[1] for each in found), strict=True)]
    return (states, *last)


def _direction(call: Call, index: int, *, backwards: bool) -> tuple[Tensor, State]:
    cell, source = _cell(call, index), call[0]
    units = cell.outer.shape[1]
    first = call[5][index] if call.has(5) else source.new_zeros(source.shape[1], units)
    state: State = (first,)
    if cell.kind == "LSTM":
        state = (first, call[6][index] if call.has(6) else torch.zeros_like(first))
    places = range(source.shape[0])
    told: dict[int, Tensor] = {}
    projected = cell.share(source)
    for place in reversed(places) if backwards else places:
        state = cell(projected[place], state)
        told[place] = state[0]
    return torch.stack([told[place] for place in places]), state


def _cell(call: Call, index: int) -> _Cell:
    kind, outer = call.node.op_type, call[2][index]
    rows, units = outer.shape
    both = call[3][index] if call.has(3) else call[0].new_zeros(2 * rows)
    before_reset = bool(call.integer("linear_before_reset", 0))
    early, late = both[:rows], both[rows:]
    if call.rows:  # one bias, but for what is reset after it was added
        inside = torch.zeros_like(late)
        if kind == "GRU" and before_reset:
            inside = torch.cat([inside[: 2 * units], late[2 * units :]])
        early, late = early + late - inside, inside
    return _Cell(kind, call[1][index], outer, early, late, _functions(call, index), before_reset, call.rows)


def _functions(call: Call, index: int) -> list[Callable[[Tensor], Tensor]]:
    given = call.node.attributes.get_strings("activations", None)
    default = DEFAULTS[call.node.op_type]
    names = [each.lower() for each in given][index * len(default) :][: len(default)] if given else default
    return [FUNCTIONS[name] for name in names]


def _lstm(cell: _Cell, now: Tensor, state: State) -> State:
    hidden, memory = state
    opened, shaped, shown = cell.functions
    enter, leave, forget, fresh = (now + cell.held(hidden)).chunk(4, dim=-1)
    memory = opened(forget) * memory + opened(enter) * shaped(fresh)
    return opened(leave) * shown(memory), memory


def _gru(cell: _Cell, now: Tensor, state: State) -> State:
    (hidden,), (opened, shaped) = state, cell.functions
    units = hidden.shape[-1]
    gates, last = slice(0, 2 * units), slice(2 * units, None)
    update, reset = opened(now[..., gates] + cell.held(hidden, gates)).chunk(2, dim=-1)
    share = reset * cell.held(hidden, last) if cell.before_reset else cell.held(reset * hidden, last)
    fresh = shaped(now[..., last] + share)
    if cell.stored:
        return (fresh + update * (hidden - fresh),)
    return ((1.0 - update) * fresh + update * hidden,)


def _rnn(cell: _Cell, now: Tensor, state: State) -> State:
    return (cell.functions[0](now + cell.held(state[0])),)


STEPS: dict[str, Callable[[_Cell, Tensor, State], State]] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
RECURRENT_LAYERS: dict[str, Callable[[Call], tuple[Tensor, ...]]] = dict.fromkeys(STEPS, recurrent)
