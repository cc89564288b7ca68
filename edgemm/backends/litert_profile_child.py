"""The process that runs a model with LiteRT's profiler on, through the library's C API (litert/c/*.h)."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edgemm.backends.operator_time import WARM_UP
from edgemm.litert_runtime import find_litert

_Handle = ctypes.c_void_p
_CPU = 1
"""kLiteRtHwAcceleratorCpu."""
_MOST_DIMENSIONS = 8


class _Layout(ctypes.Structure):
    """LiteRtLayout: the rank in the lowest seven bits of `packed`."""

    _fields_ = [
        ("packed", ctypes.c_uint),
        ("dimensions", ctypes.c_int * _MOST_DIMENSIONS),
        ("strides", ctypes.c_uint * _MOST_DIMENSIONS),
    ]  # fmt: skip


class _TensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = [("element", ctypes.c_int), ("layout", _Layout)]


class _Untold(Exception):
    """The library lacks a function, or one failed."""


def main() -> int:
    """Answers the one question that comes over the pipe whose descriptor is named on the command line."""
    pipe = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):
        question, payload = json.loads(pipe.recv_bytes()), pipe.recv_bytes()
        pipe.send_bytes(json.dumps(_answer(payload, **question)).encode())
    pipe.close()
    os._exit(0)  # what the library holds is not taken apart: that is none of the question


def _answer(payload: bytes, threads: int, rounds: int, runs: int) -> dict[str, Any]:
    try:
        return {"summaries": list(_Profiled(_library(), payload, threads).rounds(rounds, runs))}
    except (_Untold, OSError) as error:
        return {"untold": str(error)}


def _library() -> ctypes.CDLL:
    package = sys.modules[find_litert().module.__name__.partition(".")[0]]
    path = Path(str(package.__file__)).parent / "libLiteRt.so"
    if not path.is_file():
        raise _Untold("it comes without libLiteRt.so, which has a profiler")
    return ctypes.CDLL(str(path))


class _Profiled:
    """One model, compiled anew for each round: the profiler adds up all that it ever saw, whatever it is told."""

    def __init__(self, library: ctypes.CDLL, payload: bytes, threads: int) -> None:
        self._library, self._threads = library, threads
        self._environment, self._model = _Handle(), _Handle()
        self._call("CreateEnvironment", 0, None, ctypes.byref(self._environment))
        memory = ctypes.create_string_buffer(payload, len(payload))
        self._kept: list[Any] = [memory]
        size = ctypes.c_size_t(len(payload))
        self._call("CreateModelFromBuffer", self._environment, memory, size, ctypes.byref(self._model))

    def rounds(self, count: int, runs: int) -> Iterator[str]:
        """The profiler's summary of each."""
        for _ in range(count):
            self._compiled, profiler = _Handle(), _Handle()
            options = self._options(self._threads)
            self._call(
                "CreateCompiledModel", self._environment, self._model, options, ctypes.byref(self._compiled)
            )
            self._call("CompiledModelGetProfiler", self._compiled, ctypes.byref(profiler))
            if not profiler:
                raise _Untold("it gives no profiler")
            yield self._summary(profiler, runs)
            self._library.LiteRtDestroyCompiledModel(self._compiled)

    def _summary(self, profiler: _Handle, runs: int) -> str:
        signature = _Handle()
        self._call("GetModelSignature", self._model, ctypes.c_size_t(0), ctypes.byref(signature))
        self._inputs, self._outputs = self._buffers(signature, "Input"), self._buffers(signature, "Output")
        for buffer in self._inputs:
            self._clear(buffer)
        self._run(WARM_UP)
        self._call("StartProfiler", profiler)
        self._run(runs)
        self._call("StopProfiler", profiler)
        text = ctypes.c_char_p()
        self._call("GetProfileSummary", profiler, self._compiled, ctypes.byref(text))
        for each in (*self._inputs, *self._outputs):
            self._library.LiteRtDestroyTensorBuffer(_Handle(each))
        return (text.value or b"").decode("utf-8", "replace")

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, f"LiteRt{name}")
        except AttributeError as error:
            raise _Untold(f"its library has no LiteRt{name}") from error
        status = function(*arguments)
        if status:
            raise _Untold(f"LiteRt{name} failed with status {status}")

    def _options(self, threads: int) -> _Handle:
        options = _Handle()
        self._call("CreateOptions", ctypes.byref(options))
        self._call("SetOptionsHardwareAccelerators", options, _CPU)
        free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda payload: None)
        self._kept.append(free)
        for identifier, said in (
            (b"runtime_options_string", "enable_profiling = true\n"),
            (b"xnnpack", f"num_threads = {threads}\n"),
        ):
            part, text = _Handle(), ctypes.create_string_buffer(said.encode())
            self._kept.append(text)
            self._call("CreateOpaqueOptions", identifier, text, free, ctypes.byref(part))
            self._call("AddOpaqueOptions", options, part)
        return options

    def _buffers(self, signature: _Handle, side: str) -> ctypes.Array[ctypes.c_void_p]:
        """One for each tensor on this side of the first signature."""
        count = ctypes.c_size_t()
        self._call(f"GetNumSignature{side}s", signature, ctypes.byref(count))
        buffers = (_Handle * count.value)()
        for at in range(count.value):
            tensor, needs, made, type_ = _Handle(), _Handle(), _Handle(), _TensorType()
            place = ctypes.c_size_t(at)
            self._call(f"GetSignature{side}TensorByIndex", signature, place, ctypes.byref(tensor))
            self._call("GetRankedTensorType", tensor, ctypes.byref(type_))
            first = ctypes.c_size_t(0)
            self._call(
                f"GetCompiledModel{side}BufferRequirements", self._compiled, first, place, ctypes.byref(needs)
            )
            self._call(
                "CreateManagedTensorBufferFromRequirements",
                self._environment,
                ctypes.byref(type_),
                needs,
                ctypes.byref(made),
            )
            buffers[at] = made
        return buffers

    def _clear(self, buffer: Any) -> None:
        self._call("ClearTensorBuffer", _Handle(buffer))

    def _run(self, times: int) -> None:
        first = ctypes.c_size_t(0)
        sides = [
            each for side in (self._inputs, self._outputs) for each in (ctypes.c_size_t(len(side)), side)
        ]
        for _ in range(times):
            self._call("RunCompiledModel", self._compiled, first, *sides)


if __name__ == "__main__":
    sys.exit(main())
