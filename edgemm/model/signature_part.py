"""A part over a file of several signatures: its states are shared between them by name.

A cache may be longer in one signature than in another: what is in the shorter one is the beginning of the longer one,
and the rest of it is empty. Positions are therefore counted from the front. The other way something would be lost, and
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Backend
from edgemm.card import ModelCard
from edgemm.errors import CardError, InputError
from edgemm.lifecycle import Lock
from edgemm.model.coerce import as_stored
from edgemm.model.part import Feeds, require_mapping
from edgemm.model.signature_state import SharedStates
from edgemm.model.state import Constants
from edgemm.model.stateful_part import StatefulPart
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]


class SignaturePart(StatefulPart):
    """One model of several signatures. See `Part`; a step that names none runs the first."""

    def __init__(self, card: ModelCard, entries: Mapping[str, Backend], lock: Lock) -> None:
        """Use `SignatureModel.part()`.

        Raises:
            CardError: states or constants that are in no signature, or do not fit.
        """
        first = next(iter(entries.values()))
        super().__init__(card, first.inputs, first.outputs, lock)
        self.signatures = tuple(entries)
        self._states: SharedStates = SharedStates(card.states, entries)
        self._form = self._states.form
        _check_constants(card, entries)
        self._entries = {name: _Entry(card, backend) for name, backend in entries.items()}

    def specs(self, signature: str = "") -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Inputs and outputs of a signature.

        Raises:
            InputError: there is no such signature.
        """
        backend = self._entry(signature).backend
        return backend.inputs, backend.outputs

    def step(self, feeds: Feeds, signature: str = "") -> Outputs:
        """One run of a signature; see `Part.step`."""
        self._life.check()
        require_mapping(feeds)
        entry = self._entry(signature)
        held = {name: each for name, each in self._held.items() if name in entry.free}
        expected = [name for name in entry.free if name not in held]
        if feeds.keys() != set(expected):
            among = f" (held: {', '.join(held)})" if held else ""
            raise InputError(
                f"inputs of signature {signature or self.signatures[0]!r}: expected {', '.join(expected) or 'none'}"
                f"{among}; found {', '.join(feeds) or 'none'}"
            )
        stored = {name: as_stored(each, entry.free[name]) for name, each in {**held, **feeds}.items()}
        with self._lock:
            self._life.check()  # closed while this step waited for its turn
            backend = entry.backend
            self._states.put(backend)
            for name, each in stored.items():
                backend.input_buffer(entry.places[name])[...] = each
            entry.constants.put(backend)
            backend.run()
            self._states.take(backend)
            entry.keep()
        return entry.outputs

    def hold(self, feeds: Feeds) -> None:
        """See `Part.hold`: for the signatures that have such an input."""
        self._life.check()
        require_mapping(feeds)
        for name, each in feeds.items():
            takers = [entry.free[name] for entry in self._entries.values() if name in entry.free]
            if not takers:
                known = dict.fromkeys(free for entry in self._entries.values() for free in entry.free)
                raise InputError(f"hold: expected some of {', '.join(known) or 'none'}; found {name!r}")
            fits = [spec for spec in takers if spec.takes(np.shape(each))]
            as_stored(each, (fits or takers)[0])
        self._held |= {name: np.array(each) for name, each in feeds.items()}

    def _entry(self, signature: str) -> _Entry:
        if signature:
            self._require_only_signature(signature)
        return self._entries[signature or self.signatures[0]]


class _Entry:
    """One signature: what it is fed, and arrays for what it gives."""

    def __init__(self, card: ModelCard, backend: Backend) -> None:
        self.backend = backend
        here = {spec.name for spec in backend.inputs}
        fixed = [each for each in card.inputs if each.value is not None and each.name in here]
        self.constants = Constants(fixed, backend.inputs)
        kept = {pair.input for pair in card.states} | {each.name for each in fixed}
        self.places = {spec.name: at for at, spec in enumerate(backend.inputs)}
        self.free = {spec.name: spec for spec in backend.inputs if spec.name not in kept}
        carried = {pair.output for pair in card.states}
        given = [(at, spec) for at, spec in enumerate(backend.outputs) if spec.name not in carried]
        self._given = [at for at, _ in given]
        self._arrays: list[Array] = [np.empty(0)] * len(given)
        self.outputs = Outputs([spec for _, spec in given], self._arrays.__getitem__)

    def keep(self) -> None:
        """After a run: what it gave, in arrays that no other part writes to."""
        for place, at in enumerate(self._given):
            found, room = self.backend.output_buffer(at), self._arrays[place]
            if room.shape == found.shape and room.dtype == found.dtype:
                room[...] = found
            else:
                self._arrays[place] = found.copy()


def _check_constants(card: ModelCard, entries: Mapping[str, Backend]) -> None:
    known = {spec.name for backend in entries.values() for spec in backend.inputs}
    for each in card.inputs:
        if each.value is not None and each.name not in known:
            raise CardError(
                f"input {each.name!r} of the card is in no signature of the file, which have {', '.join(sorted(known))}"
            )
