"""Sessions: the private state of a stream over a shared model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.backends import open_backend
from edgemm.capture import open_source
from edgemm.card import ModelCard, StatePair
from edgemm.errors import CardError, InputError
from edgemm.media import AudioBlock, Frame
from edgemm.model.state import RealOutputs, RecurrentState
from edgemm.results import Classification, Keyword
from edgemm.session import NO_CLOCK, Gap, Session

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
Make = Callable[..., edgemm.Model]
RATE = 8000


class Stages:
    """A clock that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self, stage: str) -> None:
        self.heard.append(stage)

    def stop(self) -> None:
        self.heard.append("stop")


def block(samples: Any, position: int, gap: int = 0) -> AudioBlock:
    return AudioBlock(np.asarray(samples, np.float32), RATE, 0, position, gap)


def heard(session: Session, *blocks: AudioBlock) -> list[Keyword]:
    found = []
    for one in blocks:
        if one.gap_samples:
            found += list(session.gap(Gap(one.gap_samples), NO_CLOCK))
        found += list(session.feed(one, NO_CLOCK))
    values = [each.value for each in found]
    assert all(isinstance(each, Keyword) for each in values)
    return values  # type: ignore[return-value]


def test_both_kinds_are_sessions(quadrant: edgemm.Model, loud: edgemm.Model) -> None:
    assert callable(quadrant.session().feed)
    sessions: list[Session] = [quadrant.session(), loud.session()]  # checked by mypy
    for each in sessions:
        each.close()
        each.close()


def test_a_frame_gives_one_result_and_its_stages(quadrant: edgemm.Model) -> None:
    clock = Stages()
    (found,) = quadrant.session().feed(Frame(np.array([[0, 0], [0, 255]], np.uint8), 7, 0, "gray"), clock)
    assert isinstance(found.value, Classification)
    assert (found.value.label, found.begin_ns, found.newest_ns, found.final) == ("bottom right", 7, 7, True)
    assert clock.heard == ["preprocess", "infer", "decode", "stop"]


def test_a_block_gives_one_result_per_window(loud: edgemm.Model) -> None:
    session = loud.session()
    assert heard(session, block(np.ones(60), 0)) == []
    found = heard(session, block(np.ones(100), 60))  # windows end at 80, 120 and 160 samples
    assert [(each.start_s, each.end_s) for each in found] == [(0.0, 0.01), (0.005, 0.015), (0.01, 0.02)]


def test_a_result_is_as_old_as_the_last_sample_of_its_window(loud: edgemm.Model) -> None:
    first = AudioBlock(np.ones(60, np.float32), RATE, 5_000_000, 0)
    then = AudioBlock(np.ones(100, np.float32), RATE, 20_000_000, 60)
    session = loud.session()
    found = [each for one in (first, then) for each in session.feed(one, NO_CLOCK)]
    # windows of 10 ms end 20, 60 and 100 samples into the second block, at 8 samples in a millisecond
    assert [each.newest_ns for each in found] == [22_500_000, 27_500_000, 32_500_000]
    assert [each.newest_ns - each.begin_ns for each in found] == [10_000_000] * 3


def test_the_stages_of_each_window_are_timed(loud: edgemm.Model) -> None:
    clock = Stages()
    assert len(list(loud.session().feed(block(np.ones(120), 0), clock))) == 2
    once = ["preprocess", "infer", "decode", "stop"]
    assert clock.heard == [*once, *once, "preprocess", "stop"]


def test_a_gap_resets_and_time_goes_on_from_behind_it(loud: edgemm.Model) -> None:
    session = loud.session()
    heard(session, block(np.ones(60), 0))
    found = heard(session, block(np.zeros(80), 160, gap=100))
    assert [(each.label, each.end_s) for each in found] == [("quiet", 0.03)]


def test_two_streams_of_one_model_do_not_touch(loud: edgemm.Model) -> None:
    one, other = loud.session(), loud.session()
    heard(one, block(np.ones(40), 0))
    heard(other, block(np.zeros(40), 0))
    assert heard(one, block(np.ones(40), 40))[0].label == "loud"
    assert heard(other, block(np.zeros(40), 40))[0].label == "quiet"


def test_a_reset_forgets_what_was_heard(loud: edgemm.Model) -> None:
    session = loud.session()
    heard(session, block(np.ones(79), 0))
    session.reset()
    assert heard(session, block(np.ones(79), 79)) == []


def test_streaming_equals_the_whole_recording(loud: edgemm.Model) -> None:
    sound = np.linspace(0, 1, 80, dtype=np.float32)
    (streamed,) = heard(loud.session(), *(block(sound[at : at + 10], at) for at in range(0, 80, 10)))
    whole = loud(sound, sample_rate=RATE)
    assert isinstance(whole, Keyword)
    assert (streamed.label, streamed.score) == (whole.label, whole.score)


def test_the_wrong_thing_is_refused(quadrant: edgemm.Model, loud: edgemm.Model) -> None:
    with pytest.raises(InputError, match="takes pictures: expected a Frame, found AudioBlock"):
        quadrant.session().feed(block([0], 0), NO_CLOCK)
    with pytest.raises(InputError, match="takes sound: expected an AudioBlock, found Frame"):
        list(loud.session().feed(Frame(np.zeros((2, 2), np.uint8), 0, 0, "gray"), NO_CLOCK))


def test_a_model_of_bare_tensors_has_no_stream(make: Make) -> None:
    with (
        open_source(str(data.path("spoken_digits"))) as source,
        pytest.raises(
            CardError, match="expected a card that says how pictures, sound or text become the input"
        ),
    ):
        make("add.onnx").stream(source)


def test_outputs_become_real_without_new_memory() -> None:
    backend = open_backend(read_artifact(ASSETS / "quadrant.tflite"))
    reader, (spec,) = RealOutputs(backend.outputs), backend.outputs
    backend.input_buffer(0)[...] = np.array([-128, 0, 50, 127], np.int8).reshape(1, 2, 2, 1)
    backend.run()
    first = reader.read(backend)[0]
    np.testing.assert_array_equal(first, spec.dequantize(backend.output_buffer(0)))
    assert reader.read(backend)[0] is first


def test_the_state_of_one_step_is_the_input_of_the_next() -> None:
    backend = open_backend(read_artifact(ASSETS / "total.tflite"))
    state = RecurrentState((StatePair("total", "before"),), backend.inputs, backend.outputs)
    sums = []
    for value in (1.0, 2.0, 3.0):
        backend.input_buffer(0)[...] = value
        state.put(backend)
        backend.run()
        state.take(backend)
        sums.append(float(backend.output_buffer(0)[0, 0]))
    assert sums == [1.0, 3.0, 6.0]


def test_a_state_of_another_scale_goes_through_real_numbers() -> None:
    backend = open_backend(read_artifact(ASSETS / "quadrant.tflite"))
    narrow, wide = backend.outputs[0], edgemm_spec("wide", 0.5, 3)
    backend.input_buffer(0)[...] = -128
    backend.run()  # four times 1/4
    state = RecurrentState((StatePair(narrow.name, "wide"),), (wide,), backend.outputs)
    state.take(backend)
    put = Recorder()
    state.put(put)  # type: ignore[arg-type]
    np.testing.assert_array_equal(put.buffer, wide.quantize(np.full((1, 4), 0.25, np.float32)))


def edgemm_spec(name: str, scale: float, zero_point: int) -> Any:
    from edgemm.tensors import TensorSpec

    return TensorSpec(name, (1, 4), "int8", scale, zero_point)


class Recorder:
    """Takes what a state puts into its only input."""

    def __init__(self) -> None:
        self.buffer = np.zeros((1, 4), np.int8)

    def input_buffer(self, index: int) -> Any:
        return self.buffer


def test_a_state_that_is_not_in_the_file(make: Make, total_card: ModelCard) -> None:
    backend = open_backend(read_artifact(ASSETS / "total.tflite"))
    with pytest.raises(CardError, match="state 'sum' of the card is not in the file"):
        RecurrentState((StatePair("sum", "before"),), backend.inputs, backend.outputs)
