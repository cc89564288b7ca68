"""ONNX Runtime: .onnx models, through buffers that are bound once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.backends.backend import Coverage, Shapes
from edgemm.card import io_grids
from edgemm.delegates.delegate import Delegate
from edgemm.errors import (
    ArtifactError,
    DamagedArtifact,
    DelegateFailed,
    DelegateMissing,
    EdgemmError,
    InputError,
    UnsupportedVersion,
)
from edgemm.onnx_runtime import onnx_runtime
from edgemm.tensors import TensorSpec

NOWHERE = "/edgemm/takes/no/external/data"
OUTSIDE = ("External data", "external data", "model_path must not be empty", NOWHERE)
"""What the versions of ONNX Runtime say when a model refers to another file."""

_CPU = "CPUExecutionProvider"
_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16",
    "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(int16)": "int16", "tensor(uint16)": "uint16",
    "tensor(int32)": "int32", "tensor(uint32)": "uint32", "tensor(int64)": "int64",
    "tensor(uint64)": "uint64", "tensor(bool)": "bool",
}  # fmt: skip
_SETTINGS = {
    "session.intra_op.allow_spinning": "0",
    "session.inter_op.allow_spinning": "0",
    "session.record_ep_graph_assignment_info": "1",
    # A model must not name files on this machine: weights outside the file are looked for nowhere.
    "session.model_external_initializers_file_folder_path": NOWHERE,
}
_WHERE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : "
    r"(?:Exception during initialization: |Failed to load model with error: )?"
    r"(?:/\S+:\d+ .*?\) (?=[A-Z!]))?"
)
"""What ONNX Runtime puts before what it says: a number, and the place in its own source."""
_TOO_NEW = re.compile(
    r"IR version|opset|NOT_IMPLEMENTED|find an implementation|No Op registered|is not a registered function",
    re.IGNORECASE,
)


def open_ort(
    payload: bytes, wanted: Delegate, threads: int, *, trial: bool = False, shapes: Shapes | None = None
) -> OrtBackend:
    """Loads an .onnx model on an execution provider, with the CPU behind it.

    Args:
        trial: inside the probe: do not ask that the provider takes an operator.
        shapes: of tensors whose shape the file leaves open, by name.

    Raises:
        MissingDependency: onnxruntime is not installed, or cannot be imported.
        MachineShortage: there was no memory or no file descriptor to load it.
        DelegateMissing, DelegateFailed: the provider cannot be had, fails, or takes nothing.
        DamagedArtifact, UnsupportedVersion: the model cannot be loaded.
    """
    version, session = ready_session(payload, wanted, threads)
    must_take = wanted.required and not trial
    return OrtBackend(session, version, wanted, must_take=must_take, shapes=shapes or {})


def ready_session(payload: bytes, wanted: Delegate, threads: int, *, profile: str = "") -> tuple[str, Any]:
    """ONNX Runtime's version, and a session of the model on this provider.

    Args:
        profile: how the path of the file begins that it writes a profile into; "" for none.

    Raises:
        MissingDependency, MachineShortage, DelegateMissing, DelegateFailed, DamagedArtifact, UnsupportedVersion: as
            `open_ort`.
    """
    ort = onnx_runtime()
    if wanted.provider not in ort.get_available_providers():
        raise DelegateMissing(
            f"delegate {wanted.name}: this ONNX Runtime {ort.__version__} was built without "
            f"{wanted.provider}. {wanted.advice}"
        )
    session = _session(ort, payload, wanted, threads, profile)
    if wanted.provider not in session.get_providers():
        raise DelegateMissing(
            f"delegate {wanted.name}: ONNX Runtime {ort.__version__} has {wanted.provider} and could not "
            f"start it, it fell back to {', '.join(session.get_providers())}. {wanted.advice}"
        )
    return str(ort.__version__), session


def _session(ort: Any, payload: bytes, wanted: Delegate, threads: int, profile: str) -> Any:
    options = ort.SessionOptions()
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # fatal: what is wrong is raised, with its text
    for key, value in _SETTINGS.items():
        options.add_session_config_entry(key, value)
    providers: list[Any] = [(wanted.provider, dict(wanted.options))]
    if wanted.provider != _CPU:
        providers.append(_CPU)
    try:
        return ort.InferenceSession(
            payload, options, providers=providers, enable_fallback=0, read_config_from_model=0
        )
    except Exception as e:  # its errors have no other common base
        raise _load_error(e, ort.__version__, wanted) from e


def _load_error(error: Exception, version: str, wanted: Delegate) -> EdgemmError:
    kind, said = type(error).__name__, said_by(error)
    if wanted.provider != _CPU and kind not in ("InvalidProtobuf", "InvalidGraph"):
        return DelegateFailed(f"delegate {wanted.name}: failed in ONNX Runtime {version}: {said}")
    if any(sign in said for sign in OUTSIDE):
        return DamagedArtifact(
            "expected all weights inside the file, found references to other files, which are not followed"
        )
    if _TOO_NEW.search(said):
        return UnsupportedVersion(
            f"ONNX Runtime {version} cannot run the model: {said}. Install a newer one, or convert with a lower --opset"
        )
    return DamagedArtifact(f"expected an .onnx model, ONNX Runtime {version} says: {said}")


def said_by(error: Exception) -> str:
    return _WHERE.sub("", str(error).strip().partition("\n")[0]).rstrip(".")


class OrtBackend:
    """One model in one session. See `edgemm.backends.backend.Backend`."""

    name = "onnxruntime"
    stateful = False

    def __init__(
        self, session: Any, version: str, wanted: Delegate, *, must_take: bool, shapes: Shapes
    ) -> None:
        self.version = version
        batches = {_batch(each) for each in session.get_inputs()} - {""}
        self.inputs, self.outputs = described(
            session, lambda argument, side: _shape(argument, side, shapes, batches)
        )
        self.coverage, self.delegates = taken(session, wanted, must_take=must_take)
        self._arrays = (
            [np.zeros(spec.shape, spec.dtype) for spec in self.inputs],
            [np.zeros(spec.shape, spec.dtype) for spec in self.outputs],
        )
        self._session, self._binding = session, session.io_binding()
        self._bind()

    def _bind(self) -> None:
        for sides, arrays, bind in (
            (self.inputs, self._arrays[0], self._binding.bind_input),
            (self.outputs, self._arrays[1], self._binding.bind_output),
        ):
            for spec, array in zip(sides, arrays, strict=True):
                bind(spec.name, "cpu", 0, array.dtype.type, list(spec.shape), array.ctypes.data)

    def input_buffer(self, index: int) -> npt.NDArray[Any]:
        """The array that is bound to the input."""
        return self._arrays[0][index]

    def output_buffer(self, index: int) -> npt.NDArray[Any]:
        """The array that is bound to the output."""
        return self._arrays[1][index]

    def run(self) -> None:
        """One inference.

        Raises:
            DelegateFailed: an operator or the accelerator failed.
        """
        if self._session is None:
            raise InputError("the model is closed: load it again")
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as e:  # its errors have no other common base
            raise DelegateFailed(f"{', '.join(self.delegates)}: failed while running: {said_by(e)}") from e

    def reset(self) -> None:
        """Nothing: an ONNX graph remembers nothing."""

    def close(self) -> None:
        """Frees the session; arrays that somebody still holds stay valid."""
        self._session = self._binding = None


def _batch(argument: Any) -> str:
    """The name of the leading dimension where that alone is open, "?" where it has none; else ""."""
    shape = argument.shape
    if len(shape) < 2 or isinstance(shape[0], int) or not all(isinstance(each, int) for each in shape[1:]):
        return ""
    return str(shape[0] or "?")


Sides = tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]
"""Inputs and outputs."""


def described(session: Any, shape_of: Callable[[Any, str], tuple[int, ...]]) -> Sides:
    """What the session says of its tensors, with the grids that the file's metadata gives them.

    Args:
        shape_of: what the session says of one of them, and "input" or "output" -> its shape.

    Raises:
        UnsupportedVersion: one that holds no numbers.
    """
    grids = io_grids.read(session.get_modelmeta().custom_metadata_map.get(io_grids.KEY, ""))
    inputs, outputs = (
        tuple(io_grids.quantized(_spec(each, side, shape_of), grids) for each in given)
        for side, given in (("input", session.get_inputs()), ("output", session.get_outputs()))
    )
    return inputs, outputs


def taken(session: Any, wanted: Delegate, *, must_take: bool) -> tuple[Coverage, tuple[str, ...]]:
    """What the provider took, and which providers run something.

    Raises:
        DelegateFailed: it took nothing, and had to.
    """
    placed = _placed(session)
    coverage = _coverage(placed, wanted)
    if must_take and placed and not coverage.delegated:
        raise DelegateFailed(
            f"delegate {wanted.name}: took none of the model's {coverage.total} operators. {wanted.advice}"
        )
    used = {provider for provider, _ in placed}
    return coverage, tuple(each for each in session.get_providers() if not used or each in used)


def _spec(argument: Any, side: str, shape_of: Callable[[Any, str], tuple[int, ...]]) -> TensorSpec:
    dtype = _DTYPES.get(argument.type)
    if dtype is None:
        raise UnsupportedVersion(
            f"{side} {argument.name!r}: expected a tensor of numbers, found {argument.type}: edgemm has no route for it"
        )
    return TensorSpec(argument.name, shape_of(argument, side), dtype)


def _shape(argument: Any, side: str, shapes: Shapes, batches: Collection[str]) -> tuple[int, ...]:
    """The file's, or what the card says where the file leaves it open; a batch that only is open is 1.

    Args:
        batches: names of the open leading dimensions of the inputs; an output's of another name is a count that the
            model finds out.
    """
    if all(isinstance(each, int) for each in argument.shape):
        return tuple(argument.shape)
    said = shapes.get(argument.name, ())
    fits = len(said) == len(argument.shape) and all(
        not isinstance(each, int) or each == size for each, size in zip(argument.shape, said, strict=True)
    )
    if said and fits:
        return said
    if not said and _batch(argument) in batches:
        return (1, *argument.shape[1:])
    raise ArtifactError(
        f"{side} {argument.name!r}: expected a fixed shape, found {argument.shape}"
        f"{f' and {list(said)} in the card' if said else ''}. "
        f"Say it in the card, or convert the model with --shape {argument.name}=..."
    )


def _placed(session: Any) -> list[tuple[str, str]]:
    """(provider, operator) of each node after fusion; empty where this version does not tell."""
    try:
        pieces = session.get_provider_graph_assignment_info()
    except (AttributeError, RuntimeError, TypeError):
        return []
    return [(piece.ep_name, node.op_type) for piece in pieces for node in piece.get_nodes()]


def _coverage(placed: list[tuple[str, str]], wanted: Delegate) -> Coverage:
    accelerator = wanted.provider if wanted.provider != _CPU else ""
    delegated = sum(provider == accelerator for provider, _ in placed)
    remaining = Counter(operator for provider, operator in placed if provider != accelerator)
    name = wanted.name if accelerator and placed else ""
    return Coverage(delegated, len(placed), min(delegated, 1), dict(remaining), name)
