"""Files of both formats, whoever wrote them, in their plain runtimes: one thread, one input, one output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """One file, ready to run."""

    feed: Callable[[Array], None]
    """Takes a float32 input as the source has it: channels first."""
    run: Callable[[], Any]
    """One inference of what was fed: what is timed."""
    answer: Callable[[], Array]
    """Of the last inference, in float32, as the file lays it out."""
    partitions: int | None = None
    """Of the graph, that LiteRT's delegate runs."""


def runner(path: Path) -> Runner:
    """By the suffix.

    Raises:
        ValueError, RuntimeError: the runtime refuses the file.
    """
    return _litert(path) if path.suffix == ".tflite" else _onnx(path)


def _litert(path: Path) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()

    def feed(sample: Array) -> None:
        scale, zero_point = taken["quantization"]
        given = channels_last(sample, tuple(taken["shape"]))
        if scale:
            limits = np.iinfo(taken["dtype"])
            given = np.clip(np.rint(given / scale + zero_point), limits.min, limits.max)
        interpreter.set_tensor(taken["index"], given.astype(taken["dtype"]))

    def answer() -> Array:
        stored: Array = interpreter.get_tensor(made["index"])
        scale, zero_point = made["quantization"]
        real: Array = (stored.astype(np.float32) - zero_point) * scale
        return real if scale else stored

    operators = interpreter._get_ops_details()  # the one place that tells what the delegate took
    parts = sum(each["op_name"] == "DELEGATE" for each in operators)
    return Runner(feed, interpreter.invoke, answer, parts)


def _onnx(path: Path) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    held: dict[str, Any] = {}

    def run() -> None:
        held["answer"] = session.run(None, {taken.name: held["input"]})[0]

    return Runner(lambda sample: held.update(input=sample), run, lambda: held["answer"])


def channels_last(values: Array, shape: tuple[int, ...]) -> Array:
    """As the file takes them: some .tflite files have channels last."""
    return values if values.shape == shape else np.ascontiguousarray(np.moveaxis(values, 1, -1))


def decibels(made: Runner, samples: Array, truth: Array) -> float:
    """Signal to noise of a file's own answers against the module's."""
    noise = 0.0
    for sample, right in zip(samples, truth, strict=True):
        made.feed(sample[None])
        made.run()
        found = made.answer()
        found = found if found.shape[1:] == right.shape else np.moveaxis(found, -1, 1)
        noise += float(np.square(found[0].astype(np.float64) - right).sum())
    return round(float(10 * np.log10(np.square(truth.astype(np.float64)).sum() / max(noise, 1e-30))), 1)
