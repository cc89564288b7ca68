"""A loaded .tflite file of several signatures: each part steps through any of them. See `load_part`."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from edgemm.backends.backend import Coverage
from edgemm.backends.litert_entries import LitertEntries
from edgemm.card import ModelCard
from edgemm.errors import CardError
from edgemm.lifecycle import Lifecycle, never_free_in_a_child
from edgemm.model.replay import GoldenOutcome
from edgemm.model.signature_part import SignaturePart
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


class SignatureModel:
    """One artifact in LiteRT, with all its signatures.

    Holds no state. May be used from several threads, which take turns. `close()` may come from any thread and twice.
    """

    def __init__(self, artifact: Artifact, backend: LitertEntries) -> None:
        """Use `load_part`.

        Raises:
            CardError: the states or constants of the card do not fit the file.
        """
        self.artifact, self.backend = artifact, backend
        self.card = artifact.card or ModelCard(name=artifact.path.stem)
        never_free_in_a_child(backend)
        self._life = Lifecycle(f"the model {artifact.path.name}", "load it again")
        self._lock = threading.RLock()
        self.part().close()  # what does not fit is said now

    @property
    def signatures(self) -> tuple[str, ...]:
        """Their names, the one first that is run where none is asked for."""
        return tuple(self.backend.entries)

    @property
    def coverage(self) -> Coverage:
        """Not told for several signatures."""
        return self.backend.coverage

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it, in order."""
        return self.backend.delegates

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Of the first signature, as stored."""
        return next(iter(self.backend.entries.values())).inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Of the first signature, as stored."""
        return next(iter(self.backend.entries.values())).outputs

    def part(self) -> SignaturePart:
        """This model as one of several that call each other, with a state of its own; close it when done.

        Raises:
            InputError: the model is closed, or was loaded before this process was forked.
        """
        self._life.check()
        return SignaturePart(self.card, self.backend.entries, self._lock)

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the inputs that the artifact carries; see `Model.replay_goldens`.

        Raises:
            CardError: it is not opened as one model.
        """
        raise CardError(
            f"{self.artifact.path}: has several signatures: its goldens are of the first, which `edgemm.load` opens"
        )

    def close(self) -> None:
        """Frees the runtime; waits for a run that is under way. May be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._lock:
            self.backend.close()

    def __enter__(self) -> SignatureModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
