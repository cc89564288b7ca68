"""ONNX Runtime: models whose dimensions are open, run on values that it made itself or was lent.

What a run gives stays where the runtime put it until somebody reads it, and can be an input of the next run: a cache
that grows is never copied between two steps. A value is never written to again, so that it may be kept for as long as
somebody likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.ort import described, ready_session, said_by, taken
from edgemm.delegates.delegate import Delegate
from edgemm.errors import DelegateFailed, InputError
from edgemm.onnx_runtime import onnx_runtime


def open_ort_values(payload: bytes, wanted: Delegate, threads: int, *, trial: bool = False) -> OrtOpenBackend:
    """Loads an .onnx or .ort model on an execution provider, with the CPU behind it.

    Raises:
        MissingDependency, MachineShortage, DelegateMissing, DelegateFailed, DamagedArtifact, UnsupportedVersion: as
            `edgemm.backends.ort.open_ort`.
    """
    version, session = ready_session(payload, wanted, threads)
    return OrtOpenBackend(session, version, wanted, must_take=wanted.required and not trial)


class OrtOpenBackend:
    """One model in one session. See `edgemm.backends.backend.OpenBackend`."""

    name = "onnxruntime"

    def __init__(self, session: Any, version: str, wanted: Delegate, *, must_take: bool) -> None:
        self.version = version
        self.inputs, self.outputs = described(session, _open_shape)
        self.coverage, self.delegates = taken(session, wanted, must_take=must_take)
        self.rows: Mapping[str, str] = {
            each.name: str(each.shape[0])
            for each in session.get_inputs()
            if each.shape and not isinstance(each.shape[0], int)
        }
        self._names = [spec.name for spec in self.outputs]
        self._session = session
        self._lend = onnx_runtime().OrtValue.ortvalue_from_numpy

    def value(self, array: npt.NDArray[Any]) -> Any:
        """A value over the array's own memory, where that lies as the runtime needs it, else over a copy."""
        return self._lend(np.require(array, requirements=("C", "A")))

    def array(self, value: Any) -> npt.NDArray[Any]:
        """What a value holds; not to be written to."""
        found: npt.NDArray[Any] = value.numpy()
        return found

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """One inference on a value for each input.

        Raises:
            DelegateFailed: sizes that the model does not take together; an operator or the accelerator failed.
        """
        if self._session is None:
            raise InputError("the model is closed: load it again")
        try:
            found: list[Any] = self._session.run_with_ort_values(self._names, values)
        except Exception as e:  # its errors have no other common base
            raise DelegateFailed(f"{', '.join(self.delegates)}: failed while running: {said_by(e)}") from e
        return found

    def close(self) -> None:
        """Frees the session; values that somebody still holds stay valid."""
        self._session = None


def _open_shape(argument: Any, side: str) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in argument.shape)
