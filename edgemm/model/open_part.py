"""A part whose sizes the file leaves open: inputs of any length, caches that grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import OpenBackend
from edgemm.card import ModelCard
from edgemm.errors import CardError, InputError
from edgemm.lifecycle import Lock
from edgemm.model.open_state import OpenStates
from edgemm.model.part import Feeds
from edgemm.model.stateful_part import StatefulPart
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


class OpenPart(StatefulPart):
    """One model of open sizes. See `Part`."""

    def __init__(self, card: ModelCard, backend: OpenBackend, lock: Lock) -> None:
        """Use `OpenModel.part()`.

        Raises:
            CardError: states or constants that do not fit the file.
        """
        super().__init__(card, backend.inputs, backend.outputs, lock)
        self._backend = backend
        self._states: OpenStates = OpenStates(card.states, backend)
        self._constants = constant_arrays(card, self._specs)
        self._fixed: dict[str, Any] = {}
        """Values of what is held and of the constants."""
        self._held_changed()

    def step(self, feeds: Feeds, signature: str = "") -> Outputs:
        """One run; see `Part.step`. The outputs are in memory of their own, which no later step overwrites."""
        self._life.check()
        self._require_only_signature(signature)
        fed = {
            name: np.require(each, requirements=("C", "A"))
            for name, each in self._stored(feeds, self._held).items()
        }
        backend = self._backend
        with self._lock:
            self._life.check()  # closed while this step waited for its turn
            values = self._fixed | {name: backend.value(each) for name, each in fed.items()}
            self._states.put(values, {**self._held, **fed})
            given = backend.run(values)
            self._states.take(given)
        return Outputs(
            [spec for _, spec in self._given], _Read(backend, [given[at] for at, _ in self._given])
        )

    def hold(self, feeds: Feeds) -> None:
        """See `Part.hold`."""
        self._life.check()
        self._held |= self._to_hold(feeds)
        self._held_changed()

    def _end(self) -> None:
        super()._end()
        self._fixed.clear()

    def _held_changed(self) -> None:
        arrays = {**self._constants, **self._held}
        self._fixed = {name: self._backend.value(each) for name, each in arrays.items()}


class _Read:
    """The arrays of one step's values, each read when it is asked for."""

    def __init__(self, backend: OpenBackend, values: Sequence[Any]) -> None:
        self._backend, self._values = backend, values
        self._arrays: dict[int, npt.NDArray[Any]] = {}

    def __call__(self, place: int) -> npt.NDArray[Any]:
        if place not in self._arrays:
            self._arrays[place] = self._backend.array(self._values[place])
        return self._arrays[place]


def constant_arrays(card: ModelCard, specs: Mapping[str, TensorSpec]) -> dict[str, npt.NDArray[Any]]:
    """Inputs that never change, as the card gives them; one that leaves a size open has 1 there.

    Raises:
        CardError: an input that is not in the file, or a number that its tensor cannot hold.
    """
    found: dict[str, npt.NDArray[Any]] = {}
    for each in card.inputs:
        if each.value is None:
            continue
        spec = specs.get(each.name)
        if spec is None:
            raise CardError(
                f"input {each.name!r} of the card is not in the file, which has {', '.join(specs)}"
            )
        shape = each.shape or tuple(1 if size == -1 else size for size in spec.shape)
        try:
            found[each.name] = spec.quantize(np.full(shape, each.value))
        except InputError as error:
            raise CardError(f"input {each.name!r}: value: {error}") from error
    return found
