"""Classification: which output, how it is read, the best labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from decoding import answer, outputs

from edgemm.card import ModelCard, OutputCard
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.results import Classification
from edgemm.tasks import open_decoder
from edgemm.tasks.classification import ClassificationRecipe
from edgemm.tasks.context import Context
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
SPECS = (TensorSpec("scores", (1, 3), "float32"),)
LABELS = ("cat", "dog", "owl")


def card(decode: Any = "logits", **fields: Any) -> ModelCard:
    outputs = (OutputCard("scores", (1, 3), decode),)
    return ModelCard(task="classification", outputs=outputs, **{"labels": LABELS, **fields})


def read(numbers: npt.ArrayLike, decode: Any = "logits", **fields: Any) -> Classification:
    result = answer(open_decoder(card(decode, **fields), SPECS), SPECS, np.array([numbers], np.float32))
    assert isinstance(result, Classification)
    return result


def test_the_best_label_is_named() -> None:
    found = read([0.0, 2.0, 1.0])
    assert (found.label, found.class_ids.tolist()) == ("dog", [1])


def test_logits_become_a_distribution() -> None:
    found = read([0.0, np.log(2.0), np.log(5.0)], recipe=ClassificationRecipe(top_k=3))
    np.testing.assert_allclose(found.scores, [5 / 8, 2 / 8, 1 / 8], rtol=1e-6)  # float32 exp


def test_large_logits_do_not_overflow() -> None:
    assert read([1e4, 0.0, -1e4]).score == 1.0


def test_probabilities_stay_as_they_are() -> None:
    assert read([0.2, 0.7, 0.1], "probabilities").score == np.float32(0.7)


def test_sigmoid_scores_each_label_alone() -> None:
    found = read([0.0, 200.0, -200.0], "sigmoid", recipe=ClassificationRecipe(top_k=3))
    np.testing.assert_allclose(found.scores, [1.0, 0.5, 0.0], atol=1e-7)


def test_of_equal_scores_the_first_label_wins() -> None:
    assert read([0.4, 0.4, 0.2], "probabilities", recipe=ClassificationRecipe(top_k=2)).labels == (
        "cat",
        "dog",
    )


def test_more_than_there_are_is_all_there_are() -> None:
    assert read([1.0, 2.0, 3.0], recipe=ClassificationRecipe(top_k=9)).labels == ("owl", "dog", "cat")


def test_without_labels_a_class_is_its_number() -> None:
    assert read([0.0, 0.0, 1.0], labels=()).label == "2"


def test_a_recording_is_judged_by_the_mean_of_its_windows() -> None:
    windows = [outputs(SPECS, np.array([row], np.float32)) for row in ([0.6, 0.4, 0.0], [0.0, 0.5, 0.5])]
    found = open_decoder(card("probabilities"), SPECS).whole(windows, Context(end_s=1.0), 0.0)
    assert isinstance(found, Classification)
    assert found.label == "dog"
    assert found.score == np.float32(0.45)


def test_the_output_that_the_card_says_how_to_read_is_taken() -> None:
    specs = (TensorSpec("features", (1, 8), "float32"), *SPECS)
    cards = (OutputCard("features", (1, 8)), OutputCard("scores", (1, 3), "probabilities"))
    read = open_decoder(ModelCard(task="classification", outputs=cards, labels=LABELS), specs)
    result = answer(read, specs, np.zeros((1, 8), np.float32), np.array([[0.1, 0.1, 0.8]], np.float32))
    assert isinstance(result, Classification)
    assert result.label == "owl"


def test_another_number_of_labels_is_an_error() -> None:
    with pytest.raises(CardError, match="one label for each of its 3 scores, found 2 labels"):
        open_decoder(card(labels=("cat", "dog")), SPECS)


def test_an_output_that_nobody_says_how_to_read_is_an_error() -> None:
    with pytest.raises(CardError, match="one of probabilities, logits, sigmoid; found 'raw'"):
        open_decoder(card("raw"), SPECS)


def test_an_output_that_is_not_in_the_file_is_an_error() -> None:
    with pytest.raises(CardError, match="'scores' of the card is not in the file, which has y"):
        open_decoder(card(), (TensorSpec("y", (1, 3), "float32"),))


def test_a_task_that_this_version_does_not_decode() -> None:
    with pytest.raises(UnsupportedVersion, match=r"task 'audio'.*model\.run"):
        open_decoder(ModelCard(task="audio"), SPECS)


def test_no_task_gives_copies_of_the_outputs() -> None:
    numbers = np.array([[1, 2, 3]], np.float32)
    result = answer(open_decoder(ModelCard(), SPECS), SPECS, numbers)
    numbers[...] = 0
    assert result.to_json() == {"values": {"scores": [[1.0, 2.0, 3.0]]}}
