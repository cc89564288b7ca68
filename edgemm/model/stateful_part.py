"""What parts have in common whose states are values of their own: open sizes, several signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from edgemm.card import ModelCard
from edgemm.lifecycle import Lifecycle, Lock
from edgemm.model.part import Part, Snapshot
from edgemm.tensors import TensorSpec


class States(Protocol):
    """What is remembered between two steps. Exists so that a part need not know how."""

    @property
    def given(self) -> set[str]:
        """Names of those that a step gave."""

    def kept(self) -> dict[str, Any]:
        """Their values, which no later step changes."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of them."""

    def take_back(self, kept: Mapping[str, Any], given: Iterable[str]) -> None:
        """What `kept` and `given` were."""

    def reorder(self, rows: Sequence[int]) -> None:
        """Rows of the first dimension, in this order."""

    def reset(self, names: Iterable[str] | None = None) -> None:
        """To the start, all or those of these names."""


class StatefulPart(Part):
    """See `Part`. Whoever derives from it sets `_states`, and `_form` where states are not those of `Part`."""

    _states: States

    def __init__(
        self,
        card: ModelCard,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        lock: Lock,
    ) -> None:
        super().__init__(card, inputs, outputs)
        self._lock = lock
        self._life = Lifecycle("the part", "begin a new one of its model")
        self._held: dict[str, npt.NDArray[Any]] = {}

    def snapshot(self) -> Snapshot:
        """What is remembered now, in values that no step changes; see `Part.snapshot`."""
        self._life.check()
        return Snapshot(self._states.kept(), frozenset(self._states.given), self._form)

    def states(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of what is remembered; of one row where a state is at its start. See `Part.states`."""
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
            self._held_changed()

    def close(self) -> None:
        """Lets go of what is remembered and held; may be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._lock:
            self._states.reset()
            self._held.clear()

    def _held_changed(self) -> None:
        """Something is held, or nothing any more."""
