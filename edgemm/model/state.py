"""What a stream keeps between two runs of a model, in buffers made once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import InputCard, StatePair
from edgemm.errors import CardError, InputError
from edgemm.preprocess.encoder import Encoder
from edgemm.tensors import TensorSpec, dequantize_into


class RealOutputs:
    """The outputs of a backend as real numbers, in arrays that the next read overwrites."""

    def __init__(self, specs: Sequence[TensorSpec]) -> None:
        self._specs = specs
        self._arrays = [_room(spec, spec.shape) for spec in specs]

    def read(self, backend: Backend) -> list[npt.NDArray[Any]]:
        """What the last run of the backend gave, in its order."""
        for index, spec in enumerate(self._specs):
            stored = backend.output_buffer(index)
            if stored.shape != self._arrays[index].shape:  # its size was found out while running
                self._arrays[index] = _room(spec, stored.shape)
            _read_real(spec, stored, self._arrays[index])
        return self._arrays


def _room(spec: TensorSpec, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.zeros(shape, np.float32 if spec.quantized else spec.dtype)


def _read_real(spec: TensorSpec, stored: npt.NDArray[Any], real: npt.NDArray[Any]) -> None:
    """Real numbers into an array that is there already."""
    if spec.quantized:
        dequantize_into(spec, stored, real)
    else:
        real[...] = stored


class RecurrentState:
    """The state of a recurrent or causal model: what its state outputs gave is put back into its state inputs.

    The two may be quantized differently; the state then goes through real numbers.

    Raises:
        CardError: a pair of the card names tensors that are not there, or of different shapes.
    """

    def __init__(
        self, pairs: Sequence[StatePair], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> None:
        grows = [pair.input for pair in pairs if pair.kind == "grow"]
        if grows:
            raise CardError(
                f"state {grows[0]!r}: expected replace or first-run where all sizes are fixed, found grow. A cache of "
                "fixed length is replaced at each step"
            )
        self._carried = [
            _carried(_place(pair.input, inputs), inputs, _place(pair.output, outputs), outputs)
            for pair in pairs
        ]
        self._names = {each.target.name for each in self._carried}
        self._once = {pair.input for pair in pairs if pair.kind == "first-run"}
        self.given: set[str] = set()
        """State inputs of kind first-run that were given since the last reset."""
        self.reset()

    def reset(self, names: Iterable[str] | None = None) -> None:
        """Real zeros in all state inputs, or in these.

        Raises:
            InputError: a name that is no state input.
        """
        wanted = set(self._names if names is None else names)
        if not wanted <= self._names:
            raise InputError(
                f"states: expected some of {', '.join(sorted(self._names)) or 'none'}; found "
                f"{', '.join(sorted(wanted - self._names))}"
            )
        for each in self._carried:
            if each.target.name in wanted:
                each.stored[...] = each.target.zero_point
        self.given -= wanted

    def values(self) -> dict[str, npt.NDArray[Any]]:
        """State input -> what goes into it at the next run, as it stores it: the arrays themselves."""
        return {each.target.name: each.stored for each in self._carried}

    def put(self, backend: Backend) -> None:
        """Before a run: the state into the state inputs."""
        for each in self._carried:
            backend.input_buffer(each.at_input)[...] = each.stored

    def take(self, backend: Backend) -> None:
        """After a run: the state out of the state outputs."""
        for each in self._carried:
            if each.target.name in self.given:
                continue
            given = backend.output_buffer(each.at_output)
            if each.real is None or each.encoder is None:
                each.stored[...] = given
                continue
            _read_real(each.source, given, each.real)
            each.encoder.write(each.real.reshape(-1), each.stored.reshape(-1))
        self.given |= self._once


@dataclass(frozen=True, slots=True, eq=False)
class _Carried:
    """One pair, and what it gave last."""

    at_input: int
    at_output: int
    source: TensorSpec
    target: TensorSpec
    stored: npt.NDArray[Any]
    """As the input stores it."""
    real: npt.NDArray[Any] | None
    """None where both sides store it alike."""
    encoder: Encoder | None


def _carried(
    at_input: int, inputs: Sequence[TensorSpec], at_output: int, outputs: Sequence[TensorSpec]
) -> _Carried:
    source, target = outputs[at_output], inputs[at_input]
    if source.shape != target.shape:
        raise CardError(
            f"state: expected {target.name!r} and {source.name!r} of one shape, "
            f"found {target.shape} and {source.shape}"
        )
    stored = np.empty(target.shape, target.dtype)
    alike = (source.dtype, source.scale, source.zero_point) == (target.dtype, target.scale, target.zero_point)
    if alike:
        return _Carried(at_input, at_output, source, target, stored, None, None)
    room, encoder = _room(source, source.shape), Encoder(target, stored.size)
    return _Carried(at_input, at_output, source, target, stored, room, encoder)


class Constants:
    """Inputs that never change, as the card gives them.

    Raises:
        CardError: a value that the tensor cannot hold.
    """

    def __init__(self, cards: Sequence[InputCard], inputs: Sequence[TensorSpec]) -> None:
        self.values = {
            card.name: _filled(card.value, inputs[_place(card.name, inputs)])
            for card in cards
            if card.value is not None
        }
        self._places = [(_place(name, inputs), stored) for name, stored in self.values.items()]

    def put(self, backend: Backend) -> None:
        """Before a run: a runtime may use the memory of an input for something else."""
        for at_input, stored in self._places:
            backend.input_buffer(at_input)[...] = stored


def _filled(value: float, spec: TensorSpec) -> npt.NDArray[Any]:
    if not spec.quantized and np.dtype(spec.dtype).kind in "iu":
        info = np.iinfo(spec.dtype)
        if not (math.isfinite(value) and value == int(value) and info.min <= value <= info.max):
            raise CardError(f"input {spec.name!r}: expected a value that {spec.dtype} holds, found {value:g}")
    return spec.quantize(np.full(spec.shape, value))


def _place(name: str, specs: Sequence[TensorSpec]) -> int:
    names = [spec.name for spec in specs]
    if name not in names:
        raise CardError(f"state {name!r} of the card is not in the file, which has {', '.join(names)}")
    return names.index(name)
