"""Checked tensors into and out of a backend, by name, as the file stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import ModelCard
from edgemm.errors import CardError, InputError
from edgemm.tensors import TensorSpec

Arrays = Mapping[str, npt.NDArray[Any]]


class Ports:
    """The inputs and outputs of one backend. Lean: `model.run` is this and little else."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._inputs = tuple(
            (spec.name, index, spec.shape, np.dtype(spec.dtype)) for index, spec in enumerate(backend.inputs)
        )
        self._outputs = tuple((spec.name, index) for index, spec in enumerate(backend.outputs))

    def write(self, arrays: Arrays) -> None:
        """Copies the arrays into the input buffers.

        Raises:
            InputError: a name, shape or type that is not the file's.
        """
        if len(arrays) != len(self._inputs):
            raise self._names_differ("inputs", arrays, self._backend.inputs)
        for name, index, shape, dtype in self._inputs:
            array = arrays.get(name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
                raise self._unfit(arrays, index)
            self._backend.input_buffer(index)[...] = array

    def read(self, out: Arrays | None) -> dict[str, npt.NDArray[Any]]:
        """The outputs: into the arrays of `out`, copies where it has none.

        Raises:
            InputError: `out` has a name, shape or type that is not the file's.
        """
        backend = self._backend
        if out is None:
            return {name: backend.output_buffer(index).copy() for name, index in self._outputs}
        return {
            name: _copy(name, backend.output_buffer(index), out.get(name)) for name, index in self._outputs
        }

    def check_out(self, out: Arrays) -> None:
        """Before the run: `out` has no name that the model does not have."""
        if not out.keys() <= {name for name, _ in self._outputs}:
            raise self._names_differ("out", out, self._backend.outputs)

    def _names_differ(self, what: str, arrays: Arrays, specs: Sequence[TensorSpec]) -> InputError:
        expected, found = {spec.name for spec in specs}, set(arrays)
        parts = [
            f"{word} {', '.join(map(repr, sorted(names)))}"
            for word, names in (("missing", expected - found), ("unknown", found - expected))
            if names and not (what == "out" and word == "missing")
        ]
        return InputError(f"{what}: expected {', '.join(map(repr, sorted(expected)))}; {', '.join(parts)}")

    def _unfit(self, arrays: Arrays, index: int) -> InputError:
        spec = self._backend.inputs[index]
        if spec.name not in arrays:
            return self._names_differ("inputs", arrays, self._backend.inputs)
        found: Any = arrays[spec.name]
        if not isinstance(found, np.ndarray):
            return InputError(f"input {spec.name!r}: expected a numpy array, found {type(found).__name__}")
        hint = ""
        if spec.quantized and found.dtype.kind == "f" and found.shape == spec.shape:
            hint = f". Real numbers become stored ones with model.inputs[{index}].quantize(array)"
        return InputError(f"input {spec.name!r}: expected {_form(spec.dtype, spec.shape)}, "
                          f"found {_form(found.dtype.name, found.shape)}{hint}")  # fmt: skip


def _copy(name: str, stored: npt.NDArray[Any], out: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    if out is None:
        return stored.copy()
    if out.shape != stored.shape or out.dtype != stored.dtype or not out.flags.writeable:
        raise InputError(
            f"out {name!r}: expected a writeable {_form(stored.dtype.name, stored.shape)}, "
            f"found {_form(out.dtype.name, out.shape)}"
        )
    out[...] = stored
    return out


def _form(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}{list(shape)}"


def check_card(card: ModelCard, backend: Backend) -> None:
    """The card speaks of the tensors that are in the file.

    Raises:
        CardError: a tensor that only one of them has, or two shapes.
    """
    names = {spec.name for spec in backend.inputs}
    unknown = names - {each.name for each in card.inputs} - {pair.input for pair in card.states}
    if card.inputs and unknown:
        raise CardError(
            f"the card does not describe input {', '.join(map(repr, sorted(unknown)))} of the file"
        )
    for side, cards, specs in (
        ("input", card.inputs, backend.inputs),
        ("output", card.outputs, backend.outputs),
    ):
        shapes = {spec.name: spec.shape for spec in specs}
        for each in cards:
            if each.name not in shapes:
                raise CardError(
                    f"{side} {each.name!r} of the card is not in the file, which has {', '.join(shapes)}"
                )
            if each.shape and each.shape != shapes[each.name]:
                raise CardError(
                    f"{side} {each.name!r}: the card says shape {list(each.shape)}, the file has "
                    f"{list(shapes[each.name])}. Correct the card with `edgemm card set`"
                )
