"""What a recogniser asks of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec


class Part(Protocol):
    """One network and its states: `edgemm.model.part.Part`. Exists so that drivers know no runtimes."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """-1 is an open size."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Likewise."""

    @property
    def signatures(self) -> tuple[str, ...]:
        """Of the entries that the file has; "" alone where it has one."""

    def specs(self, signature: str = "") -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Inputs and outputs of a signature."""

    def step(self, feeds: Mapping[str, npt.NDArray[Any]], signature: str = "") -> Outputs:
        """One run; the arrays are overwritten by the next one."""

    def hold(self, feeds: Mapping[str, npt.NDArray[Any]]) -> None:
        """Inputs that stay as they are for the steps to come."""

    def snapshot(self) -> Any:
        """The states."""

    def restore(self, snapshot: Any) -> None:
        """Goes back to these."""

    def reset(self) -> None:
        """Forgets the states and what is held."""

    def close(self) -> None:
        """May be called twice."""
