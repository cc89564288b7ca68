"""LiteRT (or tflite-runtime): a .tflite file of several signatures in one interpreter, each a `Backend` of its own.

The weights are there once. Each signature has its own buffers, which are the interpreter's tensors; nothing is copied
that the caller does not copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Coverage
from edgemm.backends.litert import first_line, interpreter_of, prepared, spec_of
from edgemm.delegates.delegate import Delegate
from edgemm.errors import DamagedArtifact, DelegateFailed, DelegateMissing, InputError, UnsupportedVersion
from edgemm.litert_runtime import find_litert
from edgemm.tensors import TensorSpec


def open_litert_entries(payload: bytes, wanted: Delegate, threads: int) -> LitertEntries:
    """Loads a .tflite model of several signatures on the CPU.

    Raises:
        MissingDependency: no runtime.
        DelegateMissing: another delegate than the CPU.
        DamagedArtifact, UnsupportedVersion: the model cannot be loaded, or has a tensor for which there is no route.
    """
    if wanted.libraries:
        raise DelegateMissing(
            f"delegate {wanted.name}: a file of several signatures runs on the CPU. Give the file of one signature"
        )
    runtime = find_litert()
    interpreter = interpreter_of(runtime, payload, wanted, [], threads)
    prepared(interpreter, runtime, wanted)
    return LitertEntries(interpreter, runtime.name, runtime.version)


class LitertEntries:
    """The signatures of one file."""

    def __init__(self, interpreter: Any, name: str, version: str) -> None:
        self.name, self.version = name, version
        self.delegates: tuple[str, ...] = ("cpu",)
        self.coverage = Coverage()
        """Not told: the runtime lists the operators of the first signature alone."""
        self._interpreter = interpreter
        self.entries: Mapping[str, LitertEntry] = {
            str(key): LitertEntry(self, str(key), told)
            for key, told in interpreter._get_full_signature_list().items()
        }

    @property
    def interpreter(self) -> Any:
        """Raises:
        InputError: it is closed.
        """
        if self._interpreter is None:
            raise InputError("the model is closed: load it again")
        return self._interpreter

    def close(self) -> None:
        """Frees the interpreter once nobody looks at its tensors; may be called twice."""
        for each in self.entries.values():
            each.let_go()
        self._interpreter = None


class LitertEntry:
    """One signature. See `edgemm.backends.backend.Backend`; it is closed with the file."""

    stateful = False

    def __init__(self, file: LitertEntries, key: str, told: Mapping[str, Mapping[str, int]]) -> None:
        self._file, self._native = file, file.interpreter._interpreter
        self.name, self.version, self.delegates, self.coverage = (
            file.name, file.version, file.delegates, file.coverage,
        )  # fmt: skip
        self._graph = int(self._native.GetSubgraphIndexFromSignature(key))
        self._sides = tuple(
            {str(n): int(at) for n, at in told[side].items()} for side in ("inputs", "outputs")
        )
        try:
            self._native.AllocateTensors(self._graph)
        except (RuntimeError, ValueError) as error:
            raise DamagedArtifact(f"signature {key!r} cannot be prepared: {first_line(error)}") from error
        self.inputs, self.outputs = (
            tuple(self._spec(name, at) for name, at in side.items()) for side in self._sides
        )
        self._places = tuple(tuple(side.values()) for side in self._sides)
        self._views: tuple[list[npt.NDArray[Any] | None], list[npt.NDArray[Any] | None]] = (
            [self._view(at, spec) for at, spec in zip(self._places[0], self.inputs, strict=True)],
            [self._view(at, spec) for at, spec in zip(self._places[1], self.outputs, strict=True)],
        )
        self._copied = {
            place: np.zeros(spec.shape, spec.dtype)
            for place, spec in enumerate(self.inputs)
            if self._views[0][place] is None
        }

    def _spec(self, name: str, at: int) -> TensorSpec:
        detail = self._file.interpreter._get_tensor_details(at, self._graph)
        if -1 in detail["shape_signature"]:
            raise UnsupportedVersion(
                f"tensor {name!r}: expected fixed sizes, found {list(detail['shape_signature'])}: a signature of open "
                "sizes is not run. Convert it with a size for each signature"
            )
        return spec_of(detail, name)

    def _view(self, at: int, spec: TensorSpec) -> npt.NDArray[Any] | None:
        """The interpreter's tensor itself; None where there is none of it, which is then copied."""
        if spec.shape == () or 0 in spec.shape:
            return None
        try:
            view: npt.NDArray[Any] = self._native.tensor(self._file.interpreter, at, self._graph)
        except (ValueError, RuntimeError):  # its size is found while running
            return None
        return view

    def input_buffer(self, index: int) -> npt.NDArray[Any]:
        """The interpreter's own tensor, or an array that is copied into it."""
        self._check()
        view = self._views[0][index]
        return self._copied[index] if view is None else view

    def output_buffer(self, index: int) -> npt.NDArray[Any]:
        """The interpreter's own tensor, or a copy of it."""
        self._check()
        view = self._views[1][index]
        if view is not None:
            return view
        if 0 in self.outputs[index].shape:
            return np.zeros(self.outputs[index].shape, self.outputs[index].dtype)
        found: npt.NDArray[Any] = self._native.GetTensor(self._places[1][index], self._graph)
        return found

    def run(self) -> None:
        """One inference.

        Raises:
            DelegateFailed: an operator failed.
        """
        self._check()
        try:
            for place, array in self._copied.items():
                if array.size:
                    self._native.SetTensor(self._places[0][place], array, self._graph)
            self._native.Invoke(self._graph)
        except (RuntimeError, ValueError) as error:
            raise DelegateFailed(f"cpu: failed while running: {first_line(error)}") from error

    def reset(self) -> None:
        """Nothing: what remembers by itself is refused where signatures are put together."""

    def close(self) -> None:
        """Nothing: it is closed with the file."""

    def let_go(self) -> None:
        """Of the interpreter and its tensors."""
        self._views, self._native, self._copied = ([], []), None, {}

    def _check(self) -> None:
        if self._native is None:
            raise InputError("the model is closed: load it again")
