"""The worker process: opens files in their own runtimes and runs them, until no request comes any more."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from edgemm.artifact import Artifact, Format
from edgemm.converters.worker.heap import give_back
from edgemm.converters.worker.wire import Array, Content, receive, send
from edgemm.errors import EdgemmError

BLOCK_NS = 20_000_000
IDLE_S = 60.0
"""After so long without a question the process ends; the next conversion starts another."""


class Opened(Protocol):
    """One file in one runtime."""

    inputs: list[str]
    outputs: list[str]

    def run(self, arrays: Sequence[Array]) -> list[Array]: ...

    def time(self, arrays: Sequence[Array], most: int) -> list[int]: ...


class _AsOnDevices:
    """A file in the backend that a device would open it with."""

    def __init__(self, payload: bytes, format_: Format, signature: str) -> None:
        from edgemm.backends import Backend, open_backend, open_entries

        artifact = Artifact(Path("model"), format_, payload, None, None, len(payload))
        self._backend: Backend
        if signature:
            self._backend = open_entries(artifact, delegate="cpu").entries[signature]
        else:
            self._backend = open_backend(artifact, delegate="cpu")
        self.inputs = [spec.name for spec in self._backend.inputs]
        self.outputs = [spec.name for spec in self._backend.outputs]

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        for index, array in enumerate(arrays):
            self._backend.input_buffer(index)[...] = array
        self._backend.reset()
        self._backend.run()
        return [self._backend.output_buffer(index).copy() for index in range(len(self.outputs))]

    def time(self, arrays: Sequence[Array], most: int) -> list[int]:
        for index, array in enumerate(arrays):
            self._backend.input_buffer(index)[...] = array
        self._backend.reset()
        return _timed(self._backend.run, most)


class _AsWritten:
    """An ONNX graph in ONNX Runtime; every node computed as it stands, unless told to optimize."""

    def __init__(self, payload: bytes, weights: Mapping[str, Array], optimize: bool) -> None:
        from edgemm.quantize.reference import Apart, Reference

        self._reference = Reference(Apart(payload, weights), optimize=optimize)
        self.inputs, self.outputs = list(self._reference.inputs), list(self._reference.outputs)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        found = self._reference.run(dict(zip(self.inputs, arrays, strict=True)))
        return [found[name] for name in self.outputs]

    def time(self, arrays: Sequence[Array], most: int) -> list[int]:
        return _timed(lambda: self.run(arrays), most)


def _timed(run: Callable[[], object], most: int) -> list[int]:
    """Nanoseconds of runs one right after the other; at most so many, and no further one once they took `BLOCK_NS`.

    The first is left out where there are others: the process waited before it, and its caches are cold.
    """
    times, began = list[int](), time.perf_counter_ns()
    while len(times) < most and (not times or time.perf_counter_ns() - began < BLOCK_NS):
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return times[1:] or times


def main() -> int:
    """Serves the pipe whose two ends are named on the command line."""
    with suppress(OSError):  # it is the first to go when memory ends
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    pipe = Connection(int(sys.argv[1]))
    current: Opened | None = None
    arrived: tuple[Content, list[Array], bytes] = {}, [], b""
    while pipe.poll(IDLE_S):
        try:
            question, arrays, file = receive(pipe)
        except (EOFError, OSError):
            return 0
        try:
            if "replay" in question:
                send(pipe, {"outcomes": _replayed(str(question["replay"]))})
                continue
            if "tensors" in question:
                send(pipe, {"tensors": _tensors(file, bool(question["tensors"]))})
                continue
            if "evaluate" in question:
                send(pipe, {}, _evaluated(file))
                continue
            if "waits" in question:  # whoever sent it lets go of it first
                current, arrived = None, (question, arrays, file)
                arrays, file = [], b""
                send(pipe, {})
                continue
            if "arrived" in question:
                (question, arrays, file), arrived = arrived, ({}, [], b"")
            if "open" in question:
                current = None  # the one before it is freed first
                current = _open(question, arrays, file)
                arrays, file = [], b""  # what it needs of them it keeps
                give_back()
                send(pipe, {"inputs": current.inputs, "outputs": current.outputs})
                continue
            if "close" in question:
                current = None
                give_back()
                send(pipe, {})
                continue
            if current is None:
                raise RuntimeError("nothing is open")
            if "opened" in question:
                send(pipe, {"inputs": current.inputs, "outputs": current.outputs})
                continue
            if "time" in question:
                send(pipe, {"times_ns": current.time(arrays, int(question["time"]))})
                continue
            began = time.perf_counter_ns()
            found = current.run(arrays)
            send(pipe, {"elapsed_ns": time.perf_counter_ns() - began}, found)
        except Exception as error:  # noqa: BLE001  whatever a runtime raises: the caller decides
            with suppress(OSError):
                send(pipe, _described(error))
    return 0


def _open(question: Content, arrays: Sequence[Array], payload: bytes) -> Opened:
    if question["open"] == "onnx" and question["how"] != "device":
        weights = dict(zip(question["weights"], arrays, strict=True))
        return _AsWritten(payload, weights, question["how"] == "optimized")
    return _AsOnDevices(payload, question["open"], str(question["signature"]))


def _undelegated(payload: bytes) -> Any:
    """LiteRT's interpreter of a file, not allocated."""
    from edgemm.litert_runtime import find_litert

    module = find_litert().module
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return module.Interpreter(model_content=payload, experimental_op_resolver_type=plain, num_threads=1)


def _evaluated(payload: bytes) -> list[Array]:
    """The outputs of a .tflite file without inputs, in their order."""
    interpreter = _undelegated(payload)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def _tensors(payload: bytes, allocate: bool) -> list[tuple[int, list[int]]]:
    """Number and sizes of each tensor of a .tflite file's first graph; without `allocate`, as they stand there."""
    interpreter = _undelegated(payload)
    if allocate:
        interpreter.allocate_tensors()
    return [
        (int(each["index"]), [int(size) for size in each["shape"]])
        for each in interpreter.get_tensor_details()
    ]


def _replayed(path: str) -> list[tuple[str, float, float, bool]]:
    """Name, largest error, tolerance and verdict of each output of the goldens, loaded as a device loads them."""
    import edgemm

    with edgemm.load(path, delegate="cpu") as model:
        outcomes = model.replay_goldens() if model.artifact.goldens is not None else ()
        return [(each.output, each.worst_error, each.tolerance, each.ok) for each in outcomes]


def _described(error: Exception) -> dict[str, Any]:
    text = " ".join(str(error).split())[:2000] or type(error).__name__
    return {"error": type(error).__name__, "message": text, "known": isinstance(error, EdgemmError)}
