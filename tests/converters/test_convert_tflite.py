"""A .tflite file as the source, to both formats."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant

import edgemm
from edgemm import data

package("onnx_ir")
package("ai_edge_litert.interpreter")

from edgemm.converters import convert  # noqa: E402
from edgemm.errors import (  # noqa: E402
    ArtifactError,
    ConversionError,
    FidelityMissed,
    InputError,
)

FORMATS = ("tflite", "onnx")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits network, in float."""
    path = tmp_path_factory.mktemp("tflite") / "digits.float.tflite"
    convert(data.path("models/digits.onnx"), output=path, scheme="float")
    return path


def operators(path: Path) -> Counter[str]:
    from ai_edge_litert import schema_py_generated as s

    names = {value: name for name, value in vars(s.BuiltinOperator).items() if isinstance(value, int)}
    model = s.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    return Counter(
        names[model.operatorCodes[each.opcodeIndex].builtinCode] for each in model.subgraphs[0].operators
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_float_keeps_the_numbers(source: Path, tmp_path: Path, suffix: str) -> None:
    done = convert(
        source, output=tmp_path / f"digits.{suffix}", evaluate=data.path("digits"), scheme="float", limit=20
    )
    assert done.fidelity.outputs[0].snr_db > 100  # dB: rounding of float32 alone


@pytest.mark.parametrize("suffix", FORMATS)
def test_static_keeps_the_answers_and_the_card(source: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"digits.{suffix}"
    done = convert(source, output=output, calibrate=data.path("digits"), scheme="static")
    assert (done.fidelity.outputs[0].top1_agreement or 0) >= 0.99
    with edgemm.load(output) as model:
        assert model.card.labels == tuple("0123456789")
        assert all(outcome.ok for outcome in model.replay_goldens())


def test_a_plain_cnn_has_no_transpose(source: Path, tmp_path: Path) -> None:
    convert(source, output=tmp_path / "again.tflite", calibrate=data.path("digits"), limit=32)
    assert not operators(tmp_path / "again.tflite")["TRANSPOSE"]
    with edgemm.load(source) as first, edgemm.load(tmp_path / "again.tflite") as again:
        assert [each.shape for each in first.inputs] == [each.shape for each in again.inputs]
        assert first.card.inputs[0].layout == again.card.inputs[0].layout


def test_dynamic_needs_no_data(source: Path, tmp_path: Path) -> None:
    done = convert(source, output=tmp_path / "digits.tflite")
    assert done.scheme == "dynamic"
    assert done.fidelity.outputs[0].snr_db > 30  # dB


def test_equal_conversions_are_equal_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        convert(source, output=tmp_path / f"{name}.tflite", calibrate=data.path("digits"), limit=20)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_quantized_source_keeps_its_grids(source: Path, tmp_path: Path, suffix: str) -> None:
    convert(source, output=tmp_path / "int8.tflite", calibrate=data.path("digits"), limit=64)
    done = convert(
        tmp_path / "int8.tflite", output=tmp_path / f"again.{suffix}", calibrate=data.path("digits"), limit=64
    )
    assert any("of its ranges are kept" in note for note in done.notes)
    assert done.fidelity.outputs[0].snr_db > 35  # dB, against the int8 source in LiteRT
    assert not done.repaired_layers


def test_a_target_is_honoured(source: Path, tmp_path: Path) -> None:
    done = convert(
        source, output=tmp_path / "d.tflite", calibrate=data.path("digits"), target="coral", limit=64
    )
    assert done.target == "coral"
    with edgemm.load(tmp_path / "d.tflite") as model:
        assert model.inputs[0].dtype == model.outputs[0].dtype == "int8"


def test_explain_says_which_layers_lose(source: Path, tmp_path: Path) -> None:
    done = convert(
        source, output=tmp_path / "d.tflite", calibrate=data.path("digits"), limit=32, explain=True
    )
    assert done.diagnosis is not None
    assert "CONV_2D" in done.explanation


def test_min_db_is_honoured(source: Path, tmp_path: Path) -> None:
    with pytest.raises(FidelityMissed):
        convert(source, output=tmp_path / "d.tflite", min_db=130, scheme="dynamic", repair="off",
                card=edgemm.ModelCard(name="numbers"))  # fmt: skip
    assert not (tmp_path / "d.tflite").exists()


def test_static_without_data_is_an_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calibration"):
        convert(source, output=tmp_path / "digits.tflite", scheme="static")


def halves() -> bytes:
    """A network whose weights are in half precision."""
    rng = np.random.default_rng(0)
    tensors = [
        Given((1, 8, 8, 32)), constant(rng.normal(0, 0.1, (64, 3, 3, 32)).astype(np.float16)), Given((64, 3, 3, 32)),
        constant(np.zeros(64, np.float32)), Given((1, 8, 8, 64)),
    ]  # fmt: skip
    options = ("Conv2DOptions", {"strideH": 1, "strideW": 1})
    steps = [Step("DEQUANTIZE", [1], [2], None, 3), Step("CONV_2D", [0, 2, 3], [4], options)]
    return Model(tensors, steps, [0], [4]).payload()


def test_half_precision_is_read_and_growth_is_told(tmp_path: Path) -> None:
    (tmp_path / "half.tflite").write_bytes(halves())
    grown = convert(tmp_path / "half.tflite", output=tmp_path / "f.tflite", scheme="float")
    assert grown.fidelity.outputs[0].snr_db > 100
    assert any("larger than its source" in note for note in grown.notes)
    smaller = convert(tmp_path / "half.tflite", output=tmp_path / "d.tflite", scheme="dynamic")
    assert not any("larger than its source" in note for note in smaller.notes)


def test_mutants_end_in_one_of_our_errors(source: Path, tmp_path: Path) -> None:
    payload, rng, ends = source.read_bytes(), np.random.default_rng(5), Counter[str]()
    for _ in range(24):
        mutant = bytearray(payload)
        for at in rng.integers(0, len(payload), int(rng.integers(1, 30))):
            mutant[at] = int(rng.integers(256))
        (tmp_path / "m.tflite").write_bytes(mutant[: int(rng.integers(len(mutant) // 2, len(mutant) + 1))])
        try:
            convert(tmp_path / "m.tflite", output=tmp_path / "o.onnx", scheme="float", gate="off")
            ends["written"] += 1
        except (ArtifactError, ConversionError, InputError) as error:
            ends[type(error).__name__] += 1
    assert ends.total() == 24


@pytest.mark.parametrize("kind", ["float32", "int8"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_an_input_that_is_set_is_a_constant_of_the_file(tmp_path: Path, suffix: str, kind: str) -> None:
    grids: dict[str, Any] = {} if kind == "float32" else {"scales": [0.05], "zeros": [3]}
    tensors = [Given((1, 6), kind, **grids), Given((1, 6), kind, **grids), Given((1, 6), kind, **grids)]
    step = Step("ADD", [0, 1], [2], ("AddOptions", {}))
    (tmp_path / "m.tflite").write_bytes(Model(tensors, [step], [0, 1], [2], {0: "x", 1: "gain"}).payload())
    done = convert(
        tmp_path / "m.tflite", output=tmp_path / f"o.{suffix}", constants={"gain": 1.5}, scheme="float"
    )
    assert [each.name for each in done.card.inputs] == ["x"]
    # Half a step of the grid at most, against the source in LiteRT, whose input "gain" is 1.5.
    assert done.fidelity.outputs[0].max_abs_error <= (1e-6 if kind == "float32" else 0.026)
    with edgemm.load(done.output) as model:
        x = np.array([[-1, -0.5, 0, 0.5, 1, 2]], np.float32)
        np.testing.assert_allclose(model.run({"x": x})["t2"], x + 1.5, atol=0.026)  # half a step of the grid


def test_a_set_input_may_decide_sizes(tmp_path: Path) -> None:
    tensors = [Given((1, 6)), Given((2,), "int32"), Given((1, 6))]
    step = Step("TILE", [0, 1], [2], ("TileOptions", {}))
    (tmp_path / "m.tflite").write_bytes(Model(tensors, [step], [0, 1], [2], {0: "x", 1: "times"}).payload())
    done = convert(tmp_path / "m.tflite", output=tmp_path / "o.onnx", constants={"times": 2}, scheme="float")
    with edgemm.load(done.output) as model:
        assert model.outputs[0].shape == (2, 12)


def test_setting_an_input_that_is_not_there_names_those_that_are(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such input; it has"):
        convert(source, output=tmp_path / "o.onnx", constants={"nothing": 1.0})


def lstm(path: Path, hidden: int = 4, features: int = 3) -> Path:
    """x [1, time, features] -> [1, time, hidden], any time, as Keras writes it."""
    rng = np.random.default_rng(3)

    def weights(*shape: int) -> Given:
        return constant(rng.normal(0, 0.5, shape).astype(np.float32))

    tensors = [Given((1, 1, features), signature=(1, -1, features))]
    tensors += [weights(hidden, features) for _ in range(4)] + [weights(hidden, hidden) for _ in range(4)]
    tensors += [weights(hidden) for _ in range(4)] + [
        Given((1, hidden)),
        Given((1, hidden)),
        Given((1, 1, hidden)),
    ]
    inputs = [0, *range(1, 9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14]
    options = ("UnidirectionalSequenceLSTMOptions", {"fusedActivationFunction": 4, "timeMajor": False})
    step = Step("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [15], options)
    path.write_bytes(Model(tensors, [step], [0], [15], {0: "x", 15: "y"}, variables=[13, 14]).payload())
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_step_by_step_is_the_whole_sequence_in_litert(tmp_path: Path, suffix: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path, x = lstm(tmp_path / "m.tflite"), np.random.default_rng(4).normal(0, 1, (1, 9, 3)).astype(np.float32)
    whole = Interpreter(model_path=str(path))
    whole.resize_tensor_input(0, x.shape)
    whole.allocate_tensors()
    whole.set_tensor(0, x)
    whole.invoke()
    truth = whole.get_tensor(15)
    done = convert(path, output=tmp_path / f"o.{suffix}", shapes={"x": (1, 1, 3)}, stepwise=1, scheme="float")
    assert len(done.card.states) == 2
    assert not any("not held against the whole" in note for note in done.notes)
    with edgemm.load(done.output) as model:
        state = {pair.input: np.zeros((1, 1, 4), np.float32) for pair in done.card.states}
        found = []
        for step in range(9):
            answers = model.run({"x": x[:, step : step + 1], **state})
            state = {pair.input: answers[pair.output] for pair in done.card.states}
            found.append(answers["y"])
    np.testing.assert_allclose(
        np.concatenate(found, axis=1), truth, atol=1e-5
    )  # float32 sums in another order


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
def test_a_quantized_source_is_static_by_its_own_ranges(
    source: Path, tmp_path: Path, first: str, suffix: str
) -> None:
    convert(
        source, output=tmp_path / f"int8.{first}", calibrate=data.path("digits"), limit=64, scheme="static"
    )
    done = convert(
        tmp_path / f"int8.{first}",
        output=tmp_path / f"again.{suffix}",
        evaluate=data.path("digits"),
        limit=64,
    )
    assert done.scheme == "static"
    assert any("ranges are the quantized source's own" in note for note in done.notes)
    assert "no calibration data" in done.card.quantization["ranges"]
    assert done.fidelity.outputs[0].snr_db > 35  # dB, against the int8 source in its runtime
    assert not done.repaired_layers


def test_own_ranges_do_for_a_target_of_integers_alone(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="runs integers only"):
        convert(source, output=tmp_path / "c.tflite", target="coral")
    convert(source, output=tmp_path / "int8.tflite", calibrate=data.path("digits"), limit=64, scheme="static")
    done = convert(tmp_path / "int8.tflite", output=tmp_path / "c.tflite", target="coral")
    assert (done.scheme, done.target) == ("static", "coral")


@pytest.mark.parametrize("suffix", FORMATS)
def test_layers_that_the_source_has_no_ranges_for_stay_float(tmp_path: Path, suffix: str) -> None:
    """A float layer of few multiplications behind an int8 one."""
    rng = np.random.default_rng(0)
    grid: dict[str, Any] = {"scales": [0.05], "zeros": [0]}
    steps = np.array([0.05 * 0.01], np.float32)
    tensors = [
        Given((1, 64), "int8", **grid), constant(rng.integers(-127, 128, (64, 64)), "int8", scales=[0.01], zeros=[0]),
        constant(rng.integers(-500, 500, 64), "int32", scales=steps, zeros=[0]), Given((1, 64), "int8", **grid),
        Given((1, 64)), constant(rng.normal(0, 1, (2, 64)).astype(np.float32)), Given((1, 2)),
    ]  # fmt: skip
    dense: tuple[str, dict[str, Any]] = ("FullyConnectedOptions", {})
    operators = [
        Step("FULLY_CONNECTED", [0, 1, 2], [3], dense, 4),
        Step("DEQUANTIZE", [3], [4]),
        Step("FULLY_CONNECTED", [4, 5, -1], [6], dense),
    ]
    (tmp_path / "m.tflite").write_bytes(Model(tensors, operators, [0], [6], {0: "x", 6: "y"}).payload())
    done = convert(tmp_path / "m.tflite", output=tmp_path / f"o.{suffix}")
    assert done.scheme == "static"
    assert any("stay float" in note for note in done.notes)
    assert done.fidelity.outputs[0].snr_db > 60  # dB: the same integers, and the same float layer


def test_a_sigmoid_of_far_below_zero_is_no_fault(tmp_path: Path) -> None:
    """1e-7: ONNX Runtime and LiteRT differ in its second digit, and the whole output is of that size."""
    tensors = [Given((1, 8)), constant(np.full((1, 8), -15.5, np.float32)), Given((1, 8)), Given((1, 8))]
    steps = [Step("ADD", [0, 1], [2], ("AddOptions", {})), Step("LOGISTIC", [2], [3])]
    (tmp_path / "m.tflite").write_bytes(Model(tensors, steps, [0], [3]).payload())
    done = convert(tmp_path / "m.tflite", output=tmp_path / "o.tflite", scheme="float", gate="off")
    assert done.fidelity.outputs[0].max_abs_error < 1e-6
