"""Resource variables of .tflite sources as states: call after call, LiteRT's answers on the source itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from real_networks import find
from tflite_operators import Given, Model, Step, constant

package("onnx_ir")
package("ai_edge_litert.interpreter")

import edgemm  # noqa: E402
from edgemm.converters import convert  # noqa: E402
from edgemm.converters.evaluation import load_data  # noqa: E402
from edgemm.converters.importers.tflite_graph import import_tflite  # noqa: E402
from edgemm.converters.prepare import prepare  # noqa: E402
from edgemm.errors import InputError, UnsupportedOperator  # noqa: E402

Array = npt.NDArray[Any]
GRID: Mapping[str, Any] = {"scales": [0.04], "zeros": [-20]}
SUMS: Mapping[str, Any] = {"scales": [0.1], "zeros": [0]}
FLOAT: Mapping[str, Any] = {}
NAME = "stream/states"


def streaming(kind: str = "float32", begin: float = 0.0, other: Mapping[str, Any] | None = None) -> Model:
    """x [1, 1, 3] behind the two steps before it, which a variable keeps; the sum of the three, and the newest two."""
    grid = FLOAT if kind == "float32" else GRID
    first = np.full((1, 2, 3), begin, np.float32)
    stored = first if kind == "float32" else np.round(first / 0.04 - 20).astype(kind)
    tensors = [
        Given((1, 1, 3), kind, **grid), Given((), "resource"), Given((1, 2, 3), kind, **grid),
        Given((1, 3, 3), kind, **grid), constant([0, 1, 0], "int32"), constant([1, 3, 3], "int32"),
        constant([1, 1, 1], "int32"), Given((1, 2, 3), kind, **(grid if other is None else other)),
        constant([1], "int32"), Given((1, 3), kind, **(SUMS if grid else FLOAT)),
    ]  # fmt: skip
    steps = [
        Step("VAR_HANDLE", [], [1], ("VarHandleOptions", {"container": "", "sharedName": NAME})),
        Step("READ_VARIABLE", [1], [2], ("ReadVariableOptions", {})),
        Step("CONCATENATION", [2, 0], [3], ("ConcatenationOptions", {"axis": 1})),
        Step("STRIDED_SLICE", [3, 4, 5, 6], [7], ("StridedSliceOptions", {})),
        Step("ASSIGN_VARIABLE", [1, 7], [], ("AssignVariableOptions", {})),
        Step("SUM", [3, 8], [9], ("ReducerOptions", {"keepDims": False})),
    ]
    begins = {NAME: Given((1, 2, 3), kind, stored, **grid)}
    return Model(tensors, steps, [0], [9], {0: "x", 9: "y"}, begins=begins)


def in_litert(payload: bytes, steps: Array) -> Array:
    """What the source answers to one step after the other, as real numbers."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=payload)
    runner.allocate_tensors()
    told, asked = runner.get_input_details()[0], runner.get_output_details()[0]
    found = []
    for step in steps:
        scale, zero = told["quantization"]
        stored = np.round(step / scale + zero).astype(told["dtype"]) if scale else step
        runner.set_tensor(told["index"], stored)
        runner.invoke()
        scale, zero = asked["quantization"]
        answer = runner.get_tensor(asked["index"]).copy()
        found.append((answer.astype(np.float32) - zero) * scale if scale else answer)
    return np.array(found)


def streamed(path: Path, steps: Array) -> Array:
    """What a converted file answers, its states carried along as the card says."""
    with edgemm.load(path) as model:
        ins = {each.name: each for each in model.inputs}
        outs = {each.name: each for each in model.outputs}
        state = {pair.input: np.zeros(ins[pair.input].shape, np.float32) for pair in model.card.states}
        found = []
        for step in steps:
            fed = {"x": step, **state}
            answers = model.run({name: ins[name].quantize(array) for name, array in fed.items()})
            real = {name: outs[name].dequantize(array) for name, array in answers.items()}
            state = {pair.input: real[pair.output] for pair in model.card.states}
            found.append(real["y"])
    return np.array(found)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_call_after_call_it_answers_as_the_source_does(tmp_path: Path, kind: str, suffix: str) -> None:
    payload = streaming(kind).payload()
    (tmp_path / "m.tflite").write_bytes(payload)
    done = convert(tmp_path / "m.tflite", output=tmp_path / f"o.{suffix}", scheme="float")
    assert [(pair.input, pair.output) for pair in done.card.states] == [(NAME, f"{NAME}_after")]
    steps = np.random.default_rng(0).uniform(-2, 2, (12, 1, 1, 3)).astype(np.float32)
    steps = np.round(steps / 0.04) * np.float32(0.04)  # numbers that the grid has
    truth, found = in_litert(payload, steps), streamed(done.output, steps)
    assert np.abs(truth[2] - truth[2:].mean(axis=0)).max() > 0.1  # the steps before it matter
    # float: the order of sums; int8: half a step of the output, which the written float file does not round to
    np.testing.assert_allclose(found, truth, atol=1e-5 if kind == "float32" else 0.051)


def test_data_are_whole_sequences_with_stepwise(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(streaming().payload())
    x = np.random.default_rng(0).uniform(-1, 1, (1, 20, 3)).astype(np.float32)
    data = load_data([x], prepare(tmp_path / "m.tflite", time_axis=1), 64)
    assert data is not None
    assert len(data) == 20
    for at, sample in enumerate(data.inputs):
        before = np.concatenate([np.zeros((1, 2, 3), np.float32), x], axis=1)[:, at : at + 2]
        np.testing.assert_array_equal(sample[NAME], before)
    done = convert(tmp_path / "m.tflite", output=tmp_path / "o.tflite", calibrate=[x], stepwise=1)
    assert [pair.input for pair in done.card.states] == [NAME]


def test_stepwise_wants_one_input_beside_the_states(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(streaming().payload())
    with pytest.raises(InputError, match="time along dimension 3 beside the states"):
        convert(tmp_path / "m.tflite", output=tmp_path / "o.tflite", stepwise=3)


def test_a_variable_that_is_only_read_is_a_constant() -> None:
    model = streaming(begin=0.0)
    model.steps = [each for each in model.steps if each.code != "ASSIGN_VARIABLE"]
    imported = import_tflite(model.payload(), "m.tflite")
    assert not imported.states
    assert [str(value.name) for value in imported.model.graph.inputs] == ["x"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (streaming(begin=1.0), "begins with other values than zeros"),
        (
            streaming("int8", other={"scales": [0.08], "zeros": [0]}),
            "is written on one grid and read on another",
        ),
    ],
)
def test_what_cannot_be_a_state_is_refused_by_name(model: Model, reason: str) -> None:
    with pytest.raises(UnsupportedOperator, match=f"variable '{NAME}' {reason}"):
        import_tflite(model.payload(), "m.tflite")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"])
def test_wake_words_answer_as_in_litert(tmp_path: Path, name: str) -> None:
    file = f"models/microwakeword/{name}.tflite"
    source = find(file) / file
    done = convert(source, output=tmp_path / "o.tflite")
    assert (done.scheme, len(done.card.states)) == ("static", 6)
    assert min(each.snr_db for each in done.fidelity.outputs) > 60  # dB: the same integers
