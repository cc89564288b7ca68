"""Options at run time: from Python, words of a command line and app files, checked as the card's own keys are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from needs import needs
from tiny_models import Make

import edgemm
from edgemm import data
from edgemm.card import ModelCard
from edgemm.card.options import from_words, with_options
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.session import NO_CLOCK
from edgemm.tasks.keyword import KeywordRecipe

pytestmark = pytest.mark.device
LOUD = np.full(80, 0.5, np.float32)  # the model gives it 0.5
WORDS = ModelCard(task="keyword", recipe=KeywordRecipe(threshold=0.8, smooth_windows=3))


def test_an_option_takes_the_place_of_the_card_s() -> None:
    recipe = with_options(WORDS, {"threshold": 0.25}).recipe
    assert (recipe.threshold, recipe.smooth_windows) == (0.25, 3)
    assert WORDS.recipe.threshold == 0.8


def test_a_card_without_a_section_has_defaults() -> None:
    assert with_options(ModelCard(task="classification"), {"top_k": 4}).recipe.top_k == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"treshold": 0.3},
            "option 'treshold' of a model for keyword: expected one of threshold.*Did you mean",
        ),
        ({"smooth_windows": 2}, "option 'smooth_windows' of a model for keyword: expected one of threshold"),
        ({"threshold": 1.5}, "option threshold: expected 0 to 1, found 1.5"),
        ({"threshold": "high"}, 'option threshold: expected a number, found "high"'),
        ({"threshold": True}, "option threshold: expected a number, found True"),
    ],
)
def test_what_is_no_option_or_out_of_bounds_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_options(WORDS, options)


def test_a_task_without_options_says_so() -> None:
    with pytest.raises(InputError, match="option 'threshold' of a model for tensors: it has none"):
        with_options(ModelCard(), {"threshold": 0.5})
    with pytest.raises(InputError, match="a model for audio has none in this version"):
        with_options(ModelCard(task="audio"), {"threshold": 0.5})


def test_words_of_a_command_line() -> None:
    assert from_words(["threshold=0.3", "top-k=2", "classes=person,dog"]) == {
        "threshold": 0.3,
        "top_k": 2,
        "classes": "person,dog",
    }
    for wrong in ("threshold", "=3"):
        with pytest.raises(InputError, match="expected NAME=VALUE"):
            from_words([wrong])


def test_a_model_and_each_of_its_streams_have_their_own(make: Make, loud_card: ModelCard) -> None:
    model = make("loud.tflite", loud_card)
    sound = edgemm.AudioBlock(LOUD, 8000, 0, 0)

    def detected(**options: Any) -> bool:
        session = model.session(**options)
        (found,) = session.feed(sound, NO_CLOCK)
        session.close()
        return bool(found.value.detected)  # type: ignore[attr-defined]

    assert detected()
    assert not detected(threshold=1.0)
    assert detected(threshold=0.5)
    with pytest.raises(InputError, match="expected 0 to 1"):
        model.session(threshold=2)
    with edgemm.load(model.artifact.path, threshold=1.0) as strict:
        assert not strict(LOUD, sample_rate=8000).detected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.float32(0.5), 0.5), (np.array(0.25), 0.25), (1, 1.0), (np.int64(0), 0.0)],
)
def test_numbers_of_numpy_are_numbers(value: Any, expected: float) -> None:
    assert with_options(WORDS, {"threshold": value}).recipe.threshold == expected


@pytest.mark.parametrize("value", [("a", "b"), ["a", "b"], "a, b", np.array(["a", "b"]), {"a", "b"}])
def test_a_list_of_names_in_any_form(value: Any) -> None:
    card = ModelCard(task="detection", labels=("a", "b"))
    assert sorted(with_options(card, {"classes": value}).recipe.classes) == ["a", "b"]


@pytest.mark.parametrize("value", [None, True, 1.5j])
def test_what_is_no_list_of_names_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="option classes: expected a list"):
        with_options(ModelCard(task="detection"), {"classes": value})


def test_an_option_that_does_not_fit_the_model_is_a_mistake_of_the_call() -> None:
    """Not of the card, which is right: no advice to write another."""
    needs(opencv)
    with pytest.raises(InputError, match=r"option classes: .*'11'") as caught:
        edgemm.load(data.path("models/scene_detector.onnx"), classes=("11",))
    assert "card set" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_argument_that_is_misspelt_is_told() -> None:
    with pytest.raises(InputError, match="Did you mean 'threads'"):
        with_options(WORDS, {"thread": 2})


def test_an_option_of_other_models_is_no_slip_of_the_pen() -> None:
    with pytest.raises(InputError, match="option 'threshold' of a model for transcription") as caught:
        with_options(ModelCard(task="transcription"), {"threshold": 0.9})
    assert "Did you mean" not in str(caught.value)


def test_a_session_over_bare_tensors_takes_no_options(make: Make) -> None:
    with pytest.raises(InputError, match="options threshold: a session over bare tensors decodes nothing"):
        make("add.onnx").session(threshold=0.5)


def test_a_file_without_a_card_has_no_options(make: Make) -> None:
    path = make("add.onnx").artifact.path
    with pytest.raises(InputError, match="options threshold: this file has no card"):
        edgemm.load(path, threshold=0.5)


def test_a_recipe_of_another_task_is_refused(make: Make, quadrant_card: ModelCard) -> None:
    path = make("quadrant.tflite", quadrant_card).artifact.path
    with pytest.raises(
        edgemm.CardError, match="expected ClassificationRecipe for task 'classification', found Keyword"
    ):
        edgemm.load(path, card=quadrant_card.with_(recipe=KeywordRecipe()))


@pytest.mark.parametrize(
    ("text", "value"), [(".2", 0.2), ("5.", 5.0), ("1e-1", 0.1), ("nan", "nan"), ("inf", "inf")]
)
def test_numbers_as_people_write_them(text: str, value: Any) -> None:
    assert from_words([f"iou={text}"]) == {"iou": value}


def test_an_option_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="option max_detections: it is given twice"):
        from_words(["max-detections=3", "max_detections=4"])


@pytest.mark.parametrize("text", [",", "a,", "", " , b"])
def test_a_list_with_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="option classes: expected names with commas between"):
        with_options(ModelCard(task="detection", labels=("a", "b")), {"classes": text})
