"""What is no answer of a classifier is refused: shapes and types at load, NaN and infinity at run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from decoding import answer, outputs

from edgemm.card import ModelCard, OutputCard
from edgemm.errors import ArtifactError, CardError
from edgemm.results import Classification
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.keyword import KeywordRecipe
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
TASKS = ["classification", "keyword"]


def reader(card: ModelCard, spec: TensorSpec) -> Callable[[Any], Any]:
    """What reads one output."""
    read = open_decoder(card, (spec,))
    return lambda scores: answer(read, (spec,), scores)


def card(task: Any, decode: Any = "probabilities", **fields: Any) -> ModelCard:
    return ModelCard(task=task, outputs=(OutputCard("y", (), decode),), **fields)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "shape", [(1, 3, 4), (2, 3), (3, 1), (1, 197, 10), (1, 21, 8, 8), (1, 2, 1, 2), (), (1, 0), (0,), (-1, 3)]
)
def test_a_shape_without_one_score_for_each_class_is_refused(task: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(CardError, match=r"'y': .*shape \[1, C\] or \[C\], found \["):
        open_decoder(card(task), (TensorSpec("y", shape, "float32"),))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 3, 1, 1), (1, 1, 1, 3)])
def test_dimensions_of_one_do_no_harm(task: str, shape: tuple[int, ...]) -> None:
    scores = np.array([0.1, 0.7, 0.2], np.float32).reshape(shape)
    found = reader(card(task), TensorSpec("y", shape, "float32"))(scores)
    assert found.label == "1"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "uint8", "int8"])
def test_class_numbers_and_integers_without_a_scale_are_no_scores(task: str, dtype: str) -> None:
    with pytest.raises(CardError, match=rf"float or quantized integers .* found {dtype}"):
        open_decoder(card(task), (TensorSpec("y", (1, 3), dtype),))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_scores_of_every_float(dtype: str) -> None:
    found = reader(card("classification"), TensorSpec("y", (1, 2), dtype))(np.array([[0.25, 0.75]], dtype))
    assert isinstance(found, Classification)
    assert (found.label, found.scores.dtype) == ("1", np.dtype("float32"))


def test_a_double_too_large_for_float32_is_no_score() -> None:
    read = reader(card("classification", "logits"), TensorSpec("y", (1, 2), "float64"))
    with pytest.raises(ArtifactError, match="1 of its 2 scores are NaN or infinite"):
        read(np.array([[1e300, 0.0]]))


def test_the_softmax_of_one_number_says_nothing() -> None:
    with pytest.raises(CardError, match="softmax of one number is always 1"):
        open_decoder(card("classification", "logits"), (TensorSpec("y", (1, 1), "float32"),))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("decode", ["probabilities", "logits", "sigmoid"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_scores_that_are_not_finite_are_refused(task: str, decode: str, bad: float, place: int) -> None:
    scores = np.array([[0.1, 0.2, 0.3]], np.float32)
    scores[0, place] = bad
    read = reader(card(task, decode), TensorSpec("y", (1, 3), "float32"))
    with pytest.raises(ArtifactError, match="1 of its 3 scores are NaN or inf"):  # and no warning of numpy's
        read(scores)


def test_a_window_that_is_not_finite_spoils_its_recording() -> None:
    read = open_decoder(card("classification"), (TensorSpec("y", (1, 2), "float32"),))
    specs = (TensorSpec("y", (1, 2), "float32"),)
    windows = [outputs(specs, np.array([row], np.float32)) for row in ([0.5, 0.5], [np.nan, 0.5])]
    with pytest.raises(ArtifactError, match="NaN"):
        read.whole(windows, Context(end_s=1.0), 0.0)


def test_another_number_of_scores_than_the_file_said_is_refused() -> None:
    read = reader(card("classification"), TensorSpec("y", (1, 3), "float32"))
    with pytest.raises(ArtifactError, match=r"expected 3 scores, found shape \[1, 5\]"):
        read(np.zeros((1, 5), np.float32))


def test_probabilities_that_are_none_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    read = reader(card("classification"), TensorSpec("y", (1, 2), "float32"))
    with caplog.at_level(logging.WARNING, "edgemm"):
        for _ in range(3):
            read(np.array([[-3.0, 12.5]], np.float32))
    assert [each.getMessage().partition("Are they")[0] for each in caplog.records] == [
        "output 'y': expected probabilities, 0 to 1, the model gave -3 to 12.5. "
    ]


def test_rounding_of_an_int8_output_is_no_reason_to_warn(caplog: pytest.LogCaptureFixture) -> None:
    read = reader(card("classification"), TensorSpec("y", (1, 2), "float32"))
    with caplog.at_level(logging.WARNING, "edgemm"):
        read(np.array([[-0.004, 1.004]], np.float32))
    assert not caplog.records


def test_a_word_of_one_score_is_read_with_sigmoid() -> None:
    recipe = KeywordRecipe(threshold=0.5)
    read = reader(card("keyword", "sigmoid", recipe=recipe), TensorSpec("y", (1, 1), "float32"))
    assert [read(np.array([[x]], np.float32)).detected for x in (2.0, -2.0)] == [True, False]


def test_a_recording_without_dimensions_gives_a_number_for_each_window() -> None:
    specs = (TensorSpec("y", (), "float32"),)
    windows = [outputs(specs, np.array(each, np.float32)) for each in (1.0, 2.0)]
    found: Any = open_decoder(ModelCard(), specs).whole(windows, Context(end_s=1.0), 0.0)
    np.testing.assert_array_equal(found.values["y"], [1.0, 2.0])


@pytest.mark.parametrize("task", TASKS)
def test_a_softmax_of_probabilities_is_doubted_once(task: str, caplog: pytest.LogCaptureFixture) -> None:
    spec = TensorSpec("y", (1, 4), "float32")
    read = reader(card(task, "logits"), spec)
    with caplog.at_level(logging.WARNING, "edgemm"):
        for scores in ([2.0, -1.0, 0.5, 0.1], [0.9, 0.9, 0.9, 0.9], [0.0, -4.0, 3.0, 2.0]):
            read(np.array([scores], np.float32))
        assert caplog.text == ""
        for scores in ([0.97, 0.01, 0.02, 0.0], [0.2, 0.3, 0.25, 0.25]):
            read(np.array([scores], np.float32))
    assert caplog.text.count('Are they probabilities? Then say "decode": "probabilities"') == 1
