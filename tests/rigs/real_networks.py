"""Real networks in their runtimes, without a `Model`: a card's preprocessing, a run, and a decoder on its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import ImageRecipe, InputCard, ModelCard
from edgemm.preprocess import compile_image
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]


def find(*needed: str) -> Path:
    """The folder of models and data."""
    from benchmarks import shared  # not there where the wheel is tested alone

    folder = shared.find(*needed)
    if folder is None:
        pytest.skip("the models and data are not here: set EDGEMM_SHARED")
    return folder


class Network:
    """One file in its runtime, with the specs of its tensors."""

    def __init__(self, path: Path) -> None:
        self._run = _onnx(path) if path.suffix == ".onnx" else _tflite(path)
        self.input, self.outputs = self._run.input, self._run.outputs

    def __call__(self, tensor: Array) -> dict[str, Array]:
        """Stored outputs by name."""
        found: dict[str, Array] = self._run(tensor)
        return found


class _onnx:
    def __init__(self, path: Path) -> None:
        from edgemm.onnx_runtime import onnx_runtime

        ort = onnx_runtime()
        options = ort.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        first = self._session.get_inputs()[0]
        self.input = TensorSpec(first.name, tuple(first.shape), "float32")
        self.outputs = [
            TensorSpec(each.name, tuple(each.shape), "float32") for each in self._session.get_outputs()
        ]

    def __call__(self, tensor: Array) -> dict[str, Array]:
        found = self._session.run(None, {self.input.name: tensor})
        return {spec.name: each for spec, each in zip(self.outputs, found, strict=True)}


class _tflite:
    def __init__(self, path: Path) -> None:
        litert = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
        self._interpreter = litert.Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        (self._in,) = self._interpreter.get_input_details()
        self._out = self._interpreter.get_output_details()
        self.input, self.outputs = _spec(self._in), [_spec(each) for each in self._out]

    def __call__(self, tensor: Array) -> dict[str, Array]:
        self._interpreter.set_tensor(self._in["index"], tensor)
        self._interpreter.invoke()
        return {each["name"]: self._interpreter.get_tensor(each["index"]) for each in self._out}


def _spec(details: dict[str, Any]) -> TensorSpec:
    scale, zero_point = details["quantization"]
    return TensorSpec(
        details["name"],
        tuple(map(int, details["shape"])),
        np.dtype(details["dtype"]).name,
        float(scale),
        int(zero_point),
    )


class Pictures:
    """Pictures through a card's recipe, a network and a task's decoder."""

    def __init__(self, network: Network, image: ImageRecipe, layout: str, task: Any, recipe: Any) -> None:
        self._network = network
        self._prepare = compile_image(InputCard(layout=layout, image=image), network.input)
        self._tensor = np.empty(network.input.shape, network.input.dtype)
        recipe.check()
        self._decoder = task.open(ModelCard(), recipe, network.outputs)
        self._state = self._decoder.begin()

    def __call__(
        self, rgb: Array, to_source: Array | None = None, source_wh: tuple[int, int] = (0, 0)
    ) -> Any:
        """One picture's result, and the stored outputs it came from.

        Args:
            rgb: uint8[h, w, 3].
            to_source: from places in the picture to places in the source, where it is a crop.
            source_wh: of the source, where it is a crop.
        """
        self._prepare(rgb, "rgb", self._tensor)
        place = self._prepare.placement(rgb.shape)
        matrix = place.to_source
        if to_source is not None:
            matrix = to_source @ np.vstack([matrix, [0.0, 0.0, 1.0]])
        stored = self._network(self._tensor)
        context = Context(matrix, source_wh if any(source_wh) else place.source_wh, place.size_wh)
        (result,) = self._decoder.decode(Outputs.of(self._network.outputs, stored), context, self._state)
        return result, stored
