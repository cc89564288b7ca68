"""A part whose sizes are all in the file: buffers are made once, and a step allocates nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.model.part import Feeds, Part, Snapshot, checked_rows
from edgemm.model.sessions import Engine, Runs
from edgemm.session import NO_CLOCK
from edgemm.tasks.outputs import Outputs


class FixedPart(Part):
    """One model of fixed sizes. See `Part`."""

    def __init__(self, engine: Engine) -> None:
        """Use `Model.part()`."""
        backend = engine.backend
        super().__init__(engine.card, backend.inputs, backend.outputs)
        self._runs = Runs(engine, "the part")
        self._places = {spec.name: at for at, spec in enumerate(backend.inputs)}
        self._held: dict[str, npt.NDArray[Any]] = {}
        self._arrays: list[npt.NDArray[Any]] = [np.empty(0)] * len(self._given)
        self._outputs = Outputs([spec for _, spec in self._given], self._arrays.__getitem__)

    def step(self, feeds: Feeds, signature: str = "") -> Outputs:
        """One run; see `Part.step`."""
        self._require_only_signature(signature)
        stored = self._stored(feeds, self._held)
        runs = self._runs
        with runs.lock:
            for given in (self._held, stored):
                for name, each in given.items():
                    runs.backend.input_buffer(self._places[name])[...] = each
            runs.run(NO_CLOCK)
            for place, (at, _) in enumerate(self._given):
                self._keep(place, runs.backend.output_buffer(at))
        return self._outputs

    def hold(self, feeds: Feeds) -> None:
        """See `Part.hold`."""
        self._runs.check()
        self._held |= self._to_hold(feeds)

    def snapshot(self) -> Snapshot:
        """What is remembered now, in arrays of its own; see `Part.snapshot`."""
        self._require_states()
        return Snapshot(self.states(), frozenset(self._runs.state.given), self._form)

    def states(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of what is remembered; see `Part.states`."""
        self._require_states()
        return {name: each.copy() for name, each in self._runs.state.values().items()}

    def restore(self, snapshot: Snapshot) -> None:
        """See `Part.restore`."""
        self._require_states()
        self._check_snapshot(snapshot)
        state = self._runs.state
        for name, each in state.values().items():
            each[...] = snapshot.states[name]
        state.given = set(snapshot.given)

    def reorder(self, rows: Sequence[int]) -> None:
        """See `Part.reorder`."""
        self._require_states()
        values = self._runs.state.values()
        counts = {name: each.shape[0] if each.ndim else 0 for name, each in values.items()}
        for name, count in counts.items():
            found = checked_rows(rows, count)
            if len(found) != count:
                raise InputError(
                    f"rows: expected {count}, as state {name!r} of this file has; found {len(found)}"
                )
        for each in values.values():
            each[...] = each[list(rows)]

    def reset(self, names: Iterable[str] | None = None) -> None:
        """See `Part.reset`."""
        self._runs.check()
        if names is None:
            self._held.clear()
            self._runs.reset()
            return
        self._require_states()
        self._runs.state.reset(names)

    def close(self) -> None:
        """Frees what is this part's own; may be called twice."""
        self._runs.close()

    def _require_states(self) -> None:
        self._runs.check()
        if self._runs.backend.stateful:
            raise InputError(
                "this model keeps its state in the runtime, where it cannot be read or put back: expected one whose "
                "states are inputs and outputs, as `edgemm convert --stepwise` makes them. `reset()` forgets all of it"
            )

    def _keep(self, place: int, given: npt.NDArray[Any]) -> None:
        room = self._arrays[place]
        if room.shape != given.shape or room.dtype != given.dtype:
            self._arrays[place] = given.copy()
        else:
            room[...] = given
