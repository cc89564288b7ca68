"""A loaded model whose sizes are open: it is run as a part of several, on arrays of any length. See `load_part`."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from edgemm.backends.backend import Coverage, OpenBackend
from edgemm.card import ModelCard
from edgemm.errors import CardError
from edgemm.lifecycle import Lifecycle, never_free_in_a_child
from edgemm.model.open_part import OpenPart
from edgemm.model.part import Feeds
from edgemm.model.replay import GoldenOutcome
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


class OpenModel:
    """One artifact in ONNX Runtime, its dimensions as the file leaves them.

    Holds no state. May be used from several threads, which take turns. `close()` may come from any thread and twice.
    """

    def __init__(self, artifact: Artifact, backend: OpenBackend) -> None:
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
    def coverage(self) -> Coverage:
        """What the accelerator took."""
        return self.backend.coverage

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it, in order."""
        return self.backend.delegates

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The file's inputs, -1 for an open dimension."""
        return self.backend.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The file's outputs, -1 for an open dimension."""
        return self.backend.outputs

    def part(self) -> OpenPart:
        """This model as one of several that call each other, with a state of its own; close it when done.

        Raises:
            InputError: the model is closed, or was loaded before this process was forked.
        """
        self._life.check()
        return OpenPart(self.card, self.backend, self._lock)

    def run(self, inputs: Feeds) -> dict[str, npt.NDArray[Any]]:
        """Tensors in, tensors out, states at their start; see `Model.run`.

        Raises:
            InputError: names, shapes or types that do not fit.
            DelegateFailed: sizes that do not go together, or the accelerator failed.
        """
        with self.part() as part:
            outputs = part.step(inputs)
            return {spec.name: outputs.stored(spec.name) for spec in outputs.specs}

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the inputs that the artifact carries; see `Model.replay_goldens`.

        Raises:
            CardError: it has open sizes, for which no goldens are written.
        """
        raise CardError(f"{self.artifact.path}: leaves sizes open, so that it has no goldens of its own")

    def close(self) -> None:
        """Frees the runtime; waits for a run that is under way. May be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._lock:
            self.backend.close()

    def __enter__(self) -> OpenModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
