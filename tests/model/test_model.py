"""A loaded model: strict tensors, stateless calls, private streams, goldens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.artifact.goldens import Goldens
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.errors import CardError, InputError, UnsupportedVersion
from edgemm.media import AudioBlock, Frame
from edgemm.results import Classification, Keyword, Tensors

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
Make = Callable[..., edgemm.Model]
QUADRANTS = ("top left", "top right", "bottom left", "bottom right")


def pair(a: float, b: float) -> Any:
    return np.array([[a, b]], np.float32)


# run: tensors as stored


def test_run_gives_every_output_by_name(total: edgemm.Model) -> None:
    found = total.run({"x": pair(1, 2), "before": pair(10, 20)})
    np.testing.assert_array_equal(found["total"], pair(11, 22))


def test_run_gives_copies(total: edgemm.Model) -> None:
    first = total.run({"x": pair(1, 2), "before": pair(0, 0)})
    total.run({"x": pair(5, 5), "before": pair(0, 0)})
    np.testing.assert_array_equal(first["total"], pair(1, 2))


def test_run_fills_out(total: edgemm.Model) -> None:
    out = {"total": np.empty((1, 2), np.float32)}
    found = total.run({"x": pair(1, 2), "before": pair(0, 0)}, out=out)
    assert found["total"] is out["total"]
    np.testing.assert_array_equal(out["total"], pair(1, 2))


def test_run_keeps_integers_as_the_file_stores_them(quadrant: edgemm.Model) -> None:
    pixels = np.full((1, 2, 2, 1), -128, np.int8)
    assert quadrant.run({"pixels": pixels})["scores"].dtype == np.int8


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": pair(1, 2)}, "missing 'before'"),
        ({"x": pair(1, 2), "after": pair(1, 2)}, "missing 'before', unknown 'after'"),
        ({"x": pair(1, 2), "before": pair(1, 2), "y": pair(1, 2)}, "unknown 'y'"),
        ({"x": pair(1, 2)[0], "before": pair(1, 2)}, r"'x': expected float32\[1, 2\], found float32\[2\]"),
        ({"x": pair(1, 2).astype(float), "before": pair(1, 2)}, r"'x'.*found float64\[1, 2\]"),
        ({"x": [[1, 2]], "before": pair(1, 2)}, "'x': expected a numpy array, found list"),
        (pair(1, 2), "mapping of names to arrays.*found ndarray"),
        ([pair(1, 2), pair(1, 2)], "mapping of names to arrays.*found list"),
        (None, "found NoneType"),
    ],
)
def test_run_refuses_what_does_not_fit(total: edgemm.Model, inputs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        total.run(inputs)


def test_run_says_how_real_numbers_become_stored_ones(quadrant: edgemm.Model) -> None:
    with pytest.raises(InputError, match=r"model\.inputs\[0\]\.quantize"):
        quadrant.run({"pixels": np.zeros((1, 2, 2, 1), np.float32)})


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ({"sum": pair(0, 0)}, "unknown 'sum'"),
        ({"total": pair(0, 0)[0]}, r"'total': expected a writeable float32\[1, 2\], found float32\[2\]"),
        (pair(0, 0), "out: expected a mapping of names to arrays.*found ndarray"),
    ],
)
def test_run_refuses_an_out_that_does_not_fit(total: edgemm.Model, out: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        total.run({"x": pair(1, 2), "before": pair(0, 0)}, out=out)


def test_run_refuses_an_out_that_is_read_only(total: edgemm.Model) -> None:
    out = pair(0, 0)
    out.flags.writeable = False
    with pytest.raises(InputError, match="read-only"):
        total.run({"x": pair(1, 2), "before": pair(0, 0)}, out={"total": out})


def test_run_gives_an_output_whose_size_is_found_while_running(make: Make) -> None:
    model = make("where.tflite")
    with pytest.raises(InputError, match="found ndarray"):
        model.run(np.ones(4, bool))  # type: ignore[arg-type]
    for wanted in ([1], [0, 2, 3], []):
        found = model.run({"x": np.isin(np.arange(4), wanted)})
        np.testing.assert_array_equal(found["places"].ravel(), wanted)


def test_a_closed_model_says_so(total: edgemm.Model) -> None:
    total.close()
    total.close()
    with pytest.raises(InputError, match="closed"):
        total.run({"x": pair(1, 2), "before": pair(0, 0)})


def test_a_call_that_waits_for_its_turn_while_the_model_is_closed_says_so(quadrant: edgemm.Model) -> None:
    class Closing:
        """Another thread has its turn, and closes the model."""

        def __enter__(self) -> None:
            quadrant.close()

        def __exit__(self, *error: object) -> None: ...

    quadrant(np.zeros((2, 2), np.uint8))
    quadrant._turn = Closing()  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"the model quadrant.tflite is closed: load it again"):
        quadrant(np.zeros((2, 2), np.uint8))


def test_two_threads_take_turns(total: edgemm.Model) -> None:
    wrong: list[Any] = []

    def work(value: float) -> None:
        for _ in range(300):
            found = total.run({"x": pair(value, value), "before": pair(value, -value)})["total"]
            if not np.array_equal(found, pair(2 * value, 0)):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(value,)) for value in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# the card and the file


def test_a_file_without_a_card_takes_and_gives_tensors() -> None:
    with edgemm.load(ASSETS / "add.onnx") as model:
        assert (model.card.task, model.artifact.card) == ("tensors", None)
        result = model(np.array([21], np.float32))
    assert isinstance(result, Tensors)
    assert result.values["y"] == 42


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": (InputCard("pixel", shape=(1, 2, 2, 1)),)}, "does not describe input 'pixels'"),
        (
            {"inputs": (InputCard("pixels", shape=(1, 4, 4, 1)),)},
            r"says shape \[1, 4, 4, 1\], the file has \[1, 2, 2, 1\]",
        ),
        (
            {"outputs": (OutputCard("score", (1, 4), "logits"),)},
            "'score' of the card is not in the file, which has scores",
        ),
        ({"labels": ("a", "b")}, "one label for each of its 4 scores, found 2"),
    ],
)
def test_a_card_that_speaks_of_another_file(
    make: Make, quadrant_card: ModelCard, changes: Any, message: str
) -> None:
    with pytest.raises(CardError, match=message):
        make("quadrant.tflite", quadrant_card.with_(**changes))


def test_a_task_of_a_later_version_still_runs_raw(make: Make, quadrant_card: ModelCard) -> None:
    model = make("quadrant.tflite", quadrant_card.with_(task="audio"))
    assert model.run({"pixels": np.zeros((1, 2, 2, 1), np.int8)})["scores"].shape == (1, 4)
    with pytest.raises(UnsupportedVersion, match="task 'audio'"):
        model(np.zeros((2, 2), np.uint8))


# calling: pictures


@pytest.mark.parametrize("where", range(4))
def test_a_picture_is_classified(quadrant: edgemm.Model, where: int) -> None:
    picture = np.zeros((2, 2), np.uint8)
    picture.flat[where] = 255
    found = quadrant(picture)
    assert isinstance(found, Classification)
    assert found.label == QUADRANTS[where]
    # softmax of (8, 0, 0, 0) is 0.99900; the output has steps of 1/256 and ends at 255/256
    assert found.score == pytest.approx(255 / 256, abs=1 / 256)


def test_a_frame_says_its_own_colour(quadrant: edgemm.Model) -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[0, 1] = (255, 0, 0)  # as RGB, grey 76; as BGR, blue, grey 29
    as_rgb, as_bgr = (quadrant(Frame(red, 0, 0, color)) for color in ("rgb", "bgr"))
    assert isinstance(as_rgb, Classification)
    assert isinstance(as_bgr, Classification)
    assert as_rgb.score > as_bgr.score
    assert as_rgb.score == quadrant(red).score  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", [np.zeros(4, np.uint8), "photo.png", [[0, 1], [2, 3]]])
def test_what_is_no_picture_is_refused(quadrant: edgemm.Model, wrong: Any) -> None:
    with pytest.raises(InputError, match="the model takes pictures"):
        quadrant(wrong)


@pytest.mark.parametrize("wrong", [np.zeros(4, np.uint8), np.zeros((2, 2)), "photo.png", [[0, 1], [2, 3]]])
def test_the_second_call_checks_as_the_first(quadrant: edgemm.Model, wrong: Any) -> None:
    picture = np.zeros((2, 2), np.uint8)
    picture[1, 0] = 255
    for _ in range(2):
        assert quadrant(picture).label == "bottom left"  # type: ignore[attr-defined]
        assert quadrant({"pixels": np.eye(2, dtype=np.float32).reshape(1, 2, 2, 1)}) is not None
        with pytest.raises(InputError, match="picture"):
            quadrant(wrong)
        tall = np.repeat(picture, 3, axis=0)
        assert quadrant(tall).label == "bottom left"  # type: ignore[attr-defined]
    quadrant.close()
    with pytest.raises(InputError, match="closed"):
        quadrant(picture)


def test_a_mapping_is_taken_as_prepared_and_real(quadrant: edgemm.Model) -> None:
    real = np.array([0, 0, 1, 0], np.float32).reshape(1, 2, 2, 1)
    found = quadrant({"pixels": real})
    assert isinstance(found, Classification)
    assert found.label == "bottom left"


# calling: sound


def test_sound_is_judged(loud: edgemm.Model) -> None:
    found = loud(np.ones(80, np.float32), sample_rate=8000)
    assert isinstance(found, Keyword)
    assert (found.label, found.detected, found.end_s) == ("loud", True, 0.01)


def test_bare_samples_need_their_rate(loud: edgemm.Model) -> None:
    with pytest.raises(InputError, match="sample_rate=16000"):
        loud(np.ones(80, np.float32))


def test_a_call_leaves_nothing_behind(loud: edgemm.Model) -> None:
    noise = AudioBlock(np.ones(200, np.float32), 8000, 0, 0)
    still = AudioBlock(np.zeros(80, np.float32), 8000, 0, 0)
    before = loud(still).to_json()
    loud(noise)
    assert loud(still).to_json() == before


# recurrent models


def test_a_call_starts_from_zero_state(make: Make, total_card: ModelCard) -> None:
    model = make("total.tflite", total_card)
    for _ in range(2):
        result = model(pair(1, 2))
        assert isinstance(result, Tensors)
        np.testing.assert_array_equal(result.values["total"], pair(1, 2))


# goldens


def golden(bright: int) -> Goldens:
    pixels = np.full((1, 2, 2, 1), -128, np.int8)
    pixels.flat[0] = 127
    scores = np.array([[bright, -128, -128, -128]], np.int8)
    return Goldens(({"pixels": pixels},), ({"scores": scores},), {"scores": 2 / 256})


def test_goldens_are_compared_in_real_units(make: Make, quadrant_card: ModelCard) -> None:
    (outcome,) = make("quadrant.tflite", quadrant_card, golden(127)).replay_goldens()
    assert outcome.ok
    assert outcome.tolerance == 2 / 256


def test_a_golden_that_is_missed(make: Make, quadrant_card: ModelCard) -> None:
    (outcome,) = make("quadrant.tflite", quadrant_card, golden(117)).replay_goldens()
    assert not outcome.ok
    # 10 steps of 1/256 away; the kernel may round the softmax one step down
    assert outcome.worst_error == pytest.approx(10 / 256, abs=1 / 256)


def test_goldens_of_another_model_are_refused(make: Make, quadrant_card: ModelCard) -> None:
    goldens = Goldens(golden(127).inputs, ({"other": np.zeros(1, np.int8)},), {"other": 0.1})
    with pytest.raises(CardError, match="found 1 inputs, 1 outputs of other"):
        make("quadrant.tflite", quadrant_card, goldens).replay_goldens()


def test_no_goldens_is_an_error(quadrant: edgemm.Model) -> None:
    with pytest.raises(CardError, match="no goldens"):
        quadrant.replay_goldens()
