"""What a part of several signatures keeps between two runs, of whichever of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import StatePair
from edgemm.errors import CardError, InputError
from edgemm.model.part import checked_rows
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What one state holds."""

    spec: TensorSpec
    """Of the tensor that gave it."""
    array: Array

    def copy(self) -> _Kept:
        return _Kept(self.spec, self.array.copy())


class SharedStates:
    """States by the names of their inputs, which are one in all signatures. A signature may also only read a state, or
    only give it.

    Raises:
        CardError: a pair of the card is in no signature, grows, or is of another rank in another signature.
    """

    def __init__(self, pairs: Sequence[StatePair], entries: Mapping[str, Backend]) -> None:
        ins = [spec for backend in entries.values() for spec in backend.inputs]
        outs = [spec for backend in entries.values() for spec in backend.outputs]
        for pair in pairs:
            for name, known in ((pair.input, ins), (pair.output, outs)):
                if all(spec.name != name for spec in known):
                    raise CardError(
                        f"state {name!r} of the card is in no signature of the file, which have "
                        f"{', '.join(dict.fromkeys(spec.name for spec in known))}"
                    )
            if pair.kind == "grow":
                raise CardError(
                    f"state {pair.input!r}: expected replace or first-run where all sizes are fixed, found grow. A "
                    "cache of fixed length is replaced at each step"
                )
            ranks = {len(s.shape) for s in ins if s.name == pair.input}
            ranks |= {len(s.shape) for s in outs if s.name == pair.output}
            if len(ranks) != 1:
                raise CardError(
                    f"state {pair.input!r}: expected one number of dimensions in all signatures, found "
                    f"{', '.join(map(str, sorted(ranks)))}"
                )
        self._by_input = {pair.input: pair for pair in pairs}
        self.form = tuple(next(s for s in ins if s.name == pair.input) for pair in pairs)
        self._kept: dict[str, _Kept] = {}
        self.given: set[str] = set()
        """Of kind first-run, and given since the last reset."""

    def reset(self, names: Iterable[str] | None = None) -> None:
        """All states begin anew, or these.

        Raises:
            InputError: a name that is no state input.
        """
        wanted = set(self._by_input if names is None else names)
        if not wanted <= self._by_input.keys():
            raise InputError(
                f"states: expected some of {', '.join(sorted(self._by_input)) or 'none'}; found "
                f"{', '.join(sorted(wanted - self._by_input.keys()))}"
            )
        for name in wanted:
            self._kept.pop(name, None)
        self.given -= wanted

    def put(self, backend: Backend) -> None:
        """Before a run: the states into the inputs that this signature has.

        Raises:
            InputError: a state is longer than the signature's.
        """
        wanted = [(at, spec) for at, spec in enumerate(backend.inputs) if spec.name in self._by_input]
        for _, spec in wanted:
            if spec.name in self._kept:
                _require_room(self._kept[spec.name].spec.shape, spec)
        for at, spec in wanted:
            kept, buffer = self._kept.get(spec.name), backend.input_buffer(at)
            if kept is None:
                buffer[...] = spec.zero_point
                continue
            stored = (
                kept.array if _alike(kept.spec, spec) else spec.quantize(kept.spec.dequantize(kept.array))
            )
            if kept.array.shape != spec.shape:
                buffer[...] = spec.zero_point
                buffer = buffer[tuple(slice(size) for size in kept.array.shape)]
            buffer[...] = stored

    def take(self, backend: Backend) -> None:
        """After a run: the states out of the outputs that this signature has."""
        places = {spec.name: at for at, spec in enumerate(backend.outputs)}
        for name, pair in self._by_input.items():
            if pair.output not in places or name in self.given:
                continue
            spec, found = backend.outputs[places[pair.output]], backend.output_buffer(places[pair.output])
            old = self._kept.get(name)
            if old is not None and old.spec == spec:
                old.array[...] = found
            else:
                self._kept[name] = _Kept(spec, found.copy())
            if pair.kind == "first-run":
                self.given.add(name)

    def kept(self) -> dict[str, Any]:
        """What `take_back` takes."""
        return {name: each.copy() for name, each in self._kept.items()}

    def arrays(self) -> dict[str, Array]:
        """State input -> a copy of what it holds, as stored; at its start as the first signature that has it is fed."""
        return {
            name: self._kept[name].array.copy()
            if name in self._kept
            else np.full(spec.shape, spec.zero_point, spec.dtype)
            for name, spec in zip(self._by_input, self.form, strict=True)
        }

    def take_back(self, kept: Mapping[str, Any], given: Iterable[str]) -> None:
        """As it was when `kept` was asked."""
        self._kept, self.given = {name: each.copy() for name, each in kept.items()}, set(given)

    def reorder(self, rows: Sequence[int]) -> None:
        """Row i becomes what row `rows[i]` was.

        Raises:
            InputError: a row that is not there, or another number of them than the file has.
        """
        for name, spec in zip(self._by_input, self.form, strict=True):
            count = spec.shape[0] if spec.shape else 0
            if len(checked_rows(rows, count)) != count:
                raise InputError(
                    f"rows: expected {count}, as state {name!r} of this file has; found {len(rows)}"
                )
        for each in self._kept.values():
            each.array[...] = each.array[list(rows)]


def _require_room(shape: tuple[int, ...], spec: TensorSpec) -> None:
    """One dimension may be longer than what was kept.

    Raises:
        InputError: it would lose something, or more than one dimension differs.
    """
    differ = [(had, has) for had, has in zip(shape, spec.shape, strict=True) if had != has]
    if len(differ) > 1 or any(had > has for had, has in differ):
        raise InputError(
            f"state {spec.name!r}: expected one that fits into {list(spec.shape)} of this signature, found "
            f"{list(shape)}: a longer signature cannot be followed by a shorter one. Reset it first"
        )


def _alike(a: TensorSpec, b: TensorSpec) -> bool:
    """Both are stored on the same grid."""
    return (a.dtype, a.scale, a.zero_point) == (b.dtype, b.scale, b.zero_point)
