"""A file in its own runtime: the source by hand, what was written as a device opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.zoo.trained.network import Array, Feeds, Run
from tests.by_hand.runtimes import onnx_session


def source_run(path: Path) -> Run:
    """The source in its own runtime, by hand."""
    if path.suffix == ".onnx":
        session = onnx_session(path)
        return lambda feeds: [np.asarray(each) for each in session.run(None, dict(feeds))]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    places = {each["name"]: each["index"] for each in interpreter.get_input_details()}
    answers = interpreter.get_output_details()

    def run(feeds: Feeds) -> list[Array]:
        for name, value in feeds.items():
            interpreter.set_tensor(places[name], value)
        interpreter.invoke()
        return [_real(interpreter.get_tensor(each["index"]), each["quantization"]) for each in answers]

    return run


def _real(stored: Array, grid: tuple[float, int]) -> Array:
    scale, zero = grid
    return (stored.astype(np.float32) - zero) * np.float32(scale) if scale else stored


@contextmanager
def opened(path: Path, expected: list[Array]) -> Iterator[Run]:
    """A written file: tensors go in and come out in the source's layout and order."""
    import edgemm

    with edgemm.load(path) as model:

        def run(feeds: Feeds) -> list[Array]:
            answers = model.run(_given(model, feeds))
            return [
                _moved(spec.dequantize(answers[spec.name]), true.shape, -1, 1)
                for spec, true in zip(model.outputs, expected, strict=True)
            ]

        yield run


def bare(path: Path, feeds: Feeds) -> Callable[[], Any]:
    """One inference of a written file in its plain runtime, on these tensors: what is timed."""
    import edgemm

    with edgemm.load(path) as model:
        tensors = _given(model, feeds)
    if path.suffix == ".onnx":
        session = onnx_session(path)
        return lambda: session.run(None, tensors)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for place in interpreter.get_input_details():
        interpreter.set_tensor(place["index"], tensors[place["name"]])
    return interpreter.invoke  # type: ignore[no-any-return]


def _given(model: Any, feeds: Feeds) -> dict[str, Array]:
    """The tensors of a source as a written file stores them, by its own names."""
    given = dict(zip((spec.name for spec in model.inputs), feeds.values(), strict=True))
    given |= {name: value for name, value in feeds.items() if name in given}
    return {spec.name: _stored(spec, _moved(given[spec.name], spec.shape, 1, -1)) for spec in model.inputs}


def _stored(spec: Any, real: Array) -> Array:
    return real if real.dtype == np.dtype(spec.dtype) else np.asarray(spec.quantize(real))


def _moved(values: Array, shape: tuple[int, ...], axis: int, to: int) -> Array:
    """In the other layout, where the shape is not the one that is wanted."""
    return values if values.shape == shape else np.ascontiguousarray(np.moveaxis(values, axis, to))
