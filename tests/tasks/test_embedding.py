"""Embeddings: how tokens become one vector, how vectors are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from decoding import outputs

from edgemm.card import ModelCard
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.judge import agreement
from edgemm.results import Embedding
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.embedding import EmbeddingRecipe
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
ROWS = np.array([[[3, 0], [1, 2], [9, 9]]], np.float32)
TWO = np.array([1, 1, 0], np.float32)


def vector(
    numbers: npt.NDArray[Any], mask: npt.NDArray[np.float32] | None = TWO, spec: Any = None, **recipe: Any
) -> list[float]:
    specs = (spec or TensorSpec("hidden", numbers.shape, "float32"),)
    decoder = open_decoder(ModelCard(task="embedding", recipe=EmbeddingRecipe(**recipe)), specs)
    found = decoder.whole((outputs(specs, numbers),), Context(mask=mask), 0.0)
    assert isinstance(found, Embedding)
    assert found.vector.dtype == np.float32
    return [float(each) for each in found.vector]


def test_the_mean_is_of_the_tokens_that_are_there() -> None:
    assert vector(ROWS, pooling="mean", normalize=False) == [2, 1]


def test_the_first_token_may_stand_for_the_text() -> None:
    assert vector(ROWS, None, pooling="first", normalize=False) == [3, 0]


def test_the_first_token_stands_behind_what_fills_the_text_up() -> None:
    assert vector(ROWS, np.array([0, 1, 1], np.float32), pooling="first", normalize=False) == [1, 2]


def test_columns_are_tokens_where_the_file_has_them_so() -> None:
    turned = np.ascontiguousarray(ROWS.transpose(0, 2, 1))
    assert vector(turned, pooling="mean", layout="columns", normalize=False) == [2, 1]
    assert vector(turned, pooling="first", layout="columns", normalize=False) == [3, 0]


def test_a_vector_gets_length_1() -> None:
    assert vector(np.array([[3, 4]], np.float32)) == pytest.approx([0.6, 0.8], abs=1e-7)


def test_a_vector_of_zeros_stays_one() -> None:
    assert vector(np.zeros((1, 2), np.float32)) == [0, 0]


def test_stored_integers_become_numbers_first() -> None:
    spec = TensorSpec("hidden", (1, 3, 2), "int8", 0.5, 2)
    assert vector((ROWS * 2 + 2).astype(np.int8), spec=spec, pooling="mean", normalize=False) == [2, 1]


def test_the_mean_needs_to_know_which_tokens_there_are() -> None:
    with pytest.raises(InputError, match="role mask"):
        vector(ROWS, None, pooling="mean")
    with pytest.raises(InputError, match="at least one token"):
        vector(ROWS, np.zeros(3, np.float32), pooling="mean")
    with pytest.raises(ArtifactError, match="each of 2 tokens, found 3"):
        vector(ROWS, np.ones(2, np.float32), pooling="mean")


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ArtifactError, match="found NaN"):
        vector(np.array([[np.nan, 1]], np.float32))


@pytest.mark.parametrize(
    ("shape", "recipe", "said"),
    [
        ((1, 3, 2), {}, "expected one vector"),
        ((1, 2, 3, 4), {"pooling": "mean"}, "a vector for each token"),
        ((2, 3, 2), {"pooling": "first"}, "a vector for each token"),
        ((1, 2), {"output": "other"}, "expected one of hidden, found 'other'"),
    ],
)
def test_outputs_that_hold_no_embedding(shape: Any, recipe: Any, said: str) -> None:
    with pytest.raises(CardError, match=said):
        vector(np.zeros(shape, np.float32), **recipe)


def embedding(*numbers: float) -> Embedding:
    return Embedding(np.array(numbers, np.float32))


@pytest.mark.parametrize(
    ("other", "cosine"),
    [((2, 0), 1), ((0, 3), 0), ((-1, 0), -1), ((1, 1), 0.5**0.5), ((0, 0), 0)],
)
def test_similarity_is_the_cosine(other: Any, cosine: float) -> None:
    assert embedding(5, 0).similarity(embedding(*other)) == pytest.approx(cosine, abs=1e-7)


def test_the_nearest_of_a_list() -> None:
    others = [embedding(0, 1), embedding(1, 1), embedding(3, 0), embedding(2, 0)]
    found = embedding(1, 0).nearest(others, 3)
    assert [each.place for each in found] == [2, 3, 1]
    assert found[2].similarity == pytest.approx(0.5**0.5)


def test_embeddings_of_two_models_are_not_compared() -> None:
    with pytest.raises(InputError, match="embedding 1: expected a vector of 2"):
        embedding(1, 0).nearest([embedding(1, 0), embedding(1, 0, 0)])
    with pytest.raises(InputError, match="at least one"):
        embedding(1, 0).nearest([])


@pytest.mark.parametrize("count", [0, -1, True, 1.0])
def test_fewer_than_one_are_refused(count: Any) -> None:
    with pytest.raises(InputError, match="count of 1 or more"):
        embedding(1, 0).nearest([embedding(1, 0)], count)


def test_an_array_is_no_embedding() -> None:
    with pytest.raises(InputError, match="embedding 0: expected an Embedding, as models give, found ndarray"):
        embedding(1, 0).similarity(np.ones(2))  # type: ignore[arg-type]


def test_agreement_is_the_mean_cosine_and_the_worst() -> None:
    judge = agreement("embedding")
    assert np.isnan(judge.value())
    judge.add(embedding(1, 0), embedding(2, 0))
    judge.add(embedding(1, 0), embedding(0, 2))
    assert judge.report() == {"samples": 2, "cosine": pytest.approx(0.5), "worst": 0.0}
    with pytest.raises(InputError, match="expected another model's Embedding"):
        judge.add(embedding(1, 0), "yes")


SOUND = (TensorSpec("voice", (1, 2), "float32"),)


def windows(*rows: tuple[float, float]) -> list[Any]:
    return [outputs(SOUND, np.array([row], np.float32)) for row in rows]


def test_windows_of_a_recording_count_alike_whatever_their_length() -> None:
    decoder = open_decoder(ModelCard(task="embedding"), SOUND)
    found = decoder.whole(windows((8, 0), (0, 0.5)), Context(), 0.0)
    assert isinstance(found, Embedding)
    assert found.vector == pytest.approx([np.sqrt(0.5)] * 2)
    plain = open_decoder(ModelCard(task="embedding", recipe=EmbeddingRecipe(normalize=False)), SOUND)
    mean = plain.whole(windows((8, 0), (0, 0.5)), Context(), 0.0)
    assert isinstance(mean, Embedding)
    assert mean.vector == pytest.approx([4, 0.25])


def test_a_stream_gives_the_mean_of_the_newest_windows() -> None:
    decoder = open_decoder(ModelCard(task="embedding", recipe=EmbeddingRecipe(smooth_windows=2)), SOUND)
    state, other = decoder.begin(), decoder.begin()
    rows = windows((2, 0), (0, 3), (0, 1))
    found: list[Any] = [each for row in rows for each in decoder.decode(row, Context(), state)]
    assert np.stack([each.vector for each in found]) == pytest.approx(
        np.array([[1, 0], [np.sqrt(0.5)] * 2, [0, 1]])
    )
    (alone,) = decoder.decode(windows((0, 3))[0], Context(), other)
    assert isinstance(alone, Embedding)
    assert alone.vector == pytest.approx([0, 1])
