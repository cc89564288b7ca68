"""Texts as tensors: filled up, masked, counted; and what does not fit."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from text_models import bytes_recipe

from edgemm.card import InputCard, TextRecipe
from edgemm.errors import CardError, InputError
from edgemm.preprocess import TextPreprocessor, compile_text
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
SECRET = "my password is swordfish"


def specs(length: int = 8, **types: str) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(role, (1, length), types.get(role, "int64")) for role in ("ids", "mask", "types"))


def cards(recipe: TextRecipe) -> tuple[InputCard, ...]:
    return (
        InputCard("ids", "text", role="ids", text=recipe),
        InputCard("mask", "text", role="mask"),
        InputCard("types", "text", role="types"),
    )


def compiled(**recipe: Any) -> TextPreprocessor:
    return compile_text(cards(bytes_recipe(**recipe)), specs(), {})


def filled(prepare: TextPreprocessor, text: str, pair: str | None = None) -> dict[str, npt.NDArray[Any]]:
    tensors = {spec.name: np.full(spec.shape, 77, spec.dtype) for spec in specs(prepare.length)}
    mask = prepare(text, pair, tensors.__getitem__)
    assert mask.tolist() == tensors["mask"][0].tolist()
    return tensors


def test_one_text_fills_three_tensors() -> None:
    found = filled(compiled(pad=5), "ab", "c")
    assert found["ids"].tolist() == [[1, 107, 108, 3, 109, 2, 5, 5]]
    assert found["mask"].tolist() == [[1, 1, 1, 1, 1, 1, 0, 0]]
    assert found["types"].tolist() == [[0, 0, 0, 0, 1, 1, 0, 0]]


def test_a_text_may_be_filled_up_at_its_start() -> None:
    found = filled(compiled(padding="start"), "a", "b")
    assert found["ids"].tolist() == [[0, 0, 0, 1, 107, 3, 108, 2]]
    assert found["mask"].tolist() == [[0, 0, 0, 1, 1, 1, 1, 1]]
    assert found["types"].tolist() == [[0, 0, 0, 0, 0, 0, 1, 1]]


def test_a_mask_may_be_real_or_quantized() -> None:
    given = (specs()[0], TensorSpec("mask", (8,), "int8", 0.5, -1), TensorSpec("types", (1, 8), "int32"))
    tensors = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in given}
    compile_text(cards(bytes_recipe()), given, {})("a", None, tensors.__getitem__)
    assert tensors["mask"].tolist() == [1, 1, 1, -1, -1, -1, -1, -1]  # 1 / 0.5 - 1, and 0 - 1


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="found an empty text"):
        filled(compiled(), text)


def test_an_empty_second_text_is_refused() -> None:
    with pytest.raises(InputError, match="found an empty text"):
        filled(compiled(), "a", " ")


def test_half_a_character_is_refused_and_no_error_shows_the_text() -> None:
    with pytest.raises(InputError, match="lone surrogate") as raised:
        filled(compiled(), SECRET + "\ud800")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_text_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="expected str, found bytes"):
        filled(compiled(), b"a")  # type: ignore[arg-type]


def test_a_whole_library_is_no_text() -> None:
    with pytest.raises(InputError, match="at most 1048576 characters, found 1048577"):
        filled(compiled(), "a" * ((1 << 20) + 1))


def test_a_long_text_is_cut_and_that_is_said_without_it(caplog: pytest.LogCaptureFixture) -> None:
    prepare = compiled()
    with caplog.at_level(logging.WARNING, "edgemm"):
        found = filled(prepare, SECRET)
        filled(prepare, SECRET)
    assert found["ids"][0, -1] == 2
    assert found["mask"].all()
    assert len(caplog.records) == 1
    assert "more tokens than the 8" in caplog.text
    assert not any(word in caplog.text for word in SECRET.split() if len(word) > 2)


def test_a_long_text_is_refused_where_the_card_says_so() -> None:
    with pytest.raises(InputError, match="more tokens than the 8"):
        filled(compiled(too_long="refuse"), "abcdefg")
    filled(compiled(too_long="refuse"), "abcdef")


def letters(**recipe: Any) -> TextPreprocessor:
    made = TextRecipe(tokenizer="characters", vocabulary="v.txt", unknown=1, **recipe)
    return compile_text(cards(made), specs(), {"v.txt": b"<pad>\n<unk>\na\nb\n"})


def test_a_text_in_another_script_is_answered_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "edgemm"):
        found = filled(letters(), "你好")
        filled(letters(), "你a")
    assert found["ids"].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]
    assert [each.message for each in caplog.records] == [
        "the vocabulary has none of the 2 tokens of a text: the answer says little"
    ]


def test_a_text_in_another_script_is_refused_where_the_card_says_so() -> None:
    with pytest.raises(InputError, match="none of the 2 tokens"):
        filled(letters(all_unknown="refuse"), "你好")
    filled(letters(all_unknown="refuse"), "你a")


def test_a_vocabulary_of_another_model_is_refused() -> None:
    with pytest.raises(CardError, match="ids up to 265, and the model has embeddings for ids up to 264"):
        compiled(ids=265)
    compiled(ids=266)


def test_a_type_that_does_not_hold_the_ids_is_refused() -> None:
    with pytest.raises(CardError, match="int8 does not hold ids up to 265"):
        compile_text(cards(bytes_recipe()), specs(ids="int8"), {})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (TensorSpec("mask", (1, 9), "int64"), "expected inputs of one length"),
        (TensorSpec("mask", (2, 8), "int64"), r"need \[1, tokens\] or \[tokens\]"),
        (TensorSpec("types", (1, 8), "int8", 0.1, 0), "whole numbers as they are"),
        (TensorSpec("types", (1, 8), "bool"), "whole numbers as they are"),
    ],
)
def test_tensors_that_hold_no_text_are_refused(changed: TensorSpec, said: str) -> None:
    given = tuple(changed if each.name == changed.name else each for each in specs())
    with pytest.raises(CardError, match=said):
        compile_text(cards(bytes_recipe()), given, {})


def test_the_cards_length_is_that_of_the_tensors() -> None:
    with pytest.raises(CardError, match=r"and 9 in text\.length"):
        compiled(length=9)


def test_a_vocabulary_that_did_not_come_along_is_missing() -> None:
    made = TextRecipe(tokenizer="characters", vocabulary="v.txt")
    with pytest.raises(CardError, match=r"'v.txt' that the card names is missing"):
        compile_text(cards(made), specs(), {})


def test_only_inputs_of_text_are_looked_at() -> None:
    with pytest.raises(CardError, match="found none"):
        compile_text((InputCard("ids"),), specs(), {})
