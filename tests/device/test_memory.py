"""What models remember between runs: variables in the runtime, recurrent state, caches of causal layers, constants."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgemm
from edgemm.artifact import read_artifact
from edgemm.backends import Backend, open_backend
from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.errors import CardError, InputError
from edgemm.media import AudioBlock
from edgemm.model.sessions import ModelSession, TensorSession
from edgemm.model.state import RecurrentState
from edgemm.session import NO_CLOCK
from edgemm.tasks.keyword import KeywordRecipe
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
Make = Callable[..., edgemm.Model]
ROUNDING = 1e-6
"""Of sums of a few float32 products below 10, in another order."""


def backend_of(asset: str) -> Backend:
    return open_backend(read_artifact(ASSETS / asset))


def sums(session: ModelSession, *values: float) -> list[float]:
    """The running sum after each value."""
    return [float(session.step(np.full((1, 2), each, np.float32))["total"][0, 0]) for each in values]


# variables in the runtime


@pytest.mark.parametrize(
    ("asset", "stateful"), [("remembered.tflite", True), ("total.tflite", False), ("total.onnx", False)]
)
def test_a_backend_tells_that_its_model_remembers(asset: str, stateful: bool) -> None:
    assert backend_of(asset).stateful is stateful


def test_a_reset_begins_anew() -> None:
    backend = backend_of("remembered.tflite")
    for expected in (1.0, 2.0):
        backend.input_buffer(0)[...] = 1.0
        backend.run()
        assert backend.output_buffer(0)[0, 0] == expected
    backend.reset()
    backend.input_buffer(0)[...] = 5.0
    backend.run()
    assert backend.output_buffer(0)[0, 0] == 5.0


def test_a_closed_backend_is_not_reset() -> None:
    backend = backend_of("remembered.tflite")
    backend.close()
    with pytest.raises(InputError, match="the model is closed"):
        backend.reset()


def test_two_streams_of_a_model_that_remembers_do_not_touch(make: Make) -> None:
    model = make("remembered.tflite")
    one, other = model.session(), model.session()
    assert sums(one, 1, 2) == [1.0, 3.0]
    assert sums(other, 10) == [10.0]
    assert sums(one, 3) == [6.0]
    one.reset()
    assert sums(one, 4) == [4.0]
    assert sums(other, 1) == [11.0]


def test_single_calls_remember_nothing(make: Make) -> None:
    model, x = make("remembered.tflite"), {"x": np.ones((1, 2), np.float32)}
    assert [float(model.run(x)["total"][0, 0]) for _ in range(3)] == [1.0, 1.0, 1.0]


def test_a_session_closes_its_own_backend_and_leaves_the_model(make: Make) -> None:
    model = make("remembered.tflite")
    session = model.session()
    session.close()
    session.close()
    with pytest.raises(InputError, match="the session is closed"):
        sums(session, 1)
    assert model.run({"x": np.ones((1, 2), np.float32)})["total"][0, 0] == 1.0


# state that passes from an output to an input


@pytest.mark.parametrize("asset", ["total.tflite", "total.onnx"])
def test_the_state_is_carried_from_step_to_step(make: Make, total_card: ModelCard, asset: str) -> None:
    model = make(asset, total_card.with_(outputs=(OutputCard("total", (1, 2)),)))
    session = model.session()
    assert isinstance(session, TensorSession)
    assert session.step(np.ones((1, 2), np.float32)) == {}  # its only output is a state


def steps(model: edgemm.Model, parts: list[npt.NDArray[np.float32]], output: str) -> list[Any]:
    session = model.session()
    return [session.step(part)[output].copy() for part in parts]


def test_a_causal_convolution_step_by_step_is_that_of_the_whole(make: Make) -> None:
    model = make("causal.onnx", ModelCard(states=(StatePair("cache_after", "cache"),)))
    x = np.random.default_rng(1).standard_normal((2, 40)).astype(np.float32)
    parts = [x[None, :, at : at + 4] for at in range(0, 40, 4)]
    streamed = np.concatenate(steps(model, parts, "y"), axis=2)[0]
    taps = np.random.default_rng(0).standard_normal((3, 2, 3)).astype(np.float32)
    heard = np.pad(x, ((0, 0), (2, 0)))
    whole = np.array([np.correlate(heard[0], tap[0]) + np.correlate(heard[1], tap[1]) for tap in taps])
    np.testing.assert_allclose(streamed, whole, atol=ROUNDING * 10)


def test_a_recurrent_layer_step_by_step_is_that_of_the_whole(make: Make) -> None:
    stepwise = make("gru_step.onnx", ModelCard(states=(StatePair("h_after", "h"),)))
    x = np.random.default_rng(1).standard_normal((20, 1, 3)).astype(np.float32)
    streamed = np.concatenate(steps(stepwise, list(x[:, None]), "y"))
    whole = make("gru_whole.onnx").run({"x": x, "h": np.zeros((1, 1, 4), np.float32)})["y"]
    np.testing.assert_allclose(streamed, whole, atol=ROUNDING)


class Arrays:
    """The buffers of a backend whose state has another scale on each side."""

    def __init__(self, size: int) -> None:
        self.given, self.taken = np.full((1, size), 7, np.int8), np.zeros((1, size), np.int8)

    def output_buffer(self, index: int) -> Any:
        return self.given

    def input_buffer(self, index: int) -> Any:
        return self.taken


def test_a_state_of_another_scale_takes_no_new_memory() -> None:
    size = 200_000
    source, target = (
        TensorSpec("after", (1, size), "int8", 0.5, 3),
        TensorSpec("before", (1, size), "int8", 0.25, -1),
    )
    state, arrays = RecurrentState((StatePair("after", "before"),), (target,), (source,)), Arrays(size)
    backend: Any = arrays
    tracemalloc.start()
    for _ in range(3):
        state.take(backend)
        state.put(backend)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (arrays.taken == 7).all()  # (7 - 3) * 0.5 / 0.25 - 1
    assert peak < size / 2  # numpy casts through a buffer of 8,192 numbers


# tensors by hand


def test_real_numbers_and_stored_ones_are_the_same_step(make: Make, quadrant_card: ModelCard) -> None:
    inputs = (InputCard("pixels", "tensor", (1, 2, 2, 1)),)
    session = make("quadrant.tflite", quadrant_card.with_(inputs=inputs)).session()
    real = np.array([0, 0.2, 1, 0.4], np.float32).reshape(1, 2, 2, 1)
    first = session.step({"pixels": real})["scores"]
    kept = first.copy()
    stored = np.array([-128, -77, 127, -26], np.int8).reshape(1, 2, 2, 1)
    assert session.step(stored)["scores"] is first
    np.testing.assert_array_equal(first, kept)


def test_a_step_with_other_inputs_is_refused(make: Make) -> None:
    session = make("total.onnx").session()
    with pytest.raises(InputError, match="inputs: expected x, before; found x"):
        session.step({"x": np.zeros((1, 2), np.float32)})
    with pytest.raises(InputError, match=r"input 'x': expected float32\[1, 2\], found float32\[3\]"):
        session.step({"x": np.zeros(3, np.float32), "before": np.zeros((1, 2), np.float32)})


def test_a_model_of_tensors_is_not_fed_and_one_of_sound_is_not_stepped(
    make: Make, loud: edgemm.Model
) -> None:
    block = AudioBlock(np.zeros(8, np.float32), 8000, 0, 0)
    with pytest.raises(InputError, match=r"takes tensors, by step\(...\): found AudioBlock"):
        make("total.onnx").session().feed(block, NO_CLOCK)
    with pytest.raises(InputError, match=r"takes sound: expected feed\(...\)"):
        loud.session().step(np.zeros((1, 80), np.float32))


# constants


def constant_card(value: float) -> ModelCard:
    return ModelCard(inputs=(InputCard("x", shape=(1, 2)), InputCard("before", value=value)))


@pytest.mark.parametrize("asset", ["total.tflite", "total.onnx"])
def test_a_constant_input_need_not_be_given(make: Make, asset: str) -> None:
    model = make(asset, constant_card(2.5))
    x = np.array([[1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(model.session().step(x)["total"], [[3.5, 4.5]])
    called = model(x)
    assert isinstance(called, edgemm.Tensors)
    np.testing.assert_array_equal(called.values["total"], [[3.5, 4.5]])


def test_a_constant_must_fit_its_tensor() -> None:
    from edgemm.model.state import Constants

    spec = TensorSpec("sr", (), "int64")
    with pytest.raises(CardError, match=r"'sr': expected a value that int64 holds, found 0\.5"):
        Constants((InputCard("sr", value=0.5),), (spec,))
    assert Constants((InputCard("sr", value=16000.0),), (spec,)).values["sr"] == 16000


# sound before the first sample, and models that remember what they heard


def test_silence_stands_before_the_first_sample(make: Make, loud_card: ModelCard) -> None:
    recipe = AudioRecipe(
        sample_rate=8000, feature="waveform", version=2, samples=80, hop=40, stride=40, lead=40
    )
    inputs = (InputCard("sound", "audio", (1, 80), "NT", audio=recipe),)
    keyword = KeywordRecipe(background=("quiet",), refractory_s=0.0)
    session = make("loud.tflite", loud_card.with_(inputs=inputs, recipe=keyword)).session()
    found: list[Any] = list(session.feed(AudioBlock(np.full(80, 0.9, np.float32), 8000, 0, 0), NO_CLOCK))
    assert [each.value.label for each in found] == ["quiet", "loud"]  # 36 and 72, of which 40 is loud
    assert [(each.value.start_s, each.value.end_s) for each in found] == [(0.0, 0.005), (0.0, 0.01)]


def test_a_recording_is_heard_whole_by_a_model_that_remembers(make: Make) -> None:
    recipe = AudioRecipe(feature="waveform", samples=2, stride=2)
    card = ModelCard(
        inputs=(InputCard("x", "audio", (1, 2), "NT", audio=recipe),), outputs=(OutputCard("total", (1, 2)),)
    )
    for asset, given in (
        ("remembered.tflite", card),
        ("total.tflite", card.with_(states=(StatePair("total", "before"),))),
    ):
        model = make(asset, given)
        for _ in range(2):
            found = model(np.full(6, 0.5, np.float32), sample_rate=16000)
            assert isinstance(found, edgemm.Tensors)
            np.testing.assert_array_equal(found.values["total"][:, 0], [0.5, 1.0, 1.5])
