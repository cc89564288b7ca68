"""LiteRT (or tflite-runtime): .tflite models, in place.

The interpreter's own tensors are the buffers: nothing is copied that the caller does not copy. While the
graph is static the views are made once and kept, which the interpreter's `invoke()` refuses and the call
beneath it does not. A tensor without dimensions has no view, only copies: the backend keeps a number of its
own for it, written in before the run and read out after. A graph with tensors whose size is found out while it
runs may move its memory, so there every access makes a new view, and the view must be dropped before the next
`run()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.backends.backend import Coverage
from edgemm.backends.nodes import accelerated, by_xnnpack, list_nodes
from edgemm.errors import (
    DamagedArtifact,
    DelegateFailed,
    DelegateMissing,
    EdgemmError,
    InputError,
    UnsupportedVersion,
)
from edgemm.litert_runtime import LitertRuntime, find_litert
from edgemm.tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgemm.backends.backend import Shapes
    from edgemm.delegates.delegate import Delegate

RESOURCES = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
"""Operators on variables that live in the interpreter, as streaming models of Keras have them."""
REMEMBERING = frozenset(
    {
        "LSTM", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
        "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN",
    }
)  # fmt: skip
"""Operators that keep their state in a variable tensor from one run to the next."""
_STILL_VIEWED: list[Any] = []
"""Closed interpreters whose memory somebody still looks at: their delegate must outlive the view."""


def open_litert(
    payload: bytes, wanted: Delegate, threads: int, *, trial: bool = False, shapes: Shapes | None = None
) -> LitertBackend:
    """Loads a .tflite model on a delegate.

    Args:
        trial: inside the probe: load what may crash, and do not ask that it takes an operator.
        shapes: not asked, since a .tflite file says them all.

    Raises:
        MissingDependency: no runtime.
        DelegateMissing, DelegateFailed: the delegate cannot be had, fails, or takes nothing.
        DamagedArtifact, UnsupportedVersion: the model cannot be loaded.
    """
    native = _native_of(wanted, trial=trial) if wanted.libraries else None
    runtime = find_litert()

    def make() -> Any:
        return interpreter_of(runtime, payload, wanted, [native(runtime)] if native else [], threads)

    return LitertBackend(make, runtime, wanted, must_take=wanted.required and not trial)


def _native_of(wanted: Delegate, *, trial: bool) -> Callable[[LitertRuntime], Any]:
    """What makes the delegate of a runtime, out of the library that was found."""
    from edgemm.delegates.delegate_probe import refuse_what_crashes
    from edgemm.delegates.library import create, find_library

    if not trial:
        refuse_what_crashes(wanted.name)
    library = find_library(wanted)
    return lambda runtime: create(wanted, library, runtime.module.load_delegate)


def interpreter_of(
    runtime: LitertRuntime, payload: bytes, wanted: Delegate, native: list[Any], threads: int
) -> Any:
    try:
        return runtime.module.Interpreter(
            model_content=payload, num_threads=threads, experimental_delegates=native or None
        )
    except ValueError as e:  # the model; a delegate raises RuntimeError
        if "builtin opcode" in str(e):
            raise UnsupportedVersion(
                f"{runtime} is too old for the model: {first_line(e)}. "
                "Install a newer runtime, or convert again for this one"
            ) from e
        raise DamagedArtifact(f"expected a .tflite model, found: {first_line(e)}") from e
    except RuntimeError as e:
        if native:
            raise DelegateFailed(f"delegate {wanted.name}: failed in {runtime}: {first_line(e)}") from e
        raise DamagedArtifact(f"{runtime} cannot load the model: {first_line(e)}") from e


def prepared(interpreter: Any, runtime: LitertRuntime, wanted: Delegate) -> None:
    try:
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as e:
        raise _allocation_error(e, runtime, wanted) from e


def _allocation_error(error: Exception, runtime: LitertRuntime, wanted: Delegate) -> EdgemmError:
    said = str(error)
    if "edgetpu-custom-op" in said:
        return DelegateMissing(
            "the model is compiled for the Edge TPU, and runs nowhere else. "
            'Load it with delegate="edgetpu", or take the model that it was compiled from'
        )
    if "unresolved custom op" in said:
        return UnsupportedVersion(
            f"{runtime} lacks a custom operator that the model needs: {first_line(error)}"
        )
    if wanted.libraries and "DELEGATE" in said:
        return DelegateFailed(f"delegate {wanted.name}: failed in {runtime}: {first_line(error)}")
    return DamagedArtifact(f"{runtime} cannot prepare the model: {first_line(error)}")


class LitertBackend:
    """One model in one interpreter. See `edgemm.backends.backend.Backend`."""

    def __init__(
        self, make: Callable[[], Any], runtime: LitertRuntime, wanted: Delegate, *, must_take: bool
    ) -> None:
        """Args:
        make: opens the model in a new interpreter.
        """
        self.name, self.version = runtime.name, runtime.version
        interpreter = make()
        before = list_nodes(interpreter)
        operators = {node.name for node in before}
        self._has_resources = bool(operators & RESOURCES)
        self.stateful = self._has_resources or bool(operators & REMEMBERING)
        self._make, self._runtime, self._wanted = make, runtime, wanted
        prepared(interpreter, runtime, wanted)
        xnnpack = by_xnnpack(before, list_nodes(interpreter)) if before else Coverage()
        self.coverage = accelerated(before, wanted.name) if wanted.libraries else xnnpack
        if must_take and self.coverage.total and not self.coverage.delegated:
            raise DelegateFailed(
                f"delegate {wanted.name}: took none of the model's {self.coverage.total} operators. "
                f"{wanted.advice}"
            )
        names = (
            self.coverage.delegated and wanted.libraries and wanted.name,
            xnnpack.delegated and "xnnpack",
            (xnnpack.remaining or not xnnpack.total) and "cpu",
        )
        self.delegates = tuple(str(name) for name in names if name) or ("cpu",)
        self._details = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs, self.outputs = map(_specs, self._details)
        self._interpreter: Any = interpreter
        self._keep = bool(wanted.libraries)
        self._invoke: Callable[[], Any]
        self._views: tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]] | None
        self._numbers_in: dict[int, npt.NDArray[Any]]
        """Place of an input without dimensions -> what it is to be."""
        self._numbers_out: dict[int, npt.NDArray[Any]]
        self._hold_views()

    def _hold_views(self) -> None:
        native: Any = getattr(self._interpreter, "_interpreter", None)
        self._views, self._invoke = None, self._interpreter.invoke
        self._numbers_in, self._numbers_out = _numbers(self._details[0]), {}
        if not hasattr(native, "Invoke"):
            self._invoke = self._with_numbers(self._invoke)
            return
        try:
            inputs, outputs = (
                [self._interpreter.tensor(d["index"])() for d in side] for side in self._details
            )
        except (ValueError, RuntimeError):  # an output without memory yet: its size is found while running
            self._invoke = self._with_numbers(self._invoke)
            return
        self._numbers_out = _numbers(self._details[1])
        for views, numbers in ((inputs, self._numbers_in), (outputs, self._numbers_out)):
            for place, number in numbers.items():
                number[...], views[place] = views[place], number
        self._views, self._invoke = (inputs, outputs), self._with_numbers(native.Invoke)

    def input_buffer(self, index: int) -> npt.NDArray[Any]:
        """The interpreter's own tensor."""
        if self._views is not None:
            return self._views[0][index]
        return self._fresh(0, index)

    def output_buffer(self, index: int) -> npt.NDArray[Any]:
        """The interpreter's own tensor."""
        if self._views is not None:
            return self._views[1][index]
        return self._fresh(1, index)

    def _fresh(self, side: int, index: int) -> npt.NDArray[Any]:
        if self._interpreter is None:
            raise InputError("the model is closed: load it again")
        if side == 0 and index in self._numbers_in:
            return self._numbers_in[index]
        place = self._details[side][index]["index"]
        try:
            view: npt.NDArray[Any] = self._interpreter.tensor(place)()
        except ValueError as e:
            return self._empty(side, index, e)
        return view

    def _empty(self, side: int, index: int, error: ValueError) -> npt.NDArray[Any]:
        """A tensor that this run left without elements, of which the runtime makes no view."""
        details = (self._interpreter.get_input_details, self._interpreter.get_output_details)[side]()
        shape, dtype = tuple(details[index]["shape"]), details[index]["dtype"]
        if 0 not in shape:
            raise DelegateFailed(
                f"{', '.join(self.delegates)}: tensor {details[index]['name']!r} cannot be read: {first_line(error)}"
            ) from error
        return np.zeros(shape, dtype)

    def run(self) -> None:
        """One inference.

        Raises:
            DelegateFailed: an operator or the accelerator failed.
        """
        try:
            self._invoke()
        except (RuntimeError, ValueError) as e:
            if self._interpreter is None:
                raise
            raise self.failure(e) from e

    def bare_run(self) -> Callable[[], Any]:
        """See `RunsBare`."""
        return self._invoke

    def failure(self, error: Exception) -> DelegateFailed:
        """See `RunsBare`."""
        return DelegateFailed(f"{', '.join(self.delegates)}: failed while running: {first_line(error)}")

    def _with_numbers(self, invoke: Callable[[], Any]) -> Callable[[], Any]:
        """`invoke`, with what has no view written in before and read out after."""
        into = [(self._details[0][place]["index"], number) for place, number in self._numbers_in.items()]
        out_of = [(self._details[1][place]["index"], number) for place, number in self._numbers_out.items()]
        if not into and not out_of:
            return invoke
        set_tensor, get_tensor = self._interpreter.set_tensor, self._interpreter.get_tensor

        def whole() -> None:
            for place, number in into:
                set_tensor(place, number)
            invoke()
            for place, number in out_of:
                number[...] = get_tensor(place)

        return whole

    def reset(self) -> None:
        """Forgets what a stateful model remembers.

        The runtime can only clear the variables of recurrent operators, not resources: those begin anew with a new
        interpreter, which takes about a millisecond.
        """
        if self._interpreter is None:
            raise InputError("the model is closed: load it again")
        if not self._has_resources:
            if self.stateful:
                self._interpreter.reset_all_variables()
            return
        self._let_go()
        self._interpreter = self._make()
        prepared(self._interpreter, self._runtime, self._wanted)
        self._details = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._hold_views()

    def close(self) -> None:
        """Frees the interpreter once nobody looks at its tensors."""
        self._let_go()

    def _let_go(self) -> None:
        interpreter, self._interpreter = self._interpreter, None
        self._views, self._invoke, self._numbers_in, self._numbers_out = None, _closed, {}, {}
        if interpreter is not None and self._keep and not interpreter._safe_to_run():
            _STILL_VIEWED.append(interpreter)


def _closed() -> None:
    raise InputError("the model is closed: load it again")


def _numbers(details: Sequence[dict[str, Any]]) -> dict[int, npt.NDArray[Any]]:
    """A zero for each tensor without dimensions, by its place."""
    return {
        place: np.zeros((), detail["dtype"])
        for place, detail in enumerate(details)
        if not len(detail["shape"])
    }


def _specs(details: Sequence[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    names = [d["name"] for d in details]
    return tuple(
        spec_of(d, d["name"] if names.count(d["name"]) == 1 and d["name"] else f"{d['name']}:{d['index']}")
        for d in details
    )


def spec_of(detail: dict[str, Any], name: str) -> TensorSpec:
    dtype = np.dtype(detail["dtype"])
    if dtype.kind not in "biufc":
        raise UnsupportedVersion(
            f"tensor {name!r}: expected numbers, found {dtype.name}: edgemm has no route for it"
        )
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    shape = tuple(int(each) for each in detail["shape"])
    if len(scales) != 1 or dtype.kind not in "iu":
        return TensorSpec(name, shape, dtype.name)
    return TensorSpec(name, shape, dtype.name, float(scales[0]), int(zeros[0]))


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
