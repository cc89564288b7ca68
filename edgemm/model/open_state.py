"""What a part of open sizes keeps between two runs: the runtime's own values, handed over and never copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import OpenBackend
from edgemm.card import StatePair
from edgemm.errors import CardError, InputError
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class _Pair:
    """One output that goes back into one input."""

    source: TensorSpec
    at_output: int
    target: TensorSpec
    once: bool
    """Given by the first run after a reset, then kept."""
    begins: tuple[int, ...]
    """Shape at the start; -1 in front for as many rows as are fed."""

    @property
    def alike(self) -> bool:
        """Both sides store it on the same grid."""
        a, b = self.source, self.target
        return (a.dtype, a.scale, a.zero_point) == (b.dtype, b.scale, b.zero_point)


class OpenStates:
    """Values of the state inputs.

    Raises:
        CardError: a pair of the card names tensors that are not there, or that do not fit each other.
    """

    def __init__(self, pairs: Sequence[StatePair], backend: OpenBackend) -> None:
        self._backend = backend
        inputs = {spec.name: spec for spec in backend.inputs}
        places = {spec.name: at for at, spec in enumerate(backend.outputs)}
        self._pairs: dict[str, _Pair] = {}
        for pair in pairs:
            for name, known, what in ((pair.input, inputs, "inputs"), (pair.output, places, "outputs")):
                if name not in known:
                    raise CardError(
                        f"state {name!r} of the card is not among the {what} of the file, which has {', '.join(known)}"
                    )
            at, target = places[pair.output], inputs[pair.input]
            source = backend.outputs[at]
            _check_fit(source, target)
            self._pairs[pair.input] = _Pair(
                source, at, target, pair.kind == "first-run", _beginning(pair, target)
            )
        self.values: dict[str, Any] = {}
        """State input -> what goes into it at the next run; nothing where it is at its start."""
        self.given: set[str] = set()
        """Of kind first-run, and given since the last reset."""
        self._rows: dict[str, tuple[int, ...]] = {}
        """State of kind first-run -> which row of what it was given each of its rows is, after `reorder`."""

    def reset(self, names: Iterable[str] | None = None) -> None:
        """All states begin anew, or these.

        Raises:
            InputError: a name that is no state input.
        """
        wanted = set(self._pairs if names is None else names)
        if not wanted <= self._pairs.keys():
            raise InputError(
                f"states: expected some of {', '.join(sorted(self._pairs)) or 'none'}; found "
                f"{', '.join(sorted(wanted - self._pairs.keys()))}"
            )
        for name in wanted:
            self.values.pop(name, None)
            self._rows.pop(name, None)
        self.given -= wanted

    def put(self, values: dict[str, Any], fed: Mapping[str, npt.NDArray[Any]]) -> None:
        """Before a run: adds the state inputs to the values.

        Args:
            fed: the arrays of the other inputs, whose rows a state has at its start.
        """
        for name, pair in self._pairs.items():
            value = self.values.get(name)
            if value is None:
                shape = pair.begins
                if shape[:1] == (-1,):
                    shape = (self._rows_fed(name, fed), *shape[1:])
                value = self._backend.value(np.full(shape, pair.target.zero_point, pair.target.dtype))
            values[name] = value

    def take(self, outputs: Sequence[Any]) -> None:
        """After a run: the state out of the state outputs."""
        for name, pair in self._pairs.items():
            if name in self.given:
                continue
            value = outputs[pair.at_output]
            if not pair.alike:
                real = pair.source.dequantize(self._backend.array(value))
                value = self._backend.value(pair.target.quantize(real))
            self.values[name] = value
            if pair.once:
                self.given.add(name)

    def kept(self) -> dict[str, Any]:
        """What `take_back` takes: nothing of it is changed by what comes later."""
        return {"values": dict(self.values), "rows": dict(self._rows)}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """State input -> what goes into it at the next run; of one row where it is at its start and that is open."""
        return {
            name: np.array(self._backend.array(self.values[name]))
            if name in self.values
            else np.full([abs(size) for size in pair.begins], pair.target.zero_point, pair.target.dtype)
            for name, pair in self._pairs.items()
        }

    def take_back(self, kept: Mapping[str, Any], given: Iterable[str]) -> None:
        """As it was when `kept` was asked."""
        self.values, self._rows, self.given = dict(kept["values"]), dict(kept["rows"]), set(given)

    def reorder(self, rows: Sequence[int]) -> None:
        """Row i becomes what row `rows[i]` was; a state at its start has no rows yet.

        Raises:
            InputError: a row that is not there, or another number of them than the file has.
        """
        from edgemm.model.part import checked_rows

        changed: dict[str, Any] = {}
        origins: dict[str, tuple[int, ...]] = {}
        for name, value in self.values.items():
            array = self._backend.array(value)
            spec = self._pairs[name].target
            count = array.shape[0] if array.ndim else 0
            found = checked_rows(rows, count)
            if spec.shape[0] not in (-1, len(found)):
                raise InputError(
                    f"rows: expected {spec.shape[0]}, as state {name!r} of this file has; found {len(found)}"
                )
            old = self._rows.get(name, tuple(range(count)))
            origins[name] = tuple(old[each] for each in found)
            if origins[name] != old:  # beams of one utterance share what the encoder said: nothing to copy
                changed[name] = self._backend.value(array[found])
        self.values |= changed
        self._rows |= {name: rows for name, rows in origins.items() if self._pairs[name].once}

    def _rows_fed(self, name: str, fed: Mapping[str, npt.NDArray[Any]]) -> int:
        """As many as the inputs have whose first dimension the file calls alike; else 1."""
        wanted = self._backend.rows.get(name)
        for other, array in fed.items():
            if self._backend.rows.get(other) == wanted and (wanted != "None" or array.ndim > 1):
                return int(array.shape[0])
        return 1


def _check_fit(source: TensorSpec, target: TensorSpec) -> None:
    both_fixed = zip(source.shape, target.shape, strict=False)
    if len(source.shape) != len(target.shape) or any(a != b and -1 not in (a, b) for a, b in both_fixed):
        raise CardError(
            f"state: expected {target.name!r} and {source.name!r} of one shape, found {list(target.shape)} and "
            f"{list(source.shape)}"
        )


def _beginning(pair: StatePair, target: TensorSpec) -> tuple[int, ...]:
    """Shape at the start."""
    opened = [at for at, size in enumerate(target.shape) if size == -1]
    axis = pair.axis
    if pair.kind == "replace":
        growing: list[int] = []
    elif axis is not None:
        if axis not in opened:
            raise CardError(
                f"state {pair.input!r}: expected an axis that the file leaves open "
                f"({', '.join(map(str, opened)) or 'it leaves none'}), found {axis} of {list(target.shape)}"
            )
        growing = [axis]
    else:
        behind = [at for at in opened if at]
        growing = behind or opened
        if len(growing) > 1:
            raise CardError(
                f"state {pair.input!r}: {len(growing)} of its dimensions are open ({list(target.shape)}): expected "
                '"axis", the one that is empty at the start'
            )
    if pair.kind == "grow" and not growing:
        raise CardError(
            f"state {pair.input!r}: expected an open dimension that can grow, found {list(target.shape)}. A cache of "
            "fixed length is replaced at each step"
        )
    shape = [0 if at in growing else size for at, size in enumerate(target.shape)]
    if -1 in shape[1:]:
        raise CardError(
            f"state {pair.input!r}: its size at the start is not known, found {list(target.shape)}. Give its shape in "
            'the card, or say "kind": "grow"'
        )
    return tuple(shape)
