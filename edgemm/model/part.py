"""One network of several that call each other: a step at a time, its state kept here.

Transducers, encoders with decoders, and voices that are made sentence by sentence are drivers (`edgemm.tasks.driver`)
over parts: `encoder.step({"frames": x}).real("out")`.

`Part` is what they see. Behind it stand `fixed_part` (all sizes are in the file, buffers are made once) and `open_part`
(inputs of any length, caches that grow). `edgemm.model.load.load_part` opens a file as either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import ModelCard
from edgemm.errors import InputError
from edgemm.model.coerce import as_stored
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Feeds = Mapping[str, npt.NDArray[Any]]
"""Name of an input -> array, stored or real-valued."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a part remembered at one moment; `Part.restore` takes it back any number of times."""

    states: Mapping[str, Any]
    """Name of a state input -> what it holds, in the runtime's own form."""
    given: frozenset[str]
    """State inputs of kind first-run that were given already."""
    form: tuple[TensorSpec, ...]
    """Of the state inputs: a snapshot is of one kind of model."""


class Part(ABC):
    """One model's private state within a session of several models. One thread at a time; `close` from any.

    A context manager. Runs of several parts of one model take turns.
    """

    inputs: tuple[TensorSpec, ...]
    """-1 for an open dimension."""
    outputs: tuple[TensorSpec, ...]
    signatures: tuple[str, ...] = ("",)
    """Of the entries that the file has; "" alone where it has one."""

    def __init__(self, card: ModelCard, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        self.card = card
        """Of the file."""
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        kept = {pair.input for pair in card.states} | {
            each.name for each in card.inputs if each.value is not None
        }
        self._specs = {spec.name: spec for spec in inputs}
        self._free = tuple(name for name in self._specs if name not in kept)
        carried = {pair.output for pair in card.states}
        self._given = [(at, spec) for at, spec in enumerate(outputs) if spec.name not in carried]
        self._form = tuple(
            self._specs[pair.input] for pair in card.states if pair.input in self._specs
        )  # a name that is not there is an error of the states

    def specs(self, signature: str = "") -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Inputs and outputs of a signature.

        Raises:
            InputError: there is no such signature.
        """
        self._require_only_signature(signature)
        return self.inputs, self.outputs

    @abstractmethod
    def step(self, feeds: Feeds, signature: str = "") -> Outputs:
        """One run.

        Args:
            feeds: the inputs that are neither states, nor constants, nor held.
            signature: which entry of the file; one of `signatures`, or "" for the first.

        Returns:
            The outputs that are no states, in arrays of this part, which its next step may overwrite.

        Raises:
            InputError: names, shapes or types that do not fit, or there is no such signature.
            DelegateFailed: the accelerator failed, or sizes do not go together.
        """

    @abstractmethod
    def hold(self, feeds: Feeds) -> None:
        """Inputs that stay as they are for the steps to come, such as an encoder's answer for a whole utterance.

        Raises:
            InputError: an unknown name, or an array that does not fit.
        """

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """What is remembered now. It is not changed by what comes later; where all sizes are fixed it is a copy, else
        it costs nothing.

        Raises:
            InputError: the runtime keeps the state itself, where it cannot be read.
        """

    @abstractmethod
    def states(self) -> dict[str, npt.NDArray[Any]]:
        """State input -> what it takes at the next step, as stored; for whoever records what a part is fed with.

        Raises:
            InputError: the runtime keeps the state itself, where it cannot be read.
        """

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to what was remembered then: a beam that was not taken, a word that was withdrawn.

        Raises:
            InputError: a snapshot of another model, or the runtime keeps the state itself.
        """

    @abstractmethod
    def reorder(self, rows: Sequence[int]) -> None:
        """Beams as rows: from now on, row i of each state is what row `rows[i]` was. Rows may be repeated and left out.

        What is held stays as it is: hold it again where the number of rows changes.

        Args:
            rows: numbers of rows, from 0; as many as there are rows where the file fixes their number.

        Raises:
            InputError: no such row, another number of them than the file has, or the runtime keeps the state itself.
        """

    @abstractmethod
    def reset(self, names: Iterable[str] | None = None) -> None:
        """Forgets all states, or those of these inputs, and what is held where all are meant.

        Raises:
            InputError: a name that is no state input; or the runtime keeps the state, which is then one.
        """

    @abstractmethod
    def close(self) -> None:
        """Frees what is this part's own; may be called twice."""

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stored(self, feeds: Feeds, held: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
        """The arrays of one step as the file stores them."""
        require_mapping(feeds)
        expected = [name for name in self._free if name not in held]
        if feeds.keys() != set(expected):
            among = f" (held: {', '.join(held)})" if held else ""
            raise InputError(
                f"inputs: expected {', '.join(expected) or 'none'}{among}; found {', '.join(feeds) or 'none'}"
            )
        return {name: as_stored(each, self._specs[name]) for name, each in feeds.items()}

    def _to_hold(self, feeds: Feeds) -> dict[str, npt.NDArray[Any]]:
        """Copies of what is to be held, as the file stores it."""
        require_mapping(feeds)
        for name in feeds:
            if name not in self._free:
                raise InputError(f"hold: expected some of {', '.join(self._free) or 'none'}; found {name!r}")
        return {name: np.array(as_stored(each, self._specs[name])) for name, each in feeds.items()}

    def _check_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.form != self._form:
            raise InputError(
                f"snapshot: expected the states {_told(self._form)} of this model, found {_told(snapshot.form)}"
            )

    def _require_only_signature(self, signature: str) -> None:
        if signature not in self.signatures:
            known = ", ".join(map(repr, self.signatures))
            raise InputError(f"signature: expected one of {known}; found {signature!r}")


def _told(form: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {list(spec.shape)}" for spec in form) or "none"


def require_mapping(feeds: object) -> None:
    """Raises:
    InputError: it gives no arrays by name.
    """
    if not isinstance(feeds, Mapping):
        raise InputError(f"inputs: expected a mapping, name -> array, found {type(feeds).__name__}")


def checked_rows(rows: Sequence[int], count: int) -> list[int]:
    """Numbers of rows, of which there are `count`.

    Raises:
        InputError: none at all, or one that is not there.
    """
    found = [int(each) for each in rows]
    if not found or not all(0 <= each < count for each in found):
        raise InputError(f"rows: expected numbers from 0 to {count - 1}, at least one; found {found}")
    return found
