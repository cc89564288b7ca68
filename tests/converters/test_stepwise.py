"""A model of a whole sequence as one of a few steps: the same results, the state named, kept apart and on one grid."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import pytest

import edgemm
from benchmarks.collapse import normal, parsed
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.cli import main
from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.stepwise import add_states
from edgemm.converters.prepare import prepare
from edgemm.converters.stepwise import StepRunner, steps_of
from edgemm.errors import ConversionError, InputError, UnsupportedOperator
from edgemm.model.state import RecurrentState
from edgemm.quantize import Reference

Array = npt.NDArray[Any]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
INPUT, HIDDEN, WHOLE = 5, 6, 12


def recurrent(kind: str, steps: int | str, *, more: str = "", initial: float | None = None) -> ir.Model:
    """x [steps, 1, INPUT] -> y [steps, 1, 1, HIDDEN]."""
    rows = GATES[kind] * HIDDEN
    first = "" if initial is None else ", , h"
    constants = {"w": normal(1, rows, INPUT), "r": normal(1, rows, HIDDEN), "b": normal(1, 2 * rows)}
    if initial is not None:
        constants["h"] = np.full((1, 1, HIDDEN), initial, np.float32)
    return parsed(
        f"""g (float[{steps},1,{INPUT}] x) => (float[{steps},1,1,{HIDDEN}] y) {{
            y = {kind}<hidden_size={HIDDEN}{more}>(x, w, r, b{first}) }}""",
        **constants,
    )


def causal(steps: int | str, attributes: str = "pads=[4,0], dilations=[2]") -> ir.Model:
    """x [1, INPUT, steps] -> y [1, 3, steps]: two convolutions."""
    return parsed(
        f"""g (float[1,{INPUT},{steps}] x) => (float[1,3,{steps}] y) {{
            a = Conv<{attributes}>(x, u, b)  r = Relu(a)  y = Conv<pads=[2,0]>(r, v, d) }}""",
        u=normal(6, INPUT, 3),
        b=normal(6),
        v=normal(3, 6, 3),
        d=normal(3),
    )


def mean(steps: int | str) -> ir.Model:
    """A causal convolution, and the mean of the steps that there are."""
    return parsed(
        f"""g (float[1,{INPUT},{steps}] x) => (float[1,6,1] y) {{
            a = Conv<pads=[2,0]>(x, u, b)  y = ReduceMean<axes=[2]>(a) }}""",
        u=normal(6, INPUT, 3),
        b=normal(6),
    )


def saved(model: ir.Model, path: Path) -> Path:
    onnx.save(ir.to_proto(model), path)
    return path


def together(whole: ir.Model, step: ir.Model, axis: int, steps: int) -> tuple[Array, Array]:
    """What the whole sequence gives, and what the calls give one after the other."""
    canonicalize(whole)
    canonicalize(step)
    pairs = add_states(step)
    canonicalize(step)
    source = whole.graph.inputs[0]
    assert source.shape is not None
    x = normal(*(int(size) for size in source.shape.numpy()), scale=1.0)
    runner = StepRunner(step, pairs)
    calls = [runner.run({"x": part})["y"] for part in steps_of(x, steps, axis)]
    return Reference(whole).run({"x": x})["y"], np.concatenate(calls, axis)


@pytest.mark.parametrize(("kind", "steps"), list(product(GATES, (1, 3))))
def test_a_recurrent_layer_in_calls_is_the_whole(kind: str, steps: int) -> None:
    truth, found = together(recurrent(kind, WHOLE), recurrent(kind, steps), 0, steps)
    np.testing.assert_allclose(found, truth, atol=1e-6)  # float32 sums in another order


@pytest.mark.parametrize("steps", [1, 3])
def test_a_causal_convolution_in_calls_is_the_whole(steps: int) -> None:
    truth, found = together(causal(WHOLE), causal(steps), 2, steps)
    np.testing.assert_allclose(found, truth, atol=1e-6)  # float32 sums in another order


def test_a_state_that_is_asked_for_already_comes_out_twice() -> None:
    model = parsed(
        f"""g (float[2,1,{INPUT}] x) => (float[1,1,{HIDDEN}] h) {{
            y, h = GRU<hidden_size={HIDDEN}>(x, w, r, b) }}""",
        w=normal(1, 18, INPUT),
        r=normal(1, 18, HIDDEN),
        b=normal(1, 36),
    )
    canonicalize(model)
    (pair,) = add_states(model)
    canonicalize(model)
    found = StepRunner(model, (pair,)).run({"x": normal(2, 1, INPUT)})
    np.testing.assert_array_equal(found["h"], found[pair.output])


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (recurrent("LSTM", 3, more=', direction="reverse"'), "reads the sequence reverse"),
        (recurrent("GRU", 3, initial=0.5), "initial state is not zero"),
        (causal(3, "pads=[2,2], dilations=[2]"), r"expected 4 zeros .* found pads \[2, 2\]"),
        (causal(4, "pads=[2,0], strides=[2]"), "stride 2"),
        (parsed("g (float[1,4] x) => (float[1,4] y) { y = Relu(x) }"), "found none"),
    ],
)
def test_what_cannot_go_step_by_step_is_refused(model: ir.Model, reason: str) -> None:
    canonicalize(model)
    with pytest.raises(UnsupportedOperator, match=reason):
        add_states(model)


def test_what_mixes_steps_is_found_out(tmp_path: Path) -> None:
    path = saved(mean("T"), tmp_path / "mean.onnx")
    with pytest.raises(ConversionError, match="differs from the whole sequence"):
        convert(path, output=tmp_path / "m.tflite", shapes={"x": (1, INPUT, 2)}, stepwise=2)
    assert not (tmp_path / "m.tflite").exists()


def test_fixed_sizes_cannot_be_checked_and_that_is_said(tmp_path: Path) -> None:
    done = convert(mean(2), output=tmp_path / "m.onnx", stepwise=2, scheme="float")
    assert any("not held against the whole sequence" in note for note in done.notes)


def test_the_dimension_must_be_one_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="time along dimension 3"):
        convert(causal(2), output=tmp_path / "m.onnx", stepwise=3)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_two_streams_of_one_artifact_do_not_touch(tmp_path: Path, suffix: str) -> None:
    source, out = saved(causal("T"), tmp_path / "c.onnx"), tmp_path / f"step.{suffix}"
    known = [normal(1, INPUT, 40, seed=seed, scale=1.0) for seed in range(8)]
    convert(source, output=out, calibrate=known, shapes={"x": (1, INPUT, 1)}, stepwise=2, scheme="static")
    whole = Reference(source.read_bytes())
    with edgemm.load(out) as model:
        backend = model.backend
        streams = [RecurrentState(model.card.states, backend.inputs, backend.outputs) for _ in range(2)]
        found: list[list[Array]] = [[], []]
        for step, which in product(range(20), (0, 1)):
            streams[which].put(backend)
            now = known[which][:, :, step : step + 1]
            backend.input_buffer(0)[...] = backend.inputs[0].quantize(now)
            backend.run()
            streams[which].take(backend)
            found[which].append(backend.outputs[0].dequantize(backend.output_buffer(0)).copy())
    for which in (0, 1):
        truth = whole.run({"x": known[which][:, :, :20]})["y"]
        noise = np.concatenate(found[which], axis=2) - truth
        assert 10 * np.log10(np.square(truth).sum() / np.square(noise).sum()) > 30  # dB, int8


def test_a_state_is_never_requantized_between_calls(tmp_path: Path) -> None:
    known = [normal(1, INPUT, 40, seed=seed, scale=1.0) for seed in range(8)]
    out = tmp_path / "step.tflite"
    convert(causal(1), output=out, calibrate=known, stepwise=2, scheme="static", gate="off")
    with edgemm.load(out) as model:
        ins, outs = ({spec.name: spec for spec in specs} for specs in (model.inputs, model.outputs))
        assert len(model.card.states) == 2
        for pair in model.card.states:
            one, other = ins[pair.input], outs[pair.output]
            assert one.dtype == "int8"
            assert (one.scale, one.zero_point) == (other.scale, other.zero_point)


def test_from_the_command_line(tmp_path: Path) -> None:
    source, out = saved(recurrent("GRU", "T"), tmp_path / "gru.onnx"), tmp_path / "gru.tflite"
    np.savez(tmp_path / "known.npz", x=normal(4, 30, 1, INPUT, scale=1.0))
    command = ["convert", str(source), "-o", str(out), "--shape", f"x=1,1,{INPUT}", "--stepwise", "0"]
    assert main([*command, "--calibrate", str(tmp_path / "known.npz")]) == 0
    with edgemm.load(out) as model:
        assert [(pair.input, pair.output) for pair in model.card.states] == [("GRU_y_h", "GRU_y_h_after")]
        assert all(outcome.ok for outcome in model.replay_goldens())


@pytest.mark.parametrize(("kind", "suffix"), list(product(GATES, ("tflite", "onnx"))))
def test_equal_conversions_are_equal_bytes(tmp_path: Path, kind: str, suffix: str) -> None:
    for name in ("a", "b"):
        convert(recurrent(kind, WHOLE), output=tmp_path / f"{name}.{suffix}", scheme="dynamic", gate="off")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([normal(1, INPUT, 1)], "at least one call, 2 steps, found 1"),
        ([np.full((1, INPUT, 4), np.nan)], "sample 0, input 'x': expected finite numbers"),
        ({"x": normal(1, INPUT, 4)}, "found dict"),
        (["text"], "Give plain numbers"),
    ],
)
def test_sequences_that_do_not_fit_name_their_option(data: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, ConversionError), match=f"^--evaluate.*{reason}"):
        convert(causal(2), output=tmp_path / "m.onnx", evaluate=data, stepwise=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "task", "told"), [("LSTM", "transcription", 1), ("GRU", "tensors", 0)])
def test_a_recogniser_that_forgets_at_each_window_says_so(
    tmp_path: Path, kind: str, task: str, told: int
) -> None:
    path = saved(recurrent(kind, "T"), tmp_path / "m.onnx")
    card = ModelCard(task=task, inputs=(InputCard("x"),), outputs=(OutputCard("y"),))
    notes = prepare(path, card=card, shapes={"x": (4, 1, INPUT)}).notes
    assert sum(f"{kind}: begins anew with each window" in each for each in notes) == told
    stepped = prepare(path, card=card, time_axis=0, shapes={"x": (1, 1, INPUT)}).notes
    assert not any("begins anew" in each for each in stepped)
