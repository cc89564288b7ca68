"""Causal convolutions as Keras writes them into .tflite files, step by step: PAD before time, and CONV_2D."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

interpreter = package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters import convert  # noqa: E402
from edgemm.converters.prepare import prepare  # noqa: E402
from edgemm.errors import UnsupportedOperator  # noqa: E402

Array = npt.NDArray[np.float32]
STEPS, CHANNELS, TAPS = 4, 2, 3


class Causal:
    """x [1, time, 2] -> two convolutions over time with a rectifier each."""

    def __init__(self, *, steps: int, dilation: int, pads: tuple[int, int] | None = None) -> None:
        self._draw = np.random.default_rng(0)
        self._tensors, self._steps = [Given((1, steps, CHANNELS))], list[Step]()
        value = 0
        for width in (4, 3):
            value = self._layer(value, width, dilation, pads)
        self.model = Model(self._tensors, self._steps, [0], [value])

    def _add(self, given: Given) -> int:
        self._tensors.append(given)
        return len(self._tensors) - 1

    def _layer(self, value: int, width: int, dilation: int, given: tuple[int, int] | None) -> int:
        (_, steps, channels), reach = self._tensors[value].shape, (TAPS - 1) * dilation
        before, behind = given or (reach, 0)
        longer, draw = steps + before + behind, self._draw
        steps = longer - reach
        pads = self._add(constant(np.array([[0, 0], [before, behind], [0, 0]], np.int32)))
        padded, axis = self._add(Given((1, longer, channels))), self._add(constant(1, "int32"))
        self._steps.append(Step("PAD", [value, pads], [padded], ("PadOptions", {})))
        flat = self._add(Given((1, 1, longer, channels)))
        self._steps.append(Step("EXPAND_DIMS", [padded, axis], [flat], ("ExpandDimsOptions", {})))
        kernel = self._add(constant(draw.normal(0, 0.5, (width, 1, TAPS, channels)).astype(np.float32)))
        bias = self._add(constant(draw.normal(0, 0.5, width).astype(np.float32)))
        wide, made = self._add(Given((1, 1, steps, width))), self._add(Given((1, steps, width)))
        options = {
            "padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": dilation,
            "fusedActivationFunction": 1,
        }  # fmt: skip
        self._steps.append(Step("CONV_2D", [flat, kernel, bias], [wide], ("Conv2DOptions", options)))
        self._steps.append(Step("SQUEEZE", [wide], [made], ("SqueezeOptions", {"squeezeDims": [1]})))
        return made


def opened(path: Path) -> Any:
    found = interpreter.Interpreter(model_path=str(path))
    found.allocate_tensors()
    return found


def whole(path: Path, x: Array) -> Array:
    source = opened(path)
    source.set_tensor(source.get_input_details()[0]["index"], x)
    source.invoke()
    answer: Array = source.get_tensor(source.get_output_details()[0]["index"])
    return answer


def stream(path: Path, x: Array) -> Array:
    """Call by call, each state that comes out going in again; pairs by the card."""
    from edgemm.artifact import read_artifact

    card, made = read_artifact(path).card, opened(path)
    assert card is not None
    signature = made.get_signature_runner()
    ins, outs = signature.get_input_details(), signature.get_output_details()
    state = {pair.input: np.zeros(ins[pair.input]["shape"], np.float32) for pair in card.states}
    (given,) = set(ins) - set(state)
    (wanted,) = set(outs) - {pair.output for pair in card.states}
    parts = []
    for part in np.split(x, x.shape[1] // STEPS, axis=1):
        found = signature(**{given: part}, **state)
        state = {pair.input: found[pair.output] for pair in card.states}
        parts.append(found[wanted])
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("dilation", [1, 2])
def test_step_by_step_is_the_whole_sequence(dilation: int, tmp_path: Path) -> None:
    source, long, made = (tmp_path / f"{name}.tflite" for name in ("m", "long", "o"))
    source.write_bytes(Causal(steps=STEPS, dilation=dilation).model.payload())
    long.write_bytes(Causal(steps=3 * STEPS, dilation=dilation).model.payload())
    done = convert(source, output=made, scheme="float", stepwise=1)
    assert len(done.card.states) == 2
    x = np.random.default_rng(1).normal(size=(1, 3 * STEPS, CHANNELS)).astype(np.float32)
    np.testing.assert_allclose(stream(made, x), whole(long, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pads", [(1, 1), (2, 1), (3, 0), (1, 0)])
def test_zeros_behind_the_sequence_or_too_few_or_many_before_are_refused(
    pads: tuple[int, int], tmp_path: Path
) -> None:
    source = tmp_path / "m.tflite"
    source.write_bytes(Causal(steps=STEPS, dilation=1, pads=pads).model.payload())
    with pytest.raises(UnsupportedOperator, match="cannot go step by step"):
        prepare(source, time_axis=1)
