"""One network of several that call each other: a step at a time, its state kept here.

Transducers, encoders with decoders, and voices that are made sentence by sentence are drivers (`edgemm.tasks.driver`)
over parts: `encoder.step({"frames": x}).real("out")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.model.coerce import as_stored
from edgemm.model.sessions import Engine, Runs
from edgemm.session import NO_CLOCK
from edgemm.tasks.outputs import Outputs

Feeds = Mapping[str, npt.NDArray[Any]]
"""Name of an input -> array, stored or real-valued."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a part remembered at one moment; `Part.restore` takes it back any number of times."""

    states: Mapping[str, npt.NDArray[Any]]
    """Name of a state input -> what it holds, as stored."""


class Part:
    """One model's private state within a session of several models. One thread at a time; `close` from any."""

    def __init__(self, engine: Engine) -> None:
        """Use `Model.part()`."""
        card, backend = engine.card, engine.backend
        self._runs = Runs(engine, "the part")
        self._specs = {spec.name: (at, spec) for at, spec in enumerate(backend.inputs)}
        kept = {pair.input for pair in card.states} | {
            each.name for each in card.inputs if each.value is not None
        }
        self._free = tuple(name for name in self._specs if name not in kept)
        self._held: dict[str, npt.NDArray[Any]] = {}
        carried = {pair.output for pair in card.states}
        self._given = [(at, spec) for at, spec in enumerate(backend.outputs) if spec.name not in carried]
        self._arrays: list[npt.NDArray[Any]] = [np.empty(0)] * len(self._given)
        self._outputs = Outputs([spec for _, spec in self._given], self._arrays.__getitem__)

    def step(self, feeds: Feeds) -> Outputs:
        """One run.

        Args:
            feeds: the inputs that are neither states, nor constants, nor held.

        Returns:
            The outputs that are no states, in arrays of this part, which its next step overwrites.

        Raises:
            InputError: names, shapes or types that do not fit.
            DelegateFailed: the accelerator failed.
        """
        _require_mapping(feeds)
        expected = [name for name in self._free if name not in self._held]
        if feeds.keys() != set(expected):
            held = f" (held: {', '.join(self._held)})" if self._held else ""
            raise InputError(
                f"inputs: expected {', '.join(expected) or 'none'}{held}; found {', '.join(feeds) or 'none'}"
            )
        stored = {name: as_stored(each, self._specs[name][1]) for name, each in feeds.items()}
        runs = self._runs
        with runs.lock:
            for given in (self._held, stored):
                for name, each in given.items():
                    runs.backend.input_buffer(self._specs[name][0])[...] = each
            runs.run(NO_CLOCK)
            for place, (at, _) in enumerate(self._given):
                self._keep(place, runs.backend.output_buffer(at))
        return self._outputs

    def hold(self, feeds: Feeds) -> None:
        """Inputs that stay as they are for the steps to come, such as an encoder's answer for a whole utterance.

        Raises:
            InputError: an unknown name, or an array that does not fit.
        """
        _require_mapping(feeds)
        self._runs.check()
        for name in feeds:
            if name not in self._free:
                raise InputError(f"hold: expected some of {', '.join(self._free)}; found {name!r}")
        self._held |= {name: np.array(as_stored(each, self._specs[name][1])) for name, each in feeds.items()}

    def snapshot(self) -> Snapshot:
        """What is remembered now, in arrays of its own.

        Raises:
            InputError: the runtime keeps the state itself, where it cannot be read.
        """
        self._require_states()
        return Snapshot({name: each.copy() for name, each in self._runs.state.values().items()})

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to what was remembered then: a beam that was not taken, a word that was withdrawn.

        Raises:
            InputError: a snapshot of another model, or the runtime keeps the state itself.
        """
        self._require_states()
        states = self._runs.state.values()
        if {name: each.shape for name, each in states.items()} != {
            name: each.shape for name, each in snapshot.states.items()
        }:
            raise InputError(
                f"snapshot: expected the states {', '.join(states) or 'none'} of this model, found "
                f"{', '.join(snapshot.states) or 'none'}"
            )
        for name, each in states.items():
            each[...] = snapshot.states[name]

    def reset(self, names: Iterable[str] | None = None) -> None:
        """Forgets all states, or those of these inputs, and what is held where all are meant.

        Raises:
            InputError: a name that is no state input; or the runtime keeps the state, which is then one.
        """
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


def _require_mapping(feeds: object) -> None:
    if not isinstance(feeds, Mapping):
        raise InputError(f"inputs: expected a mapping, name -> array, found {type(feeds).__name__}")
