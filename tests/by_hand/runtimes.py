"""The two runtimes, opened as one opens them by hand: one thread, quiet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy.typing as npt


def onnx_session(path: Path) -> Any:
    """An ONNX Runtime session."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class LiteRt:
    """An interpreter with its input and outputs looked up once."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [each["index"] for each in self._interpreter.get_output_details()]

    def __call__(self, tensor: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """The outputs in the file's order."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(each) for each in self._outputs]
