"""What a stream keeps between two runs of a model, in buffers made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import StatePair
from edgemm.errors import CardError
from edgemm.tensors import TensorSpec


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
    """`spec.dequantize` without new memory, bit for bit the same."""
    if not spec.quantized:
        real[...] = stored
        return
    np.subtract(stored, spec.zero_point, out=real, dtype=np.float32, casting="same_kind")
    np.multiply(real, np.float32(spec.scale), out=real)


class RecurrentState:
    """The state of a recurrent model: what its state outputs gave is put back into its state inputs.

    The two may be quantized differently; the state then goes through real numbers.

    Raises:
        CardError: a pair of the card names tensors that are not there, or of different shapes.
    """

    def __init__(
        self, pairs: Sequence[StatePair], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> None:
        self._places = [(_place(pair.input, inputs), _place(pair.output, outputs)) for pair in pairs]
        self._from, self._to = outputs, inputs
        for at_input, at_output in self._places:
            if inputs[at_input].shape != outputs[at_output].shape:
                raise CardError(
                    f"state: expected {inputs[at_input].name!r} and {outputs[at_output].name!r} of one shape, "
                    f"found {inputs[at_input].shape} and {outputs[at_output].shape}"
                )
        self._stored = [np.empty(inputs[at].shape, inputs[at].dtype) for at, _ in self._places]
        self.reset()

    def reset(self) -> None:
        """Real zeros."""
        for (at_input, _), stored in zip(self._places, self._stored, strict=True):
            stored[...] = self._to[at_input].zero_point

    def put(self, backend: Backend) -> None:
        """Before a run: the state into the state inputs."""
        for (at_input, _), stored in zip(self._places, self._stored, strict=True):
            backend.input_buffer(at_input)[...] = stored

    def take(self, backend: Backend) -> None:
        """After a run: the state out of the state outputs."""
        for (at_input, at_output), stored in zip(self._places, self._stored, strict=True):
            source, target = self._from[at_output], self._to[at_input]
            given = backend.output_buffer(at_output)
            same = (source.dtype, source.scale, source.zero_point) == (
                target.dtype,
                target.scale,
                target.zero_point,
            )
            stored[...] = given if same else target.quantize(source.dequantize(given))


def _place(name: str, specs: Sequence[TensorSpec]) -> int:
    names = [spec.name for spec in specs]
    if name not in names:
        raise CardError(f"state {name!r} of the card is not in the file, which has {', '.join(names)}")
    return names.index(name)
