"""The bundled recogniser on strings of the speaker held out: int8 against float, a stream against the whole."""

from __future__ import annotations

import pytest
from needs import package
from speakers import recordings_in

from edgemm import data
from edgemm.converters import convert
from tests.by_hand.shared_files import shared

for each in ("torch", "ai_edge_litert", "onnxruntime", "onnx_ir"):
    package(each)
pytestmark = [pytest.mark.shared, pytest.mark.slow]
HELD_OUT = "yweweler"


def test_int8_hears_what_float_hears_when_it_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    from spoken_strings import spoken_strings
    from string_measures import measured

    recordings = [each for each in recordings_in(shared("data/fsdd")) if each.speaker == HELD_OUT]
    strings = spoken_strings(recordings, 100, 7)
    step = tmp_path_factory.mktemp("float") / "step.onnx"
    source = data.path("models/digits_ctc.onnx")
    convert(source, output=step, shapes={"sound": (1, 4, 24)}, stepwise=1, scheme="float")
    in_float = measured(step, strings)
    assert in_float.word_error <= 0.12
    assert in_float.streams_alike == 1.0
    for name in ("digits_ctc.int8.tflite", "digits_ctc.int8.onnx"):
        found = measured(data.path(f"models/{name}"), strings)
        assert found.word_error <= in_float.word_error + 0.01
        assert found.streams_alike == 1.0
        assert found.begins_within >= 0.98
        assert found.ends_within >= 0.99


def test_a_final_result_comes_within_the_silence_and_a_tenth_of_a_second_in_noise() -> None:
    from benchmarks.digit_strings import DIGITS, NOISY, finals

    found = finals(shared(DIGITS).parents[1], "digits_ctc.int8.tflite", 20)
    assert found["within"] == NOISY
    assert found["word_error"] <= 0.16
    assert found["least_s"] >= 0.5
