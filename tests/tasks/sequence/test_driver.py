"""Recipe, parts and vocabularies held to each other before anything is run, and tokens as parts take them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from written_texts import ASSETS, LETTERS, RECIPE, WORDS

from edgemm.card import TextRecipe
from edgemm.errors import CardError
from edgemm.tasks.sequence import SequenceDriver
from edgemm.tasks.sequence.feeds import SourceFeeds, TargetFeeds
from edgemm.tensors import TensorSpec

ENCODER = (
    (("ids", (1, 6), "int32"), ("mask", (1, 6), "float32")),
    (("memory.0.key", (1, 2, 6, 8), "float32"), ("memory.0.value", (1, 2, 6, 8), "float32")),
)
DECODER = (
    (("ids", (1, 1), "int32"), ("position", (1,), "int32"), ("mask", (1, 9), "float32"),
     ("memory_mask", (1, 6), "float32"), *ENCODER[1]),
    (("logits", (1, len(WORDS)), "float32"),),
)  # fmt: skip


def part(form: Any) -> Any:
    inputs, outputs = (tuple(TensorSpec(*each) for each in side) for side in form)
    return SimpleNamespace(inputs=inputs, outputs=outputs, signatures=("",))


def specs(*inputs: tuple[Any, ...]) -> dict[str, TensorSpec]:
    return {each[0]: TensorSpec(*each) for each in inputs}


def opened(encoder: Any = ENCODER, decoder: Any = DECODER, assets: Any = ASSETS, **changes: Any) -> Any:
    parts = {"encoder": part(encoder), "decoder": part(decoder)}
    return SequenceDriver().session(replace(RECIPE, **changes), parts, assets, {})


def test_what_fits_is_opened() -> None:
    assert opened().modality == "text"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"begin": ()}, r"sequence\.begin: expected at least one id, found none"),
        ({"end": ()}, r"sequence\.end: expected at least one id"),
        ({"n_best": 2}, r"sequence\.n_best: expected at most as many as beams, 1, found 2"),
        ({"most_tokens": 2, "least_tokens": 3}, r"most_tokens: expected at least .* 3, found 2"),
        ({"most_tokens": 1, "forced": (3, 4)}, r"most_tokens: expected at least .* 2, found 1"),
        ({"stop": ("a", " ")}, "stop: expected words, found an empty one"),
        ({"memory": {"a": 3}}, r"memory\.a: expected the name of an input, found 3"),
        ({"scores": ""}, "expected names of tensors"),
        ({"source": TextRecipe(tokenizer="characters")}, r"source\.vocabulary: expected the plain name"),
        ({"target": TextRecipe(tokenizer="words")}, r"target\.vocabulary: expected the plain name"),
        ({"target": TextRecipe(tokenizer="words", vocabulary="other")},
         "'other': expected an asset of this name in the bundle, found letters, words"),
        ({"end": (28,)}, "expected ids below 28, the scores of a step, found 28"),
        ({"suppressed": (99,)}, "expected ids below 28"),
        ({"begin": (1,) * 9, "least_tokens": 2}, "cache of 9: expected room for .* none for 9, 0 and 2"),
        ({"begin": (1,) * 10}, "cache of 9: expected room"),
        ({"ids": "tokens"}, "the encoder: expected an input 'tokens', found ids, mask"),
        ({"decoder_ids": "tokens"}, "the decoder: expected an input 'tokens', found ids, position"),
        ({"scores": "scores"}, "the decoder: expected an output 'scores', found logits"),
        ({"memory": {"memory.0.key": "nothing"}}, "found 'memory.0.key' -> 'nothing'"),
        ({"memory": {"nothing": "memory.0.key"}}, "found 'nothing' -> 'memory.0.key'"),
        ({"source": replace(RECIPE.source, ids=5)}, "'letters' has ids up to 11, and the model has embeddings for "
         "ids up to 4"),
    ],
)  # fmt: skip
def test_a_recipe_that_does_not_fit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        opened(**changes)


def test_a_vocabulary_of_another_model() -> None:
    more = ASSETS | {"words": ASSETS["words"] + b"\nmore"}
    with pytest.raises(CardError, match="'words' has ids up to 28, and the decoder gives scores of 28"):
        opened(assets=more)
    fewer = ASSETS | {"words": ASSETS["words"].rpartition(b"\n")[0]}
    assert opened(assets=fewer).modality == "text"  # some decoders have more scores than words


def test_parts_that_have_nothing_in_common() -> None:
    with pytest.raises(CardError, match="memory: expected which outputs of the encoder"):
        opened(decoder=(DECODER[0][:4], DECODER[1]))


@pytest.mark.parametrize("shape", [(1, 2, 7, 8), (1, 2, 6, 4), (1, 2, 48)])
def test_a_decoder_of_another_model(shape: tuple[int, ...]) -> None:
    decoder = ((*DECODER[0][:5], ("memory.0.value", shape, "float32")), DECODER[1])
    said = rf"'memory.0.value' of the shape \[1, 2, 6, 8\] that the encoder gives, found \[{shape[0]}, .*two models"
    with pytest.raises(CardError, match=said):
        opened(decoder=decoder)


def test_sizes_that_are_open_fit_any() -> None:
    decoder = ((*DECODER[0][:5], ("memory.0.value", (-1, 2, -1, 8), "float32")), DECODER[1])
    assert opened(decoder=decoder).modality == "text"


@pytest.mark.parametrize(
    ("place", "spec", "said"),
    [
        (0, ("ids", (1, 2), "int32"), r"'ids': expected one token in a step, \[1, 1\], found \[1, 2\]"),
        (2, ("mask", (1, -1), "float32"), "'mask': expected a mask over a cache of fixed length"),
        (3, ("memory_mask", (1, 7), "float32"), r"'memory_mask': expected \[1, 6\] as the tokens"),
    ],
)
def test_a_decoder_that_does_not_fit(place: int, spec: tuple[Any, ...], said: str) -> None:
    inputs = [*DECODER[0]]
    inputs[place] = spec
    with pytest.raises(CardError, match=said):
        opened(decoder=(tuple(inputs), DECODER[1]))


def test_an_open_encoder_needs_a_length() -> None:
    encoder = ((("ids", (1, -1), "int64"),), ENCODER[1])
    decoder = ((*DECODER[0][:3], *ENCODER[1]), DECODER[1])
    with pytest.raises(CardError, match=r"source\.length: expected how many tokens the encoder takes"):
        opened(encoder, decoder)
    assert opened(encoder, decoder, source=replace(RECIPE.source, length=5)).modality == "text"


def test_tokens_of_a_source() -> None:
    recipe = replace(RECIPE, source=replace(RECIPE.source, pad=9))
    given, held = SourceFeeds(recipe, specs(*ENCODER[0]), specs(*DECODER[0])).fill([4, 5])
    assert given["ids"].dtype == np.int32
    np.testing.assert_array_equal(given["ids"], [[4, 5, 9, 9, 9, 9]])
    np.testing.assert_array_equal(given["mask"], [[1, 1, 0, 0, 0, 0]])
    np.testing.assert_array_equal(held["memory_mask"], [[1, 1, 0, 0, 0, 0]])


def test_tokens_of_an_open_source_are_not_filled_up() -> None:
    recipe = replace(RECIPE, source=replace(RECIPE.source, length=5), mask="attention_mask")
    encoder = specs(("ids", (1, -1), "int64"), ("attention_mask", (1, -1), "int64"))
    feeds = SourceFeeds(recipe, encoder, {})
    given, held = feeds.fill([4, 5])
    assert (given["ids"].tolist(), given["attention_mask"].tolist(), held) == ([[4, 5]], [[1, 1]], {})
    assert given["attention_mask"].dtype == np.int64
    assert feeds.most == 5


def test_a_source_that_is_filled_up_at_its_start() -> None:
    recipe = replace(RECIPE, source=replace(RECIPE.source, pad=9, padding="start"))
    given, held = SourceFeeds(recipe, specs(*ENCODER[0]), specs(*DECODER[0])).fill([4, 5])
    assert given["ids"].tolist() == [[9, 9, 9, 9, 4, 5]]
    assert given["mask"].tolist() == held["memory_mask"].tolist() == [[0, 0, 0, 0, 1, 1]]


def test_a_source_takes_no_more_than_its_file() -> None:
    for length, most in ((0, 6), (50, 6), (4, 4)):
        recipe = replace(RECIPE, source=replace(RECIPE.source, length=length))
        assert SourceFeeds(recipe, specs(*ENCODER[0]), {}).most == most


def test_a_token_of_a_target() -> None:
    feeds = TargetFeeds(RECIPE, specs(*DECODER[0]))
    feeds(7, 5)
    found = feeds(8, 2)
    assert {name: each.tolist() for name, each in found.items()} == {
        "ids": [[8]], "position": [2], "mask": [[1, 1, 1, 0, 0, 0, 0, 0, 0]],
    }  # fmt: skip
    assert feeds.places == 9
    assert feeds(1, 1)["mask"] is found["mask"]


def test_a_decoder_of_two_ways() -> None:
    recipe = replace(RECIPE, decoder_ids="input_ids", cached="use_cache_branch")
    feeds = TargetFeeds(recipe, specs(("input_ids", (-1, -1), "int64"), ("use_cache_branch", (1,), "bool")))
    assert [feeds(1, at)["use_cache_branch"].tolist() for at in (0, 1, 2)] == [[False], [True], [True]]
    assert feeds(4, 0)["input_ids"].shape == (1, 1)
    assert feeds.places == 0
    assert len(LETTERS) == 12
