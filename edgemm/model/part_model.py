"""What loaded models share that are run as parts of several alone: those of open sizes, and of several signatures."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Protocol

from edgemm.backends.backend import Coverage
from edgemm.card import ModelCard
from edgemm.errors import CardError
from edgemm.lifecycle import Lifecycle, never_free_in_a_child
from edgemm.model.part import Part
from edgemm.model.replay import GoldenOutcome
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.artifact import Artifact


class Loaded(Protocol):
    """What a backend tells of itself, whatever it is run by."""

    coverage: Coverage
    delegates: tuple[str, ...]

    def close(self) -> None:
        """Frees the runtime; may be called twice."""


class PartModel(ABC):
    """One artifact in one runtime.

    Holds no state. May be used from several threads, which take turns. `close()` may come from any thread and twice.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    without_goldens: ClassVar[str]
    """Why it has none to replay."""

    def __init__(self, artifact: Artifact, loaded: Loaded) -> None:
        """Use `load_part`.

        Raises:
            CardError: the states or constants of the card do not fit the file.
        """
        self.artifact, self._loaded = artifact, loaded
        self.card = artifact.card or ModelCard(name=artifact.path.stem)
        never_free_in_a_child(loaded)
        self._life = Lifecycle(f"the model {artifact.path.name}", "load it again")
        self._lock = threading.RLock()
        self.part().close()  # what does not fit is said now

    @property
    def coverage(self) -> Coverage:
        """What the accelerator took."""
        return self._loaded.coverage

    @property
    def delegates(self) -> tuple[str, ...]:
        """What really runs it, in order."""
        return self._loaded.delegates

    @abstractmethod
    def part(self) -> Part:
        """This model as one of several that call each other, with a state of its own; close it when done.

        Raises:
            InputError: the model is closed, or was loaded before this process was forked.
        """

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the inputs that the artifact carries; see `Model.replay_goldens`.

        Raises:
            CardError: it has none; says why.
        """
        raise CardError(f"{self.artifact.path}: {self.without_goldens}")

    def close(self) -> None:
        """Frees the runtime; waits for a run that is under way. May be called twice."""
        self._life.close(self._end)

    def _end(self) -> None:
        with self._lock:
            self._loaded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
