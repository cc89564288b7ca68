"""The seam between edgemm and the inference runtimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edgemm.frozen import dataclass, field

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgemm.errors import DelegateFailed
    from edgemm.tensors import TensorSpec

Shapes = Mapping[str, tuple[int, ...]]
"""Name of an input or output -> its shape."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many operators an accelerator, or XNNPACK, runs, and which were left to the runtime's plain kernels.

    With an accelerator it counts the accelerator's operators; XNNPACK, which LiteRT gives the rest to, is then not
    counted. Without one it counts XNNPACK's in LiteRT, and nothing in ONNX Runtime, which has no such part.
    """

    delegated: int = 0
    """Operators that `delegate` runs."""
    total: int = 0
    """Operators in the model; 0 when the runtime does not tell."""
    partitions: int = 0
    """Pieces that the delegate cut the graph into."""
    remaining: Mapping[str, int] = field(default_factory=dict)
    """Operator name -> how many the delegate left."""
    delegate: str = ""
    """What is counted: "edgetpu", "xnnpack"; "" where nothing is handed over, or the runtime does not tell."""

    def __str__(self) -> str:
        """For people: "xnnpack runs 2 of 3 operators (1 piece); the rest: SOFTMAX"."""
        if not self.total:
            return "not told by this runtime"
        operators = f"{self.total} operator{'s' * (self.total != 1)}"
        if not self.delegate:
            return f"{operators} on the CPU, no accelerator"
        if self.delegated:
            pieces = f"{self.partitions} piece{'s' * (self.partitions != 1)}"
            told = f"{self.delegate} runs {self.delegated} of {operators} ({pieces})"
        else:
            told = f"{self.delegate} runs none of {operators}"
        rest = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in self.remaining.items())
        return f"{told}; the rest: {rest}" if rest else told


@runtime_checkable
class Backend(Protocol):
    """One loaded model in one runtime: tensors in, tensors out, nothing known of tasks.

    Buffers belong to the backend and live as long as it does, so that a steady stream allocates
    nothing: write into `input_buffer(i)`, call `run()`, read `output_buffer(i)` before the next
    `run()` overwrites it. Not safe for two threads at once.
    """

    name: str
    """"litert", "tflite-runtime" or "onnxruntime"."""
    version: str
    delegates: tuple[str, ...]
    """What really runs it, in order: ("xnnpack", "cpu"), ("edgetpu", "xnnpack"), ("CPUExecutionProvider",)."""
    coverage: Coverage
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    stateful: bool
    """The model itself remembers something from one run to the next, so that streams cannot share it."""

    def input_buffer(self, index: int) -> npt.NDArray[Any]:
        """The array that `run()` reads for input `index`, in the tensor's own shape and type."""

    def run(self) -> None:
        """One inference.

        Raises:
            DelegateFailed: the accelerator failed.
        """

    def output_buffer(self, index: int) -> npt.NDArray[Any]:
        """What the last `run()` wrote for output `index`."""

    def reset(self) -> None:
        """Forgets what a stateful model remembers; the buffers may be others afterwards."""

    def close(self) -> None:
        """Frees the runtime; may be called twice."""


@runtime_checkable
class RunsBare(Protocol):
    """A backend whose run is one call into the runtime, which may be made without it.

    Exists since a Python call between `model.run` and the runtime is a twentieth of the time of a trivial model.
    Optional.
    """

    def bare_run(self) -> Callable[[], Any]:
        """One inference; raises RuntimeError or ValueError. Of no use once the backend was reset or closed."""

    def failure(self, error: Exception) -> DelegateFailed:
        """What `run` raises instead of such an error."""


@runtime_checkable
class OpenBackend(Protocol):
    """One loaded model whose dimensions may be open: values in, values out, nothing is bound beforehand.

    Exists beside `Backend`, whose buffers are made once for one size. A value is the runtime's own handle on a
    tensor; it is not written to once it was made, and holds on to its memory. Not safe for two threads at once.
    """

    name: str
    version: str
    delegates: tuple[str, ...]
    coverage: Coverage
    inputs: tuple[TensorSpec, ...]
    """-1 for an open dimension."""
    outputs: tuple[TensorSpec, ...]
    rows: Mapping[str, str]
    """Name of an input whose first dimension is open -> what the file calls that dimension."""

    def value(self, array: npt.NDArray[Any]) -> Any:
        """A value over the array, which must not change as long as the value is used."""

    def array(self, value: Any) -> npt.NDArray[Any]:
        """What a value holds; not to be written to."""

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """One inference.

        Args:
            values: for each input by name.

        Returns:
            A value for each output, in their order.

        Raises:
            DelegateFailed: sizes that do not go together; an operator or the accelerator failed.
        """

    def close(self) -> None:
        """Frees the runtime; may be called twice."""
