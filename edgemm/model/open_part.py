"""A part whose sizes the file leaves open: inputs of any length, caches that grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import OpenBackend
from edgemm.card import ModelCard
from edgemm.errors import CardError, InputError
from edgemm.lifecycle import Lifecycle, Lock
from edgemm.model.open_state import OpenStates
from edgemm.model.part import Feeds, Part, Snapshot
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


class OpenPart(Part):
    """One model of open sizes. See `Part`."""

    def __init__(self, card: ModelCard, backend: OpenBackend, lock: Lock) -> None:
        """Use `OpenModel.part()`.

        Raises:
            CardError: states or constants that do not fit the file.
        """
        super().__init__(card, backend.inputs, backend.outputs)
        self._backend, self._lock = backend, lock
        self._life = Lifecycle("the part", "begin a new one of its model")
        self._states = OpenStates(card.states, backend)
        self._constants = constant_arrays(card, self._specs)
        self._held: dict[str, npt.NDArray[Any]] = {}
        self._fixed: dict[str, Any] = {}
        """Values of what is held and of the constants."""
        self._hold_again()

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
        self._hold_again()

    def snapshot(self) -> Snapshot:
        """What is remembered now, without a copy; see `Part.snapshot`."""
        self._life.check()
        return Snapshot(self._states.kept(), frozenset(self._states.given), self._form)

    def states(self) -> dict[str, npt.NDArray[Any]]:
        """What is remembered; of one row where a state is at its start. See `Part.states`."""
        self._life.check()
        return self._states.arrays()

    def restore(self, snapshot: Snapshot) -> None:
        """See `Part.restore`."""
        self._life.check()
        self._check_snapshot(snapshot)
        self._states.take_back(snapshot.states, snapshot.given)

    def reorder(self, rows: Sequence[int]) -> None:
        """See `Part.reorder`."""
        self._life.check()
        self._states.reorder(rows)

    def reset(self, names: Iterable[str] | None = None) -> None:
        """See `Part.reset`."""
        self._life.check()
        self._states.reset(names)
        if names is None:
            self._held.clear()
            self._hold_again()

    def close(self) -> None:
        """Lets go of its values; may be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._lock:
            self._states.reset()
            self._fixed.clear()

    def _hold_again(self) -> None:
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
